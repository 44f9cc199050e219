/**
 * The test control layer: it stands in the network's place, hears every uplink whatever its channel, and says exactly what a test wants, at the
 * very microsecond that the standard names. Its half of the cryptography runs on node:crypto, its rules for RX1 come from the network's plan, and
 * every frame that was in the air is shown to lora-packet at the end (`finish`).
 */
import assert from "node:assert/strict";
import loraPacket from "lora-packet";
import { REGIONS } from "../../../firmware/core/lorawan/region/index.ts";
import { FrameCodec } from "../../../firmware/wire/lorawan-codec.ts";
import {
  type DataFrame,
  frameType,
  type JoinAccept,
  type JoinRequest,
  MTYPE,
  NO_PORT,
  newDataFrame,
  newJoinAccept,
  newJoinRequest,
  parseDataFrame,
  parseJoinRequest,
} from "../../../firmware/wire/lorawan-frame.ts";
import { timeOnAirUs } from "../../../firmware/wire/time-on-air.ts";
import { NetworkPlan } from "../../../host-sim/network/network-plan.ts";
import { type AirListener, type AirTransmission, RadioChannel } from "../../../host-sim/radio/channel.ts";
import { World } from "../../../host-sim/world.ts";
import { knowDevice } from "../../interop/every-frame.ts";
import { NodeKeys } from "../../unit/wire/lorawan-keys.ts";
import { APP_KEY, DEV_EUI, DeviceUnderTest, JOIN_EUI } from "./device.ts";

const lora = loraPacket.default ?? loraPacket;
const START_UNIX_MS = 1_790_000_000_000;
const NET_ID = 0x13;

/** Sends what the device must pass over: a wrong MIC, another's address. Whoever judges the frames in the air knows it by this. */
class Forger {}

export interface Uplink extends DataFrame {
  transmission: AirTransmission;
  fCnt: number;
  /** Hexadecimal; `payload` decrypted. */
  fOpts: string;
  payload: string;
  dataRate: number;
}

export interface Request extends JoinRequest {
  transmission: AirTransmission;
  dataRate: number;
}

/** What a downlink is to say; hexadecimal strings. */
export interface Down {
  port?: number;
  payload?: string;
  fOpts?: string;
  confirmed?: boolean;
  ack?: boolean;
  fPending?: boolean;
  /** In the second window instead of the first. */
  rx2?: boolean;
  /** Microseconds off the exact time; a wrong counter, address or MIC, or another data rate or frequency. */
  offsetUs?: number;
  fCnt?: number;
  devAddr?: number;
  wrongMic?: boolean;
  dataRate?: number;
  frequencyHz?: number;
}

/** What is agreed about the windows. */
interface Windows {
  rx1DelayS: number;
  rx1DrOffset: number;
  rx2DataRate: number;
  rx2FrequencyHz: number;
}

export class TestLayer implements AirListener {
  readonly world: World;
  readonly channel: RadioChannel;
  readonly device: DeviceUnderTest;
  readonly plan: NetworkPlan;
  readonly position = { x: 100, y: 0 };
  windows: Windows;
  devAddr = 0;
  fCntDown = 0;
  joinNonce = 0;
  /** RX1 frequencies that DlChannelReq has moved, by uplink frequency. */
  readonly movedRx1Hz = new Map<number, number>();
  readonly air: AirTransmission[] = [];
  readonly #codec: FrameCodec;
  readonly #keys = new NodeKeys(APP_KEY);
  readonly #sessions = new Map<number, { nwkSKey: Buffer; appSKey: Buffer; lastUp: number }>();
  readonly #forged = new Set<string>();
  readonly #forger = new Forger();
  readonly #heard: AirTransmission[] = [];

