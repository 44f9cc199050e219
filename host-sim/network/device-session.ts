/**
 * What the network knows of one device and of each of its sessions: keys, counters, the parameters that both sides agreed upon.
 *
 *   REGISTERED --join accept made--> a session is PENDING --first uplink under its keys--> it is CURRENT, the one before is forgotten
 *
 * Until then the old session stays good: the device may never have heard the accept.
 */
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import type { FrameCodec } from "../../firmware/wire/lorawan-codec.ts";
import { type DataFrame, nextFrameCounter } from "../../firmware/wire/lorawan-frame.ts";
import type { AdrEngine, AdrSetting } from "./adr-engine.ts";
import { DownlinkQueue } from "./downlink-queue.ts";
import { type AesKeyFactory, NetworkCrypto } from "./network-crypto.ts";
import { toHex } from "./text-encoding.ts";

/** A device that refused three times will refuse a fourth time. */
const MAX_ADR_REFUSALS = 3;
/** Each round costs a CMAC, and whoever replays a frame decides how often; older ones count as a wrong MIC. */
const ROUNDS_LOOKED_BACK = 4;

export interface DeviceRegistration {
  /** 8 bytes, as written. */
  devEui: Uint8Array;
  joinEui: Uint8Array;
  /** 16 bytes. */
  appKey: Uint8Array;
  /** As ChirpStack shows it; the DevEUI when not given. */
  name?: string;
}

/** A device of the registry, whether it has joined or not. */
export class Device {
  /** Sixteen hexadecimal digits. */
  readonly devEui: string;
  readonly joinEui: string;
  readonly name: string;
  readonly queue = new DownlinkQueue();
  readonly #appKey: Uint8Array;
  /** The last DevNonce that was accepted, -1 for none (TS001-1.0.4 6.2.3: it only ever grows). */
  lastDevNonce = -1;
  /** The last JoinNonce given out (6.2.4: a counter of this device's own that never repeats). */
  joinNonce = 0;
  current: DeviceSession | undefined;
  pending: DeviceSession | undefined;

  constructor(registration: DeviceRegistration) {
    this.devEui = toHex(registration.devEui);
    this.joinEui = toHex(registration.joinEui);
    this.name = registration.name ?? this.devEui;
    this.#appKey = registration.appKey.slice();
  }

  /** A new key store with the AppKey in it. */
  newCrypto(aes: AesKeyFactory): NetworkCrypto {
    const crypto = new NetworkCrypto(aes);
    crypto.importKey(KEY_SLOT.appKey, this.#appKey);
    return crypto;
  }
}

export interface SessionParameters {
  devAddr: number;
  rx1DelayS: number;
  rx1DrOffset: number;
  rx2DataRate: number;
}

/** What `DeviceSession.judge` says of a data frame. */
export type UplinkVerdict =
  | { kind: "new"; fCnt: number }
  /** The newest frame once more: NbTrans, or a confirmed frame whose acknowledgement was lost. */
  | { kind: "repeated"; fCnt: number }
  | { kind: "refused"; reason: "wrong-mic" | "replayed-frame-counter" | "frame-counter-exhausted" };

export class DeviceSession {
  readonly device: Device;
  readonly parameters: Readonly<SessionParameters>;
  readonly codec: FrameCodec;
  readonly adr: AdrEngine;
  /** The newest counter seen, -1 before the first uplink. */
  fCntUp = -1;
  /** What LinkADRReq asked for and no LinkADRAns has answered. */
  adrAsked: AdrSetting | undefined;
  /** How often the device refused what ADR asked for. */
  adrRefusals = 0;
  #crypto: NetworkCrypto;
  #fCntDown = 0;

  constructor(device: Device, crypto: NetworkCrypto, codec: FrameCodec, parameters: SessionParameters, adr: AdrEngine) {
    this.device = device;
    this.parameters = parameters;
    this.codec = codec;
    this.adr = adr;
    this.#crypto = crypto;
  }

  /** Checks MIC and counter (TS001-1.0.4 4.3.1.5, 4.4). Changes nothing. */
  judge(frame: Uint8Array, parsed: DataFrame): UplinkVerdict {
    const repeats = this.fCntUp >= 0 && parsed.fCnt16 === this.fCntUp % 0x10000;
    if (repeats && this.codec.checkDataMic(frame, parsed, this.fCntUp)) return { kind: "repeated", fCnt: this.fCntUp };
    const fCnt = nextFrameCounter(this.fCntUp, parsed.fCnt16);
    if (fCnt < 0) return { kind: "refused", reason: "frame-counter-exhausted" };
    if (this.codec.checkDataMic(frame, parsed, fCnt)) return { kind: "new", fCnt };
    return { kind: "refused", reason: this.#wasSeen(frame, parsed, fCnt) ? "replayed-frame-counter" : "wrong-mic" };
  }

  /** Only to name the reason: is it a frame of ours with the same 16 bits, some rounds before `fCnt`? */
  #wasSeen(frame: Uint8Array, parsed: DataFrame, fCnt: number): boolean {
    for (let round = 1; round <= ROUNDS_LOOKED_BACK; round++) {
      const earlier = fCnt - round * 0x10000;
      if (earlier >= 0 && this.codec.checkDataMic(frame, parsed, earlier)) return true;
    }
    return false;
  }

  /** The counter for a downlink; never the same twice, whether that downlink then leaves or not. */
  takeFCntDown(): number {
    return this.#fCntDown++;
  }

  /** What ADR would have the device use; nothing any more for one that keeps refusing. */
  proposeAdr(spreadingFactor: number): AdrSetting | undefined {
    return this.adrRefusals < MAX_ADR_REFUSALS ? this.adr.propose(spreadingFactor) : undefined;
  }

  /** NwkSKey and AppSKey, for those who read a capture. */
  exportKeys(): { nwkSKey: Uint8Array; appSKey: Uint8Array } {
    return { nwkSKey: this.#crypto.exportKey(KEY_SLOT.nwkSKey), appSKey: this.#crypto.exportKey(KEY_SLOT.appSKey) };
  }
}
