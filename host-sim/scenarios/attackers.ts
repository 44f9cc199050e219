/**
 * Somebody with a transmitter beside a node. Three kinds, which may act together:
 *
 *   jammer     frames of random bytes at random moments on all channels, and on the very channel of an uplink while that is in the air
 *   flooder    after each uplink, random bytes in both receive windows, at the very moment
 *   forger     after each uplink, what looks like a downlink: right address, next counter, MAC commands, a control message, an old downlink again or one
 *              with a bit turned; join accepts of random bytes after a join request; and uplinks in the node's name
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { CONTROL_FPORT } from "../../firmware/wire/control-message.ts";
import { frameType, MTYPE, newDataFrame, parseDataFrame } from "../../firmware/wire/lorawan-frame.ts";
import { symbolUs, timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import type { AirTransmission, RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";

export interface AttackOptions {
  world: World;
  channel: RadioChannel;
  position: Position;
  /** Where the jammer makes noise. */
  frequenciesHz: readonly number[];
  rx2: { frequencyHz: number; spreadingFactor: number; bandwidthHz: LoraModulation["bandwidthHz"] };
  /** RX1 after data, in seconds; RX2 is one later. */
  rx1DelayS: number;
  /** Between two frames of the jammer, in milliseconds, on the average; 0: no jammer. */
  jamEveryMs: number;
  /** Part of the uplinks that are jammed, 0 to 1. */
  jam: number;
  /** Part of the uplinks that are answered by the flooder and by the forger, 0 to 1. */
  flood: number;
  forge: number;
  /** When it ends, in the world's microseconds. */
  untilUs: number;
}

const POWER_DBM = 20;
const SECOND_US = 1_000_000;
const JOIN_DELAY_S = 5;
const SPREADING_FACTORS = 6;
const MAX_FRAME_BYTES = 222;
/** Old downlinks that are kept to be sent again. */
const KEPT_DOWNLINKS = 200;
/** MAC commands that would harm: LinkADRReq, DutyCycleReq, RXParamSetupReq, NewChannelReq, RXTimingSetupReq. */
const COMMANDS: readonly (readonly number[])[] = Object.freeze([
  Object.freeze([0x03, 0x00, 0x01, 0x00, 0x01]),
  Object.freeze([0x04, 0x0f]),
  Object.freeze([0x05, 0x00, 0xd2, 0xad, 0x84]),
  Object.freeze([0x07, 0x03, 0xd0, 0x68, 0x84, 0x00]),
  Object.freeze([0x08, 0x0f]),
]);

export class Attack {
  readonly counters = { jammed: 0, flooded: 0, forged: 0, replayed: 0 };
  /** Frames that were made up, the newest last. */
  readonly forged: Uint8Array[] = [];
  #options: AttackOptions;
  #random: RandomStream;
  #downlinks: Uint8Array[] = [];
  #parsed = newDataFrame();
  #fCntDown = 0;

  constructor(options: AttackOptions) {
    this.#options = options;
    this.#random = options.world.random("attack");
    options.channel.onTransmission((transmission) => this.#hear(transmission));
    if (options.jamEveryMs > 0) this.#jamLater();
  }

  get #isOver(): boolean {
    return this.#options.world.nowUs >= this.#options.untilUs;
  }