  constructor(regionName: string, seed = 1) {
    const region = REGIONS.find(({ name }) => name === regionName)!;
    this.world = new World(seed, START_UNIX_MS);
    this.channel = new RadioChannel(this.world);
    this.plan = new NetworkPlan(region);
    knowDevice(hex(DEV_EUI), hex(JOIN_EUI), APP_KEY);
    this.windows = this.#defaults();
    this.#codec = new FrameCodec(this.#keys);
    this.channel.attach(this);
    this.channel.onTransmission((transmission) =>
      this.air.push({ ...transmission, frame: transmission.frame.slice() }),
    );
    this.device = new DeviceUnderTest(this.world, this.channel, region);
  }

  #defaults(): Windows {
    const { rx2DataRate, rx2FrequencyHz } = this.plan.region;
    return { rx1DelayS: 1, rx1DrOffset: 0, rx2DataRate, rx2FrequencyHz };
  }

  hears({ modulation }: AirTransmission): boolean {
    return !modulation.invertIq;
  }

  received(transmission: AirTransmission): void {
    this.#heard.push(transmission);
  }

  /** Lets time pass until the next uplink is over. */
  #nextFrame(withinS: number): AirTransmission {
    const untilUs = this.world.nowUs + withinS * 1_000_000;
    this.world.run(untilUs, () => this.#heard.length > 0);
    const frame = this.#heard.shift();
    assert.ok(frame !== undefined, `an uplink within ${withinS} s (${this.device.troubles.join(", ")})`);
    return frame;
  }

  /** True when nothing comes for so long. */
  silence(seconds: number): boolean {
    this.world.run(this.world.nowUs + seconds * 1_000_000, () => this.#heard.length > 0);
    return this.#heard.length === 0;
  }

  /** The next uplink, which must be a data frame under the session's keys. */
  uplink(withinS = 700): Uplink {
    const transmission = this.#nextFrame(withinS);
    const { frame, modulation } = transmission;
    const parsed = newDataFrame();
    assert.ok(parseDataFrame(frame, frame.length, parsed), `a data frame, not type ${frameType(frame)}`);
    assert.equal(parsed.devAddr, this.devAddr);
    const session = this.#sessions.get(this.devAddr)!;
    const same = session.lastUp - (session.lastUp % 0x10000) + parsed.fCnt16;
    const fCnt = same < session.lastUp ? same + 0x10000 : same;
    assert.ok(this.#codec.checkDataMic(frame, parsed, fCnt), "MIC");
    session.lastUp = fCnt;
    const payload = new Uint8Array(255);
    const length = this.#codec.decryptPayload(frame, parsed, fCnt, payload);
    if (length > 0) {
      const high = Buffer.from([(fCnt >>> 16) & 0xff, fCnt >>> 24]);
      const plain = lora.decrypt(lora.fromWire(Buffer.from(frame)), session.appSKey, session.nwkSKey, high);
      assert.equal(plain?.toString("hex"), hex(payload.subarray(0, length)), "lora-packet reads the same");
    }
    return {
      ...parsed,
      transmission,
      fCnt,
      fOpts: hex(frame.subarray(parsed.fOptsAt, parsed.fOptsAt + parsed.fOptsLength)),
      payload: hex(payload.subarray(0, length)),
      dataRate: this.plan.dataRateOf(modulation),
    };
  }

  /** The next join request. A device that has a session goes on using it meanwhile: its data frames are passed over. */
  request(withinS = 3_700): Request {
    const untilUs = this.world.nowUs + withinS * 1_000_000;
    let transmission = this.#nextFrame(withinS);
    while (frameType(transmission.frame) !== MTYPE.joinRequest) {
      assert.ok(this.world.nowUs < untilUs, `a join request within ${withinS} s`);
      transmission = this.#nextFrame(withinS);
    }
    const parsed = newJoinRequest();
    assert.ok(parseJoinRequest(transmission.frame, transmission.frame.length, parsed), "a join request");
    assert.ok(this.#codec.checkJoinRequestMic(transmission.frame), "MIC");
    assert.deepEqual(Buffer.from(parsed.devEui), DEV_EUI);
    return { ...parsed, transmission, dataRate: this.plan.dataRateOf(transmission.modulation) };
  }

  /** Answers a join request; the session is the new one from then on. */
  accept(request: Request, change: Partial<JoinAccept> & { rx2?: boolean; wrongMic?: boolean } = {}): void {
    const { region } = this.plan;
    const nonce = change.joinNonce ?? ++this.joinNonce;
    const accept: JoinAccept = {
      ...newJoinAccept(),
      netId: NET_ID,
      devAddr: 0x26000000 + nonce,
      rx2DataRate: region.rx2DataRate,
      ...change,
      joinNonce: nonce,
    };
    const into = new Uint8Array(33);
    const length = this.#codec.writeJoinAccept(accept, this.#keys, into);
    const frame = into.slice(0, length);
    const isGood = change.wrongMic !== true;
    if (!isGood) {
      frame[length - 1] ^= 1;
      this.#forged.add(hex(frame));
    }
    const dataRate = change.rx2 ? region.rx2DataRate : this.plan.rx1DataRate(request.dataRate, 0);
    const { frequencyHz } = request.transmission.modulation;
    const downHz = change.rx2 ? region.rx2FrequencyHz : this.plan.rx1FrequencyHz(frequencyHz);
    this.#transmit(frame, request.transmission.endUs + (change.rx2 ? 6_000_000 : 5_000_000), downHz, dataRate, isGood);
    if (!isGood) return;
    this.#codec.deriveSessionKeys(nonce, NET_ID, request.devNonce);
    const bigEndian = (value: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      bytes.writeUIntBE(value, 0, length);
      return bytes;
    };
    const nonces = [bigEndian(NET_ID, 3), bigEndian(nonce, 3), bigEndian(request.devNonce, 2)] as const;
    const keys = lora.generateSessionKeys10(APP_KEY, ...nonces);
    assert.deepEqual([this.#keys.key(3), this.#keys.key(4)], [keys.NwkSKey, keys.AppSKey]);
    this.devAddr = accept.devAddr;
    this.fCntDown = 0;
    this.#sessions.set(accept.devAddr, { nwkSKey: this.#keys.key(3), appSKey: this.#keys.key(4), lastUp: 0 });
    const { rx1DelayS, rx1DrOffset, rx2DataRate } = accept;
    this.windows = { ...this.#defaults(), rx1DelayS, rx1DrOffset, rx2DataRate };
    this.movedRx1Hz.clear();
  }

  /** Case 000's way in: a join, no duty cycle, an uplink every 5 s. Returns the first uplink of that kind. */
  activate(change: Partial<JoinAccept> = {}): Uplink {
    this.device.boot();
    this.accept(this.request(), change);
    return this.takeCharge(this.uplink());
  }

  /** TxPeriodicityChangeReq 5 s, then RegionalDutyCycleCtrlReq off. */
  takeCharge(uplink: Uplink): Uplink {
    return this.command(this.command(uplink, "0601"), "0500");
  }

  /** A downlink in answer to `uplink`; returns when it begins, in microseconds. */
  reply(uplink: Uplink, down: Down): number {
    const { windows } = this;
    const body = Buffer.from(down.payload ?? "", "hex");
    const options = Buffer.from(down.fOpts ?? "", "hex");
    const header = {
      uplink: false,
      confirmed: down.confirmed ?? false,
      devAddr: down.devAddr ?? this.devAddr,
      adr: true,
      adrAckReq: false,
      ack: down.ack ?? false,
      fPending: down.fPending ?? false,
      fCnt: down.fCnt ?? this.fCntDown++,
      fPort: down.port ?? NO_PORT,
    };
    const into = new Uint8Array(300);
    const length = this.#codec.writeData(header, options, options.length, body, body.length, into);
    const frame = into.slice(0, length);
    if (down.wrongMic) {
      frame[length - 1] ^= 1;
      this.#forged.add(hex(frame));
    }
    const uplinkHz = uplink.transmission.modulation.frequencyHz;
    const rx1Hz = this.movedRx1Hz.get(uplinkHz) ?? this.plan.rx1FrequencyHz(uplinkHz);
    const dataRate =
      down.dataRate ?? (down.rx2 ? windows.rx2DataRate : this.plan.rx1DataRate(uplink.dataRate, windows.rx1DrOffset));
    const frequencyHz = down.frequencyHz ?? (down.rx2 ? windows.rx2FrequencyHz : rx1Hz);
    const delayUs = (windows.rx1DelayS + (down.rx2 ? 1 : 0)) * 1_000_000 + (down.offsetUs ?? 0);
    const isGood = down.wrongMic !== true && header.devAddr === this.devAddr;
    return this.#transmit(frame, uplink.transmission.endUs + delayUs, frequencyHz, dataRate, isGood);
  }

  /** Sends a command of TS009, and awaits the uplink after it. */
  command(uplink: Uplink, payload: string, down: Down = {}): Uplink {
    this.reply(uplink, { ...down, port: 224, payload });
    return this.uplink();
  }

  /** MAC commands, in FOpts or (`port: 0`) as payload; returns the uplink after it. */
  mac(uplink: Uplink, commands: string, down: Down = {}): Uplink {
    this.reply(uplink, down.port === 0 ? { ...down, payload: commands } : { ...down, fOpts: commands });
    return this.uplink();
  }

  /** Frequencies of the next `count` uplinks, ascending. */
  channelsUsed(count: number): number[] {
    const used = new Set<number>();
    for (let i = 0; i < count; i++) used.add(this.uplink().transmission.modulation.frequencyHz);
    return [...used].sort((a, b) => a - b);
  }

  #transmit(frame: Uint8Array, startUs: number, frequencyHz: number, dataRate: number, isGood: boolean): number {
    const modulation = this.plan.downlink(frequencyHz, dataRate);
    const endUs = startUs + timeOnAirUs(modulation, frame.length);
    this.world.at(startUs, () =>
      this.channel.transmit({
        modulation,
        powerDbm: 14,
        frame,
        startUs: this.world.nowUs,
        endUs,
        from: isGood ? this : this.#forger,
        position: this.position,
      }),
    );
    return startUs;
  }

  /** Shows every frame that was in the air to lora-packet: the MIC of each is right, but for the ones that were to be wrong. */
  finish(): number {
    const forged = (frame: Uint8Array): boolean => this.#forged.has(hex(frame));
    for (const { frame } of this.air) {
      const bytes = Buffer.from(frame);
      const packet = lora.fromWire(bytes);
      const type = frameType(frame);
      if (type === MTYPE.joinRequest) {
        assert.ok(lora.verifyMIC(packet, undefined, APP_KEY));
      } else if (type === MTYPE.joinAccept) {
        // What a forged accept decrypts to is noise, which lora-packet may take for an accept of LoRaWAN 1.1.
        if (forged(frame)) continue;
        assert.ok(lora.verifyMIC(lora.fromWire(lora.decryptJoinAccept(packet, APP_KEY)), undefined, APP_KEY));
      } else {
        const session = this.#sessions.get(packet.DevAddr!.readUInt32BE());
        // Another's address: a frame that the device had to pass over.
        if (session === undefined) continue;
        // The upper half of the counter is not in the air; no test goes further than this.
        const found = [0, 1, 2].find((high) =>
          lora.verifyMIC(packet, session.nwkSKey, undefined, Buffer.from([high, 0])),
        );
        assert.equal(found !== undefined, !forged(frame), `MIC of ${packet.getMType()} ${packet.getFCnt()}`);
      }
    }
    assert.deepEqual(
      this.device.troubles.filter((trouble) => trouble.startsWith("radio")),
      [],
    );
    return this.air.length;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
