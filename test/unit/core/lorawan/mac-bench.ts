/** A LoRaWAN machine on the bench: its flash, its radio and the network's half of the cryptography, in hand-driven time. */
import { equal, ok } from "node:assert/strict";
import type { MacCommand, MacEvent } from "../../../../firmware/core/lorawan/events.ts";
import { Mac, type MacOptions } from "../../../../firmware/core/lorawan/mac.ts";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { FrameCodec } from "../../../../firmware/wire/lorawan-codec.ts";
import {
  type DataFrame,
  type DataHeader,
  type JoinAccept,
  NO_PORT,
  newDataFrame,
  newJoinAccept,
  newJoinRequest,
  parseDataFrame,
  parseJoinRequest,
} from "../../../../firmware/wire/lorawan-frame.ts";
import { symbolUs, timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { NodeKeys } from "../../wire/lorawan-keys.ts";

export const DEV_EUI = Buffer.from("0004a30b001c0530", "hex");
export const JOIN_EUI = Buffer.from("70b3d57ed0000001", "hex");
const APP_KEY = Buffer.from("00112233445566778899aabbccddeeff", "hex");
export const DEV_ADDR = 0x26011bda;

/** A command as it was when it was handed out. */
export interface Seen {
  kind: MacCommand["kind"];
  atMs: number;
  key?: string;
  bytes?: Uint8Array;
  modulation?: LoraModulation;
  powerDbm?: number;
  symbolTimeout?: number;
  reason?: string;
  untilMs?: number;
  acknowledged?: boolean;
  fPending?: boolean;
  port?: number;
  gpsMs?: number;
  timeMs?: number;
  marginDb?: number;
  gateways?: number;
}

export interface Air {
  /** Arrives in the first or second window. */
  rx1?: Uint8Array;
  rx2?: Uint8Array;
  snrDb?: number;
}

export class MacBench {
  nowMs = 1_000;
  readonly options: MacOptions;
  readonly deviceKeys = new NodeKeys(APP_KEY);
  readonly networkKeys = new NodeKeys(APP_KEY);
  readonly network = new FrameCodec(this.networkKeys);
  readonly flash = new Map<string, Uint8Array>();
  mac: Mac;
  seen: Seen[] = [];
  joinNonce = 0;
  fCntDown = 0;
  /** Saves and restores into a new machine after every event. */
  cycles = false;
  /** Throws instead of writing, when it says so: a power cut at this write. */
  cut: (() => boolean) | undefined;

  constructor(options: Partial<MacOptions> = {}) {
    const random = new RandomStream(7, "mac-bench");
    this.options = {
      devEui: DEV_EUI,
      joinEui: JOIN_EUI,
      region: EU868,
      crypto: this.deviceKeys,
      random,
      ...options,
    };
    this.mac = new Mac(this.options);
  }

  /** Power was lost: all that is left is flash. */
  reboot(): void {
    this.nowMs = 500;
    this.deviceKeys.keys.delete(3);
    this.deviceKeys.keys.delete(4);
    this.seen = [];
    this.mac = new Mac(this.options);
    this.mac.loadPersistent((key, into) => {
      const value = this.flash.get(key);
      if (value === undefined) return -1;
      into.set(value);
      return value.length;
    }, this.nowMs);
  }

  saved(): Uint8Array {
    const bytes = new Uint8Array(2048);
    return bytes.slice(0, this.mac.save(bytes, 0));
  }

  handle(event: MacEvent): void {
    this.mac.handle(event, this.nowMs);
    this.drain();
  }

  drain(): void {
    for (let command = this.mac.pollCommand(); command !== undefined; command = this.mac.pollCommand()) {
      this.#note(command);
    }
    if (!this.cycles) return;
    const state = this.saved();
    const next = new Mac(this.options);
    equal(next.restore(state, 0, this.nowMs), state.length);
    this.mac = next;
  }

  #note(command: MacCommand): void {
    const seen: Seen = { kind: command.kind, atMs: this.nowMs };
    if (command.kind === "store") {
      if (this.cut?.()) throw new PowerCut();
      seen.key = command.key;
      seen.bytes = command.value.slice(0, command.length);
      this.flash.set(command.key, seen.bytes);
    } else if (command.kind === "transmit") {
      seen.bytes = command.frame.slice(0, command.length);
      seen.modulation = { ...command.modulation };
      seen.powerDbm = command.powerDbm;
    } else if (command.kind === "receive") {
      seen.modulation = { ...command.modulation };
      seen.symbolTimeout = command.symbolTimeout;
    } else if (command.kind === "downlink") {
      seen.port = command.port;
      seen.bytes = command.payload.slice(0, command.length);
    } else if (command.kind === "time") {
      seen.gpsMs = command.gpsMs;
      seen.timeMs = command.atMs;
    } else {
      Object.assign(seen, command);
    }
    this.seen.push(seen);
  }

  all(kind: Seen["kind"]): Seen[] {
    return this.seen.filter((seen) => seen.kind === kind);
  }

  last(kind: Seen["kind"]): Seen {
    const found = this.all(kind).at(-1);
    ok(found, `no ${kind} among ${this.kinds()}`);
    return found;
  }

  kinds(): string {
    return this.seen.map((seen) => (seen.key ? `${seen.kind} ${seen.key}` : seen.kind)).join(", ");
  }

  /** Time goes on to the machine's own timeout. */
  toTimeout(): void {
    const atMs = this.mac.pollTimeout();
    ok(atMs !== undefined, "nothing to wait for");
    this.nowMs = Math.max(this.nowMs, atMs);
    this.mac.handleTimeout(this.nowMs);
    this.drain();
  }

  /** The frame under way leaves the antenna. */
  transmitted(): void {
    const { modulation, bytes } = this.last("transmit");
    this.nowMs += Math.ceil(timeOnAirUs(modulation!, bytes!.length) / 1000);
    this.handle({ kind: "transmitted", atMs: this.nowMs });
  }

  /** One window: `frame` comes in, or the window ends. */
  window(frame: Uint8Array | undefined, snrDb = 5): void {
    const before = this.all("receive").length;
    this.toTimeout();
    equal(this.all("receive").length, before + 1);
    const { modulation, symbolTimeout } = this.last("receive");
    if (frame === undefined) {
      this.nowMs += Math.ceil((symbolTimeout! * symbolUs(modulation!.spreadingFactor, modulation!.bandwidthHz)) / 1000);
      this.handle({ kind: "receiveTimeout", atMs: this.nowMs });
    } else {
      this.nowMs += Math.ceil(timeOnAirUs(modulation!, frame.length) / 1000);
      this.handle({ kind: "received", frame, length: frame.length, rssiDbm: -90, snrDb, atMs: this.nowMs });
    }
  }

  /** From the transmission under way to the end of the windows. */
  air({ rx1, rx2, snrDb }: Air = {}): void {
    this.transmitted();
    this.window(rx1, snrDb);
    if (this.mac.pollTimeout() !== undefined && this.#isBeforeRx2()) this.window(rx2, snrDb);
  }

  #isBeforeRx2(): boolean {
    // Behind RX1 the machine waits less than a second for RX2; for a repeat it waits one second at least.
    return this.mac.pollTimeout()! - this.nowMs < 1_000;
  }

  accept(change: Partial<JoinAccept> = {}): Uint8Array {
    const request = newJoinRequest();
    const { bytes } = this.last("transmit");
    ok(parseJoinRequest(bytes!, bytes!.length, request));
    const accept = {
      ...newJoinAccept(),
      joinNonce: ++this.joinNonce,
      netId: 0x13,
      devAddr: DEV_ADDR,
      rx2DataRate: 0,
      ...change,
    };
    this.joinNonce = Math.max(this.joinNonce, accept.joinNonce);
    const frame = new Uint8Array(33);
    const length = this.network.writeJoinAccept(accept, this.networkKeys, frame);
    this.network.deriveSessionKeys(accept.joinNonce, accept.netId, request.devNonce);
    this.fCntDown = 0;
    return frame.slice(0, length);
  }

  join(change: Partial<JoinAccept> = {}): void {
    this.handle({ kind: "join" });
    this.transmitted();
    this.window(this.accept(change));
    ok(this.mac.joined);
  }

  down(change: Partial<DataHeader> = {}, fOpts = "", payload = ""): Uint8Array {
    const header: DataHeader = {
      uplink: false,
      confirmed: false,
      devAddr: DEV_ADDR,
      adr: true,
      adrAckReq: false,
      ack: false,
      fPending: false,
      fCnt: this.fCntDown++,
      fPort: payload === "" ? NO_PORT : 10,
      ...change,
    };
    const into = new Uint8Array(255);
    const options = Buffer.from(fOpts, "hex");
    const body = Buffer.from(payload, "hex");
    const length = this.network.writeData(header, options, options.length, body, body.length, into);
    return into.slice(0, length);
  }

  send(payload = "01", confirmed = false, port = 1): void {
    const bytes = Buffer.from(payload, "hex");
    this.handle({ kind: "send", port, payload: bytes, length: bytes.length, confirmed });
  }

  /** Sends, and lets `air` come down; returns the uplink as the network reads it. */
  exchange(air: Air = {}, payload = "01", confirmed = false): Uplink {
    this.send(payload, confirmed);
    const uplink = this.uplink();
    this.air(air);
    this.settle();
    return uplink;
  }

  /** Lets repeats and flushed answers go out, with nothing coming down, until the machine is idle. */
  settle(): void {
    while (this.mac.pollTimeout() !== undefined) {
      this.toTimeout();
      if (this.seen.at(-1)?.kind === "transmit") this.air();
    }
  }

  /** The last transmission, its MIC checked with `fCntHigh` as the upper half of the counter. */
  uplink(fCntHigh = 0): Uplink {
    const { bytes } = this.last("transmit");
    const parsed = newDataFrame();
    ok(parseDataFrame(bytes!, bytes!.length, parsed), parsed.reason);
    const fCnt = fCntHigh * 0x10000 + parsed.fCnt16;
    ok(this.network.checkDataMic(bytes!, parsed, fCnt), "MIC");
    const payload = new Uint8Array(255);
    const length = this.network.decryptPayload(bytes!, parsed, fCnt, payload);
    return {
      ...parsed,
      fOpts: Buffer.from(bytes!.slice(parsed.fOptsAt, parsed.fOptsAt + parsed.fOptsLength)).toString("hex"),
      payload: Buffer.from(payload.slice(0, length)).toString("hex"),
    };
  }
}

export interface Uplink extends DataFrame {
  fOpts: string;
  payload: string;
}

export class PowerCut extends Error {}
