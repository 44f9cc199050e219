/**
 * Reads a capture with lora-packet alone: pcap and LoRaTap are taken apart here, joins and session keys by that library, from the AppKeys that
 * stand in nodes/<devEui>.secrets.json. Nothing of the project's own code takes part.
 */
import assert from "node:assert/strict";
import loraPacket from "lora-packet";
import type { SecretsFile } from "../e2e/simulation.ts";

/** Its default export is the module on Node, and the class to TypeScript. */
export const lora = loraPacket.default ?? loraPacket;
type LoraPacket = ReturnType<typeof lora.fromWire>;

/** A record of the capture. */
export interface AirFrame {
  unixUs: number;
  frequencyHz: number;
  /** As written in the header: 1 for 125 kHz. */
  bandwidth: number;
  spreadingFactor: number;
  syncWord: number;
  bytes: Buffer;
}

/** Takes a big-endian pcap file with LoRaTap (version 0) headers apart; anything else fails the test. */
export function readCapture(file: Buffer): AirFrame[] {
  assert.equal(file.readUInt32BE(0), 0xa1b2c3d4);
  assert.equal(file.readUInt32BE(20), 270, "LINKTYPE_LORATAP");
  const frames: AirFrame[] = [];
  for (let at = 24; at < file.length; ) {
    const [seconds, micros, kept, length] = [0, 4, 8, 12].map((offset) => file.readUInt32BE(at + offset));
    assert.equal(kept, length, "no frame is cut short");
    const record = file.subarray(at + 16, at + 16 + kept);
    assert.equal(record.length, kept);
    assert.equal(record[0], 0);
    const headerLength = record.readUInt16BE(2);
    frames.push({
      unixUs: seconds * 1_000_000 + micros,
      frequencyHz: record.readUInt32BE(4),
      bandwidth: record[8],
      spreadingFactor: record[9],
      syncWord: record[14],
      bytes: record.subarray(headerLength),
    });
    at += 16 + kept;
  }
  return frames;
}

export interface Session {
  devEui: string;
  /** Hexadecimal, most significant digit first. */
  devAddr: string;
  nwkSKey: Buffer;
  appSKey: Buffer;
  joinNonce: number;
  /** The last frame counter seen in each direction, 32 bits. */
  lastUp: number;
  lastDown: number;
}

/** A frame that lora-packet found good. `payload` is decrypted. */
export type JudgedFrame = AirFrame & { packet: LoraPacket } & (
    | { kind: "join-request"; devEui: string; devNonce: number }
    | { kind: "join-accept"; session: Session; request: AirFrame }
    | { kind: "data"; up: boolean; session: Session; fCnt: number; port: number | null; payload: Buffer }
  );

/** Frames judged one after the other: each must have a right MIC, or the test fails. */
export class AirJudge {
  readonly sessions: Session[] = [];
  #secrets: SecretsFile[];
  #requests = new Map<string, { frame: AirFrame; devNonce: Buffer }>();

  constructor(secrets: SecretsFile[]) {
    this.#secrets = secrets;
  }

  judge(frame: AirFrame): JudgedFrame {
    const packet = lora.fromWire(frame.bytes);
    if (packet.isJoinRequestMessage()) return this.#joinRequest(frame, packet);
    if (packet.isJoinAcceptMessage()) return this.#joinAccept(frame, packet);
    assert.ok(packet.isDataMessage(), packet.getMType());
    return this.#data(frame, packet);
  }

  /** TS001-1.0.4 6.2.3 */
  #joinRequest(frame: AirFrame, packet: LoraPacket): JudgedFrame {
    const devEui = packet.DevEUI!.toString("hex");
    const secrets = this.#secrets.find((candidate) => candidate.devEui === devEui);
    assert.ok(secrets !== undefined, `a join request of ${devEui}`);
    assert.equal(packet.JoinEUI.toString("hex"), secrets.joinEui);
    assert.ok(lora.verifyMIC(packet, undefined, Buffer.from(secrets.appKey, "hex")), "MIC of the join request");
    const devNonce = packet.DevNonce!;
    this.#requests.set(devEui, { frame, devNonce });
    return { ...frame, packet, kind: "join-request", devEui, devNonce: devNonce.readUInt16BE() };
  }

  /** TS001-1.0.4 6.2.4: it names no device, so every AppKey is tried, and exactly one must fit. */
  #joinAccept(frame: AirFrame, packet: LoraPacket): JudgedFrame {
    const fitting = this.#secrets.flatMap(({ devEui, appKey }) => {
      const key = Buffer.from(appKey, "hex");
      const plain = lora.fromWire(lora.decryptJoinAccept(packet, key));
      // With OptNeg set it would be an accept of LoRaWAN 1.1: the wrong key's noise.
      const fits = !plain.getDLSettingsOptNeg() && lora.verifyMIC(plain, undefined, key);
      return fits ? [{ devEui, key, plain }] : [];
    });
    assert.equal(fitting.length, 1, "MIC of the join accept");
    const [{ devEui, key, plain }] = fitting;
    const request = this.#requests.get(devEui)!;
    const keys = lora.generateSessionKeys10(key, plain.NetID!, plain.JoinNonce, request.devNonce);
    const session: Session = {
      devEui,
      devAddr: plain.DevAddr!.toString("hex"),
      nwkSKey: keys.NwkSKey,
      appSKey: keys.AppSKey,
      joinNonce: plain.JoinNonce.readUIntBE(0, 3),
      lastUp: 0,
      lastDown: 0,
    };
    assert.ok(!this.sessions.some(({ devAddr }) => devAddr === session.devAddr), "a DevAddr of its own");
    this.sessions.push(session);
    return { ...frame, packet: plain, kind: "join-accept", session, request: request.frame };
  }

  /** TS001-1.0.4 4.4; 4.3.1.5: 16 of the counter's 32 bits are in the air. */
  #data(frame: AirFrame, packet: LoraPacket): JudgedFrame {
    const devAddr = packet.DevAddr!.toString("hex");
    const session = this.sessions.find((candidate) => candidate.devAddr === devAddr);
    assert.ok(session !== undefined, `a join gave ${devAddr}`);
    const up = packet.getDir() === "up";
    const last = up ? session.lastUp : session.lastDown;
    let fCnt = last - (last % 0x10000) + packet.getFCnt()!;
    if (fCnt < last) fCnt += 0x10000;
    if (up) session.lastUp = fCnt;
    else session.lastDown = fCnt;
    const high = Buffer.alloc(2);
    high.writeUInt16LE(fCnt >>> 16);
    const { nwkSKey, appSKey } = session;
    assert.ok(lora.verifyMIC(packet, nwkSKey, undefined, high), `MIC of ${packet.getMType()} ${fCnt}`);
    const port = packet.getFPort();
    const payload = port === null ? Buffer.alloc(0) : lora.decrypt(packet, appSKey, nwkSKey, high);
    return { ...frame, packet, kind: "data", up, session, fCnt, port, payload };
  }
}