  #jamLater(): void {
    const { world, jamEveryMs } = this.#options;
    world.after((1 + this.#random.below(2 * jamEveryMs)) * 1000, () => this.#jam());
  }

  #jam(): void {
    if (this.#isOver) return;
    const { frequenciesHz } = this.#options;
    const frequencyHz = frequenciesHz[this.#random.below(frequenciesHz.length)];
    const spreadingFactor = 7 + this.#random.below(SPREADING_FACTORS);
    const invertIq = this.#random.below(2) === 0;
    const modulation = modulationOf(frequencyHz, spreadingFactor, 125_000, invertIq);
    this.counters.jammed++;
    this.#send(modulation, this.#noise(1 + this.#random.below(60)));
    this.#jamLater();
  }

  /** From its fifth symbol on, as long as can be. */
  #jamUplink(modulation: LoraModulation): void {
    const afterUs = 5 * symbolUs(modulation.spreadingFactor, modulation.bandwidthHz);
    this.counters.jammed++;
    this.#options.world.after(afterUs, () => this.#send(modulation, this.#noise(MAX_FRAME_BYTES)));
  }

  #hear({ from, modulation, frame, endUs }: AirTransmission): void {
    if (from === this || this.#isOver) return;
    if (modulation.invertIq) {
      this.#downlinks.push(frame.slice());
      if (this.#downlinks.length > KEPT_DOWNLINKS) this.#downlinks.shift();
      if (parseDataFrame(frame, frame.length, this.#parsed)) this.#fCntDown = this.#parsed.fCnt16 + 1;
      return;
    }
    if (this.#random.unit() < this.#options.jam) this.#jamUplink(modulation);
    const isJoin = frameType(frame) === MTYPE.joinRequest;
    const delayS = isJoin ? JOIN_DELAY_S : this.#options.rx1DelayS;
    const { frequencyHz, spreadingFactor, bandwidthHz } = modulation;
    const rx1 = modulationOf(frequencyHz, spreadingFactor, bandwidthHz, true);
    const { rx2 } = this.#options;
    const second = modulationOf(rx2.frequencyHz, rx2.spreadingFactor, rx2.bandwidthHz, true);
    const devAddr = !isJoin && parseDataFrame(frame, frame.length, this.#parsed) ? this.#parsed.devAddr : 0;
    for (const [window, atS] of [
      [rx1, delayS],
      [second, delayS + 1],
    ] as const) {
      const draw = this.#random.unit();
      const { flood, forge } = this.#options;
      if (draw >= flood + forge) continue;
      const bytes = draw < flood ? this.#flood() : isJoin ? this.#forgeAccept() : this.#forge(devAddr);
      this.#options.world.at(endUs + atS * SECOND_US, () => this.#send(window, bytes));
    }
    if (!isJoin && this.#random.unit() < this.#options.forge) this.#forgeUplink(frame, modulation);
  }

  #flood(): Uint8Array {
    this.counters.flooded++;
    return this.#keep(this.#noise(1 + this.#random.below(MAX_FRAME_BYTES)));
  }

  #forgeAccept(): Uint8Array {
    this.counters.forged++;
    const accept = this.#noise(this.#random.below(2) === 0 ? 17 : 33);
    accept[0] = MTYPE.joinAccept << 5;
    return this.#keep(accept);
  }

  #forge(devAddr: number): Uint8Array {
    const old = this.#downlinks;
    const how = this.#random.below(3);
    if (how === 0 && old.length > 0) {
      this.counters.replayed++;
      return old[this.#random.below(old.length)];
    }
    this.counters.forged++;
    if (how === 1 && old.length > 0) {
      const turned = old[this.#random.below(old.length)].slice();
      const bit = this.#random.below(turned.length * 8);
      turned[bit >>> 3] ^= 1 << (bit & 7);
      return this.#keep(turned);
    }
    return this.#keep(this.#newDownlink(devAddr));
  }

  /** Everything is right but the MIC. */
  #newDownlink(devAddr: number): Uint8Array {
    const random = this.#random;
    const confirmed = random.below(2) === 0;
    const fOpts = random.below(2) === 0 ? COMMANDS[random.below(COMMANDS.length)] : [];
    const fPort = fOpts.length > 0 ? CONTROL_FPORT : random.below(2) === 0 ? 0 : CONTROL_FPORT;
    const fCnt = (this.#fCntDown + random.below(20)) & 0xffff;
    const address = [devAddr, devAddr >>> 8, devAddr >>> 16, devAddr >>> 24];
    const type = confirmed ? MTYPE.confirmedDown : MTYPE.unconfirmedDown;
    const header = [type << 5, ...address, 0xa0 | fOpts.length, fCnt, fCnt >>> 8, ...fOpts, fPort];
    return new Uint8Array([...header, ...this.#noise(random.below(20)), ...this.#noise(4)]);
  }

  /** At another moment, so that the gateway hears it: the same frame with a bit turned, or the next counter with a MIC made up. */
  #forgeUplink(frame: Uint8Array, modulation: LoraModulation): void {
    const bytes = frame.slice();
    if (this.#random.below(2) === 0) bytes[this.#random.below(bytes.length)] ^= 1 << this.#random.below(8);
    else bytes[6]++;
    this.counters.forged++;
    this.#options.world.after((3 + this.#random.below(20)) * SECOND_US, () => this.#send(modulation, bytes));
  }

  #noise(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#random.fill(bytes);
    return bytes;
  }

  #keep(frame: Uint8Array): Uint8Array {
    this.forged.push(frame);
    return frame;
  }

  #send(modulation: LoraModulation, frame: Uint8Array): void {
    const { world, channel, position } = this.#options;
    const startUs = world.nowUs;
    const endUs = startUs + timeOnAirUs(modulation, frame.length);
    channel.transmit({ modulation, frame, powerDbm: POWER_DBM, startUs, endUs, from: this, position });
  }
}

function modulationOf(
  frequencyHz: number,
  spreadingFactor: number,
  bandwidthHz: LoraModulation["bandwidthHz"],
  invertIq: boolean,
): LoraModulation {
  const fixed = { codingRate: 1, preambleSymbols: 8, syncWord: 0x34, crcOn: !invertIq };
  return { frequencyHz, spreadingFactor, bandwidthHz, invertIq, ...fixed };
}
