/**
 * Frames between a node and a base node, without a LoRaWAN network: LoRa with the private sync word, explicit header and payload CRC both ways.
 *
 *   1  version (3 bits: 001) | down (1) | time (1) | 000
 *   4  address: CRC-32 of the DevEUI
 *   4  counter: of this uplink; in an answer, that of the uplink which it answers
 *   1  port: what the payload is, numbered as LoRaWAN's FPorts are (32 SCHC fragments of tokens, 33 control); 0 without a payload
 *  [7  only in an answer with `time`: Unix milliseconds (6) and the exponent n of their uncertainty of 2^n ms (1)]
 *      payload
 *   4  tag                                                                                                    (all big-endian)
 *
 * `time` in an uplink asks for the time. 14 bytes come on top of a payload, 13 in LoRaWAN.
 *
 * The tag is the beginning of AES-CMAC (RFC 4493) over "p2p" | ueid (9 bytes) | the frame without tag, under the key that the node shares with its
 * receiver. Tokens need none, they are signed; it is for all that is not: without it a stranger with a radio could ask for tiles that are not missing,
 * abort every token (Receiver-Abort), mix wrong tiles into a reassembly, or tell a wrong time. Node and receiver check it; the base between them has no key
 * and need not be trusted with more than to pass frames on. The ueid keeps nodes with the same address apart, `down` keeps a frame from being sent back.
 * Four bytes are what LoRaWAN's MIC has: a guess costs a transmission, in one window of 50 ms for each frame that the node sends.
 *
 * Replays: a counter is never used twice, a receiver takes ascending counters only, and an answer names its question's (core/uplink/p2p-link.ts says which
 * answers a node takes). Nothing is encrypted: tokens are evidence, made to be read by anyone.
 */
import { crc32 } from "./crc32.ts";

/** Of private networks; LoRaWAN's gateways do not hear it. */
export const P2P_SYNC_WORD = 0x12;
export const P2P_HEADER_BYTES = 10;
export const P2P_TIME_BYTES = 7;
export const P2P_TAG_BYTES = 4;
/** What a frame adds to a payload, answers with the time apart. */
export const P2P_OVERHEAD_BYTES = P2P_HEADER_BYTES + P2P_TAG_BYTES;
export const MAX_P2P_FRAME_BYTES = 255;
/** The longest answer: the time, and a challenge of 16 bytes (control-message.ts) with its type and tag. */
export const MAX_P2P_ANSWER_BYTES = 42;
/** From the end of an uplink to the beginning of its answer: time for a receiver behind the internet. */
export const P2P_ANSWER_DELAY_MS = 1000;

const VERSION = 1;
const DOWN = 0x10;
const TIME = 0x08;
const RESERVED = 0x07;
const UEID_BYTES = 9;
/** 2^31 ms are 25 days. */
const MAX_EXPONENT = 31;
/** "p2p" in ASCII: keeps these MACs apart from any other that this key makes. */
const LABEL: readonly number[] = Object.freeze([0x70, 0x32, 0x70]);
const MAC_PREFIX_BYTES = LABEL.length + UEID_BYTES;
/** The most that a tag covers, with what stands before the frame. */
export const MAX_P2P_MAC_MESSAGE_BYTES = MAC_PREFIX_BYTES + MAX_P2P_FRAME_BYTES - P2P_TAG_BYTES;

/** A frame taken apart by `parseP2pFrame`, or to be written; the object is the caller's and is used again and again. */
export interface P2pFrame {
  /** An answer of the receiver; else an uplink of the node. */
  down: boolean;
  /** It asks for the time, or tells it. */
  time: boolean;
  address: number;
  counter: number;
  /** 0 without a payload. */
  port: number;
  /** With `down` and `time`: Unix milliseconds, right within 2^timeExponent ms when the receiver wrote them. */
  unixMs: number;
  timeExponent: number;
  /** Where the payload is in the frame. */
  payloadAt: number;
  payloadLength: number;
  /** Why the last frame was refused. */
  reason: string;
}

export function newP2pFrame(): P2pFrame {
  return {
    down: false,
    time: false,
    address: 0,
    counter: 0,
    port: 0,
    unixMs: 0,
    timeExponent: 0,
    payloadAt: 0,
    payloadLength: 0,
    reason: "",
  };
}

/** Address of the node with this ueid: the CRC-32 of the DevEUI in it. Two nodes may have the same; their tags differ. */
export function p2pAddress(ueid: Uint8Array): number {
  return crc32(ueid, 1, UEID_BYTES);
}

