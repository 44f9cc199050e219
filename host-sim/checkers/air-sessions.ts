/**
 * Reads the frames in the air with the devices' root keys, as a laboratory's sniffer would: it follows the joins, derives each session's keys, and says
 * of every data frame whose it is and under which counter. It knows nothing of the MAC's books, nor of the network server's.
 */
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { FrameCodec } from "../../firmware/wire/lorawan-codec.ts";
import {
  type DataFrame,
  frameType,
  MTYPE,
  newDataFrame,
  newJoinAccept,
  newJoinRequest,
  parseDataFrame,
  parseJoinRequest,
} from "../../firmware/wire/lorawan-frame.ts";
import { NetworkCrypto, nobleAes } from "../network/network-crypto.ts";
import { toHex } from "../network/text-encoding.ts";

export interface SniffedDevice {
  /** Sixteen hexadecimal digits. */
  devEui: string;
  appKey: Uint8Array;
}

/** One session of one device. */
export interface AirSession {
  readonly devEui: string;
  readonly devAddr: number;
  readonly devNonce: number;
  readonly codec: FrameCodec;
  /** NwkSKey as hexadecimal digits: the session's name. */
  readonly key: string;
  /** The highest counters seen with a correct MIC, -1 for none. */
  highestUp: number;
  highestDown: number;
}

/** What a frame is. The object is used again and again; `parsed` and `payload` too. */
export interface AirFrame {
  kind: "join-request" | "join-accept" | "up" | "down";
  devEui: string;
  /** Of join requests and accepts. */
  devNonce: number;
  /** Of data frames and join accepts. */
  session: AirSession | undefined;
  fCnt: number;
  parsed: DataFrame;
  /** Decrypted; the first `parsed.payloadLength` bytes count. */
  payload: Uint8Array;
}

/** Counters further on than this are not looked for. */
const ROUNDS = 2;

interface Device {
  codec: FrameCodec;
  crypto: NetworkCrypto;
  appKey: Uint8Array;
  /** Of the last join request seen. */
  devNonce: number;
}

export class AirSessions {
  readonly sessions: AirSession[] = [];
  #devices = new Map<string, Device>();
  #byAddress = new Map<number, AirSession[]>();
  #request = newJoinRequest();
  #accept = newJoinAccept();
  #frame: AirFrame = {
    kind: "up",
    devEui: "",
    devNonce: 0,
    session: undefined,
    fCnt: 0,
    parsed: newDataFrame(),
    payload: new Uint8Array(255),
  };

  constructor(devices: readonly SniffedDevice[]) {
    for (const { devEui, appKey } of devices) {
      const crypto = new NetworkCrypto(nobleAes);
      crypto.importKey(KEY_SLOT.appKey, appKey);
      this.#devices.set(devEui, { codec: new FrameCodec(crypto), crypto, appKey, devNonce: -1 });
    }
  }

  /** Reads one frame; undefined when its MIC is right under no key of ours: then nothing has changed. */
  read(frame: Uint8Array): AirFrame | undefined {
    const type = frameType(frame);
    if (type === MTYPE.joinRequest) return this.#joinRequest(frame);
    if (type === MTYPE.joinAccept) return this.#joinAccept(frame);
    const { parsed } = this.#frame;
    if (!parseDataFrame(frame, frame.length, parsed)) return undefined;
    for (const session of this.#byAddress.get(parsed.devAddr) ?? []) {
      const fCnt = this.#counter(frame, session);
      if (fCnt >= 0) return this.#data(frame, session, fCnt);
    }
    return undefined;
  }

  #joinRequest(frame: Uint8Array): AirFrame | undefined {
    const request = this.#request;
    if (!parseJoinRequest(frame, frame.length, request)) return undefined;
    const devEui = toHex(request.devEui);
    const device = this.#devices.get(devEui);
    if (device === undefined || !device.codec.checkJoinRequestMic(frame)) return undefined;
    device.devNonce = request.devNonce;
    return this.#found("join-request", devEui, request.devNonce, undefined);
  }

  #joinAccept(frame: Uint8Array): AirFrame | undefined {
    const accept = this.#accept;
    for (const [devEui, device] of this.#devices) {
      if (!device.codec.readJoinAccept(frame, frame.length, accept)) continue;
      const { joinNonce, netId, devAddr } = accept;
      const crypto = new NetworkCrypto(nobleAes);
      crypto.importKey(KEY_SLOT.appKey, device.appKey);
      const codec = new FrameCodec(crypto);
      codec.deriveSessionKeys(joinNonce, netId, device.devNonce);
      const key = toHex(crypto.exportKey(KEY_SLOT.nwkSKey));
      const atAddress = this.#byAddress.get(devAddr) ?? [];
      // The same accept again, by whoever repeats it, makes no new session.
      let session = atAddress.find((known) => known.key === key);
      if (session === undefined) {
        const { devNonce } = device;
        session = { devEui, devAddr, devNonce, codec, key, highestUp: -1, highestDown: -1 };
        this.#byAddress.set(devAddr, [...atAddress, session]);
        this.sessions.push(session);
      }
      return this.#found("join-accept", devEui, device.devNonce, session);
    }
    return undefined;
  }

  /** The whole counter of a data frame under the session's keys, or -1. */
  #counter(frame: Uint8Array, session: AirSession): number {
    const { parsed } = this.#frame;
    const highest = Math.max(parsed.uplink ? session.highestUp : session.highestDown, 0);
    const round = Math.floor(highest / 0x10000);
    for (let at = Math.max(round - ROUNDS, 0); at <= round + ROUNDS; at++) {
      const fCnt = at * 0x10000 + parsed.fCnt16;
      if (session.codec.checkDataMic(frame, parsed, fCnt)) return fCnt;
    }
    return -1;
  }

  #data(frame: Uint8Array, session: AirSession, fCnt: number): AirFrame {
    const { parsed, payload } = this.#frame;
    session.codec.decryptPayload(frame, parsed, fCnt, payload);
    if (parsed.uplink) session.highestUp = Math.max(session.highestUp, fCnt);
    else session.highestDown = Math.max(session.highestDown, fCnt);
    this.#frame.fCnt = fCnt;
    return this.#found(parsed.uplink ? "up" : "down", session.devEui, session.devNonce, session);
  }

  #found(kind: AirFrame["kind"], devEui: string, devNonce: number, session: AirSession | undefined): AirFrame {
    const found = this.#frame;
    found.kind = kind;
    found.devEui = devEui;
    found.devNonce = devNonce;
    found.session = session;
    return found;
  }
}
