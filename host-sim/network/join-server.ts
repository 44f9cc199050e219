/**
 * Join requests and accepts (TS001-1.0.4 6.2): who is known, whose MIC is right, whose DevNonce has grown, gets a new session with a DevAddr
 * of its own. A DevAddr is never given twice, so that whoever reads a capture can tell the sessions apart.
 */
import { FrameCodec } from "../../firmware/wire/lorawan-codec.ts";
import { newJoinAccept, newJoinRequest, parseJoinRequest } from "../../firmware/wire/lorawan-frame.ts";
import { AdrEngine } from "./adr-engine.ts";
import { type Device, DeviceSession } from "./device-session.ts";
import type { AesKeyFactory } from "./network-crypto.ts";
import type { NetworkPlan } from "./network-plan.ts";
import { toHex } from "./text-encoding.ts";

/** The largest JoinNonce, 24 bits. */
const MAX_JOIN_NONCE = 0xffffff;
/** NetID 0 is for experiments; its devices have NwkID 0 in the seven upper bits (RP002-1.0.4 has nothing on it, TS001-1.0.4 6.1.1 has). */
const NET_ID = 0;

export interface JoinServerOptions {
  aes: AesKeyFactory;
  plan: NetworkPlan;
  rx1DelayS: number;
  rx1DrOffset: number;
  rx2DataRate: number;
  installationMarginDb: number;
}

export type JoinRefusal =
  | "malformed-join-request"
  | "unknown-device"
  | "wrong-join-eui"
  | "wrong-join-mic"
  | "dev-nonce-reused"
  | "join-nonce-exhausted";

export type JoinOutcome =
  | {
      ok: true;
      device: Device;
      session: DeviceSession;
      /** The session of an earlier accept that no uplink ever followed. */
      replaced: DeviceSession | undefined;
      accept: Uint8Array;
    }
  | { ok: false; reason: JoinRefusal; device?: Device };

export class JoinServer {
  #options: JoinServerOptions;
  #request = newJoinRequest();
  #accept = newJoinAccept();
  #nextAddress = 1;

  constructor(options: JoinServerOptions) {
    this.#options = options;
  }

  /** Judges a join request; when it is good, the device's new session is pending and the accept (33 bytes) is ready to be sent. */
  handle(frame: Uint8Array, find: (devEui: string) => Device | undefined): JoinOutcome {
    const request = this.#request;
    if (!parseJoinRequest(frame, frame.length, request)) return { ok: false, reason: "malformed-join-request" };
    const device = find(toHex(request.devEui));
    if (device === undefined) return { ok: false, reason: "unknown-device" };
    if (device.joinEui !== toHex(request.joinEui)) return { ok: false, reason: "wrong-join-eui", device };
    const crypto = device.newCrypto(this.#options.aes);
    const codec = new FrameCodec(crypto);
    if (!codec.checkJoinRequestMic(frame)) return { ok: false, reason: "wrong-join-mic", device };
    if (request.devNonce <= device.lastDevNonce) return { ok: false, reason: "dev-nonce-reused", device };
    if (device.joinNonce >= MAX_JOIN_NONCE) return { ok: false, reason: "join-nonce-exhausted", device };
    device.lastDevNonce = request.devNonce;
    device.joinNonce++;

    const { plan, rx1DelayS, rx1DrOffset, rx2DataRate, installationMarginDb } = this.#options;
    const accept = this.#accept;
    accept.joinNonce = device.joinNonce;
    accept.netId = NET_ID;
    accept.devAddr = this.#nextAddress++;
    accept.rx1DrOffset = rx1DrOffset;
    accept.rx2DataRate = rx2DataRate;
    accept.rx1DelayS = rx1DelayS;
    accept.hasCfList = true;
    accept.cfList.set(plan.cfList);
    const into = new Uint8Array(33);
    codec.writeJoinAccept(accept, crypto, into);
    codec.deriveSessionKeys(device.joinNonce, NET_ID, request.devNonce);

    const adr = new AdrEngine({
      maxDataRate: plan.maxAdrDataRate,
      maxTxPower: plan.region.maxTxPower,
      installationMarginDb,
    });
    const parameters = { devAddr: accept.devAddr, rx1DelayS, rx1DrOffset, rx2DataRate };
    const session = new DeviceSession(device, crypto, codec, parameters, adr);
    const replaced = device.pending;
    device.pending = session;
    return { ok: true, device, session, replaced, accept: into };
  }
}