/** Writes a frame up to its tag, with the first `length` bytes of `payload`; returns where the tag goes. */
export function writeP2pFrame(frame: P2pFrame, payload: Uint8Array, length: number, into: Uint8Array): number {
  into[0] = (VERSION << 5) | (frame.down ? DOWN : 0) | (frame.time ? TIME : 0);
  write32(frame.address, into, 1);
  write32(frame.counter, into, 5);
  into[9] = frame.port;
  let at = P2P_HEADER_BYTES;
  if (frame.down && frame.time) {
    const high = Math.floor(frame.unixMs / 0x100000000);
    into[at] = high >>> 8;
    into[at + 1] = high & 0xff;
    write32(frame.unixMs >>> 0, into, at + 2);
    into[at + 6] = frame.timeExponent;
    at += P2P_TIME_BYTES;
  }
  for (let i = 0; i < length; i++) into[at + i] = payload[i];
  return at + length;
}

/** Writes what the tag of a frame covers into `into` (MAX_P2P_MAC_MESSAGE_BYTES), the first `length` bytes being the frame up to its tag; returns the length. */
export function p2pMacMessage(ueid: Uint8Array, bytes: Uint8Array, length: number, into: Uint8Array): number {
  for (let i = 0; i < LABEL.length; i++) into[i] = LABEL[i];
  for (let i = 0; i < UEID_BYTES; i++) into[LABEL.length + i] = ueid[i];
  for (let i = 0; i < length; i++) into[MAC_PREFIX_BYTES + i] = bytes[i];
  return MAC_PREFIX_BYTES + length;
}

/** Puts the tag, the beginning of `mac`, behind the first `length` bytes; returns the length of the whole frame. */
export function writeP2pTag(mac: Uint8Array, bytes: Uint8Array, length: number): number {
  for (let i = 0; i < P2P_TAG_BYTES; i++) bytes[length + i] = mac[i];
  return length + P2P_TAG_BYTES;
}

/** Whether a frame of `length` bytes ends with the beginning of `mac`. Takes the same time wherever they differ. */
export function p2pTagMatches(bytes: Uint8Array, length: number, mac: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < P2P_TAG_BYTES; i++) difference |= bytes[length - P2P_TAG_BYTES + i] ^ mac[i];
  return difference === 0;
}

/**
 * Reads a frame; its tag is for `p2pTagMatches` to check. False leaves the reason in `out.reason`: too-short, too-long, version-unknown,
 * reserved-bits, time-truncated, time-uncertainty, port-without-payload, payload-without-port, nothing-in-it.
 */
export function parseP2pFrame(bytes: Uint8Array, length: number, out: P2pFrame): boolean {
  out.reason = "";
  if (length < P2P_OVERHEAD_BYTES) return refuse(out, "too-short");
  if (length > MAX_P2P_FRAME_BYTES) return refuse(out, "too-long");
  if (bytes[0] >>> 5 !== VERSION) return refuse(out, "version-unknown");
  if ((bytes[0] & RESERVED) !== 0) return refuse(out, "reserved-bits");
  out.down = (bytes[0] & DOWN) !== 0;
  out.time = (bytes[0] & TIME) !== 0;
  out.address = read32(bytes, 1);
  out.counter = read32(bytes, 5);
  out.port = bytes[9];
  out.unixMs = 0;
  out.timeExponent = 0;
  let at = P2P_HEADER_BYTES;
  if (out.down && out.time) {
    if (length < P2P_OVERHEAD_BYTES + P2P_TIME_BYTES) return refuse(out, "time-truncated");
    out.unixMs = ((bytes[at] << 8) | bytes[at + 1]) * 0x100000000 + read32(bytes, at + 2);
    out.timeExponent = bytes[at + 6];
    if (out.timeExponent > MAX_EXPONENT) return refuse(out, "time-uncertainty");
    at += P2P_TIME_BYTES;
  }
  out.payloadAt = at;
  out.payloadLength = length - P2P_TAG_BYTES - at;
  if (out.payloadLength === 0) {
    if (out.port !== 0) return refuse(out, "port-without-payload");
    return out.time || refuse(out, "nothing-in-it");
  }
  return out.port !== 0 || refuse(out, "payload-without-port");
}

function refuse(out: P2pFrame, reason: string): boolean {
  out.reason = reason;
  return false;
}

function write32(value: number, into: Uint8Array, at: number): void {
  into[at] = value >>> 24;
  into[at + 1] = (value >>> 16) & 0xff;
  into[at + 2] = (value >>> 8) & 0xff;
  into[at + 3] = value & 0xff;
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
