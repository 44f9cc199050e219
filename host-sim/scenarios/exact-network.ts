/**
 * A network that is exact to the microsecond: it answers an uplink at RECEIVE_DELAY1 or RECEIVE_DELAY2 (TS001-1.0.4 3.3), or not at all, as chance has
 * it. It knows one device, and keeps to no duty cycle.
 */
import type { Region } from "../../firmware/core/lorawan/region/region.ts";
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { FrameCodec } from "../../firmware/wire/lorawan-codec.ts";
import {
  frameType,
  MTYPE,
  newDataFrame,
  newJoinAccept,
  newJoinRequest,
  parseDataFrame,
  parseJoinRequest,
} from "../../firmware/wire/lorawan-frame.ts";
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import { NetworkCrypto, nobleAes } from "../network/network-crypto.ts";
import type { AirTransmission, RadioChannel } from "../radio/channel.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";

const DEV_ADDR = 0x01020304;
const JOIN_DELAY_US = 5_000_000;
const SECOND_US = 1_000_000;
const POSITION = { x: 500, y: 0 };
const POWER_DBM = 27;
const APP_PORT = 10;
const PAYLOAD = new Uint8Array([1]);

export class ExactNetwork {
  /** Downlinks by window. */
  readonly sent: [number, number] = [0, 0];
  /** The window that the answer to the last uplink comes in, 0 or 1; -1: in none. */
  answersIn = -1;
  #world: World;
  #channel: RadioChannel;
  #region: Region;
  #random: RandomStream;
  #keys = new NetworkCrypto(nobleAes);
  #codec = new FrameCodec(this.#keys);
  #joinNonce = 0;
  #fCntDown = 0;

  constructor(world: World, channel: RadioChannel, region: Region, appKey: Uint8Array) {
    this.#world = world;
    this.#channel = channel;
    this.#region = region;
    this.#random = world.random("exact network");
    this.#keys.importKey(KEY_SLOT.appKey, appKey);
    channel.onTransmission((transmission) => {
      if (!transmission.modulation.invertIq) this.#answer(transmission);
    });
  }

  #answer({ modulation, frame, endUs }: AirTransmission): void {
    if (frameType(frame) === MTYPE.joinRequest) {
      this.#send(endUs + JOIN_DELAY_US, this.#rx1(modulation), this.#joinAccept(frame));
      return;
    }
    if (!parseDataFrame(frame, frame.length, newDataFrame())) throw new Error("no data frame");
    this.answersIn = this.#random.below(3) - 1;
    if (this.answersIn < 0) return;
    this.sent[this.answersIn]++;
    const atUs = endUs + (1 + this.answersIn) * SECOND_US;
    this.#send(atUs, this.answersIn === 0 ? this.#rx1(modulation) : this.#rx2(), this.#downlink());
  }

  #joinAccept(frame: Uint8Array): Uint8Array {
    const request = newJoinRequest();
    if (!parseJoinRequest(frame, frame.length, request)) throw new Error("no join request");
    const { rx2DataRate } = this.#region;
    const accept = { ...newJoinAccept(), joinNonce: ++this.#joinNonce, devAddr: DEV_ADDR, rx2DataRate };
    const into = new Uint8Array(33);
    const length = this.#codec.writeJoinAccept(accept, this.#keys, into);
    this.#codec.deriveSessionKeys(this.#joinNonce, 0, request.devNonce);
    return into.slice(0, length);
  }

  #downlink(): Uint8Array {
    const flags = { uplink: false, confirmed: false, adr: false, adrAckReq: false, ack: false, fPending: false };
    const header = { ...flags, devAddr: DEV_ADDR, fCnt: this.#fCntDown++, fPort: APP_PORT };
    const into = new Uint8Array(64);
    return into.slice(0, this.#codec.writeData(header, PAYLOAD, 0, PAYLOAD, PAYLOAD.length, into));
  }

  /** RP002-1.0.4, by region: where and how RX1 listens after this uplink. */
  #rx1({ frequencyHz, spreadingFactor, bandwidthHz }: LoraModulation): LoraModulation {
    const region = this.#region;
    const uplink = region.dataRates.findIndex(
      (rate) => rate?.spreadingFactor === spreadingFactor && rate.bandwidthHz === bandwidthHz,
    );
    return downlink(region, region.rx1DataRates[uplink][0], rx1FrequencyHz(region, frequencyHz, bandwidthHz));
  }

  #rx2(): LoraModulation {
    const region = this.#region;
    return downlink(region, region.rx2DataRate, region.rx2FrequencyHz);
  }

  #send(startUs: number, modulation: LoraModulation, frame: Uint8Array): void {
    this.#world.at(startUs, () => {
      const endUs = startUs + timeOnAirUs(modulation, frame.length);
      const place = { powerDbm: POWER_DBM, from: this, position: POSITION };
      this.#channel.transmit({ modulation, frame, startUs, endUs, ...place });
    });
  }
}

/** US915 and AU915 have eight downlink channels (RP002-1.0.4 2.5.7, 2.8.7); elsewhere RX1 is where the uplink was. */
function rx1FrequencyHz({ name }: Region, uplinkHz: number, bandwidthHz: number): number {
  if (name !== "US915" && name !== "AU915") return uplinkHz;
  const [firstHz, firstWideHz] = name === "US915" ? [902_300_000, 903_000_000] : [915_200_000, 915_900_000];
  const channel = bandwidthHz === 500_000 ? (uplinkHz - firstWideHz) / 1_600_000 : (uplinkHz - firstHz) / 200_000;
  return 923_300_000 + 600_000 * (channel % 8);
}

function downlink(region: Region, dataRate: number, frequencyHz: number): LoraModulation {
  const { spreadingFactor, bandwidthHz } = region.dataRates[dataRate]!;
  const fixed = { codingRate: 1, preambleSymbols: 8, syncWord: 0x34, invertIq: true, crcOn: false };
  return { frequencyHz, spreadingFactor, bandwidthHz, ...fixed };
}
