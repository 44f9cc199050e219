/**
 * Control messages from receiver to node: FPort 33 over LoRaWAN and point to point, topic `groundtruth/{devEui}/control` over MQTT, the same bytes.
 *
 *   type (1) | body | tag (4 bytes over LoRaWAN and point to point, 16 over MQTT and HTTP)
 *
 *   1  final acknowledgement   seq (4)                                                                                     label "ack"
 *   2  parity request          rule (1 bit), index of the first parity tile (7) | how many, 1 to 128 (1) | CRC-32 (4)      label "par"
 *   3  boot request            boot count (4)                                                                              label "boo"
 *   4  challenge               nonce (8 to 16 bytes over LoRaWAN, 8 to 64 over MQTT)                                       label "cha"
 *   5  history                 seq (4) | earlier (1): bit i is for the token seq - 1 - i | answers of FPort 20, or none    label "his"
 *
 * 1: "the receiver's store has committed the token with this seq." Only this trims the outbox: never a broker's PUBACK, never a network server's
 * ACK. A seq is never used twice, so a replayed acknowledgement says nothing new. 2: parity tiles of the datagram under way that has this check;
 * the receiver names indices that it has not seen, so that a request that comes twice asks for the same. 3: the boot token of this boot, again. 4: an
 * anchor token with this nonce. 5: an acknowledgement of seq, and of each earlier token whose bit is set. Over MQTT tokens come whole and each is
 * answered: 2 and 5 are not there. The answers (slot-answer.ts) say what is missing of the other tokens under way.
 *
 * The tag is the beginning of AES-CMAC (RFC 4493) under the key shared by this node and its receiver, over label | ueid (9 bytes) | body. Both
 * ends compute the CMAC by their own means: the node by key slot, the receiver with the key.
 */
import { COMPACT_RULE, type ParityRule, ruleBit, ruleOfBit } from "./parity-frame.ts";
import { MAX_PARITY_TILES } from "./reed-solomon.ts";
import { MAX_SLOT_ANSWER_BYTES } from "./slot-answer.ts";
import { MAX_NONCE_BYTES, MIN_NONCE_BYTES } from "./statements.ts";

export const CONTROL_FPORT = 33;
/** LoRaWAN's own MIC already stands before it: 4 bytes more against the network in between. */
export const LORAWAN_TAG_BYTES = 4;
export const MQTT_TAG_BYTES = 16;
/** What fits the smallest downlink, with type and tag, over LoRaWAN. */
export const MAX_LORAWAN_NONCE_BYTES = 16;
/** The longest control message. */
export const MAX_CONTROL_BYTES = 1 + MAX_NONCE_BYTES + MQTT_TAG_BYTES;

export type TagBytes = typeof LORAWAN_TAG_BYTES | typeof MQTT_TAG_BYTES;

const LABEL_BYTES = 3;
const UEID_BYTES = 9;
/** The most that a CMAC covers: label, ueid, body. */
export const MAX_CONTROL_MAC_BYTES = LABEL_BYTES + UEID_BYTES + MAX_NONCE_BYTES;
/** What the CMAC of an acknowledgement covers. */
export const ACK_MAC_MESSAGE_BYTES = LABEL_BYTES + UEID_BYTES + 4;

export type ControlKind = "ack" | "parity" | "boot" | "challenge";

const TYPE_ACK = 1;
const TYPE_PARITY = 2;
const TYPE_BOOT = 3;
const TYPE_CHALLENGE = 4;
const TYPE_HISTORY = 5;
/** By type: the labels keep these MACs apart from each other and from any other that this key will make. */
const LABELS: readonly string[] = Object.freeze(["", "ack", "par", "boo", "cha", "his"]);
/** By type, at least; a challenge and the answers of a history are as long as they are. */
const BODY_BYTES: readonly number[] = Object.freeze([0, 4, 6, 4, MIN_NONCE_BYTES, 5]);

const INDEX_MASK = 0x7f;
/** A nonce or answers. */
const MAX_CONTENT_BYTES = Math.max(MAX_NONCE_BYTES, MAX_SLOT_ANSWER_BYTES);

/** A control message to be written, or one taken apart: the caller's object, used again and again. Not authentic until `tagMatches`. */
export interface ControlMessage {
  kind: ControlKind;
  /** Of "ack". Bit i of `earlier`: the token seq - 1 - i is acknowledged as well; undefined: nothing is said of them. */
  seq: number;
  earlier: number | undefined;
  /** Of "ack" with `earlier`: the first `answersLength` bytes count. */
  answers: Uint8Array;
  answersLength: number;
  /** Of "parity": whose tiles, RuleID 20 or 32; which; and CRC-32 of the datagram whose tiles are wanted. */
  rule: ParityRule;
  firstParity: number;
  tiles: number;
  check: number;
  /** Of "boot". */
  bootCount: number;
  /** Of "challenge": the first `nonceLength` bytes count. It may be the same array as `answers`: no message has both. */
  nonce: Uint8Array;
  nonceLength: number;
  /** Of a message that was taken apart: the first `tagBytes` bytes count. */
  tag: Uint8Array;
  tagBytes: TagBytes;
  /** Why the last message was refused. */
  reason: string;
}

export function newControlMessage(): ControlMessage {
  // One array for all of a message: on a device each takes RAM of its own.
  const content = new Uint8Array(MAX_CONTENT_BYTES + MQTT_TAG_BYTES);
  return {
    kind: "ack",
    seq: 0,
    earlier: undefined,
    answers: content,
    answersLength: 0,
    rule: COMPACT_RULE,
    firstParity: 0,
    tiles: 0,
    check: 0,
    bootCount: 0,
    nonce: content,
    nonceLength: 0,
    tag: content.subarray(MAX_CONTENT_BYTES),
    tagBytes: MQTT_TAG_BYTES,
    reason: "",
  };
}

function writeU32(value: number, into: Uint8Array, offset: number): void {
  into[offset] = value >>> 24;
  into[offset + 1] = (value >>> 16) & 0xff;
  into[offset + 2] = (value >>> 8) & 0xff;
  into[offset + 3] = value & 0xff;
}

function readU32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0;
}

function typeOf({ kind, earlier }: ControlMessage): number {
  if (kind === "ack") return earlier === undefined ? TYPE_ACK : TYPE_HISTORY;
  return kind === "parity" ? TYPE_PARITY : kind === "boot" ? TYPE_BOOT : TYPE_CHALLENGE;
}

/** Writes what stands between type and tag; returns the offset behind it. */
function writeBody(message: ControlMessage, into: Uint8Array, offset: number): number {
  switch (message.kind) {
    case "ack":
      writeU32(message.seq, into, offset);
      if (message.earlier === undefined) return offset + 4;
      into[offset + 4] = message.earlier;
      for (let i = 0; i < message.answersLength; i++) into[offset + 5 + i] = message.answers[i];
      return offset + 5 + message.answersLength;
    case "parity":
      into[offset] = ruleBit(message.rule) | message.firstParity;
      into[offset + 1] = message.tiles;
      writeU32(message.check, into, offset + 2);
      return offset + 6;
    case "boot":
      writeU32(message.bootCount, into, offset);
      return offset + 4;
    case "challenge":
      for (let i = 0; i < message.nonceLength; i++) into[offset + i] = message.nonce[i];
      return offset + message.nonceLength;
  }
}

function writeMacHead(label: string, ueid: Uint8Array, into: Uint8Array): void {
  for (let i = 0; i < LABEL_BYTES; i++) into[i] = label.charCodeAt(i);
  for (let i = 0; i < UEID_BYTES; i++) into[LABEL_BYTES + i] = ueid[i];
}

function writeTag(mac: Uint8Array, tagBytes: TagBytes, into: Uint8Array, offset: number): number {
  for (let i = 0; i < tagBytes; i++) into[offset + i] = mac[i];
  return offset + tagBytes;
}

/** Writes what the CMAC of a message covers into `into` (MAX_CONTROL_MAC_BYTES); returns its length. */
export function controlMacMessage(ueid: Uint8Array, message: ControlMessage, into: Uint8Array): number {
  writeMacHead(LABELS[typeOf(message)], ueid, into);
  return writeBody(message, into, LABEL_BYTES + UEID_BYTES);
}

/** Writes a message with the first `tagBytes` bytes of `mac`, the CMAC of `controlMacMessage`; returns its length. */
export function writeControl(message: ControlMessage, mac: Uint8Array, tagBytes: TagBytes, into: Uint8Array): number {
  into[0] = typeOf(message);
  return writeTag(mac, tagBytes, into, writeBody(message, into, 1));
}

/** Writes what the CMAC of the acknowledgement of `seq` covers into `into` (ACK_MAC_MESSAGE_BYTES); returns its length. */
export function ackMacMessage(ueid: Uint8Array, seq: number, into: Uint8Array): number {
  writeMacHead(LABELS[TYPE_ACK], ueid, into);
  writeU32(seq, into, LABEL_BYTES + UEID_BYTES);
  return ACK_MAC_MESSAGE_BYTES;
}

/** Writes the acknowledgement of `seq` with the first `tagBytes` bytes of `mac`, the CMAC of `ackMacMessage`; returns its length. */
export function writeAckMessage(seq: number, mac: Uint8Array, tagBytes: TagBytes, into: Uint8Array): number {
  into[0] = TYPE_ACK;
  writeU32(seq, into, 1);
  return writeTag(mac, tagBytes, into, 5);
}

/**
 * Reads a control message whose tag must have `tagBytes` bytes: the transport says how many, never the message, or 4 bytes could be
 * guessed where 16 are asked for. False leaves the reason in `out.reason`: empty, control-type-unknown, control-length, parity-without-tiles,
 * parity-index-beyond.
 */
export function parseControl(bytes: Uint8Array, length: number, tagBytes: TagBytes, out: ControlMessage): boolean {
  out.reason = "";
  if (length < 1) return refuse(out, "empty");
  const type = bytes[0];
  if (type < TYPE_ACK || type > TYPE_HISTORY) return refuse(out, "control-type-unknown");
  const isForFragments = type === TYPE_PARITY || type === TYPE_HISTORY;
  if (isForFragments && tagBytes !== LORAWAN_TAG_BYTES) return refuse(out, "control-type-unknown");
  const bodyBytes = length - 1 - tagBytes;
  if (bodyBytes < BODY_BYTES[type] || bodyBytes > longestBody(type, tagBytes)) return refuse(out, "control-length");
  out.tagBytes = tagBytes;
  for (let i = 0; i < tagBytes; i++) out.tag[i] = bytes[1 + bodyBytes + i];
  return readBody(type, bytes, bodyBytes, out);
}

function longestBody(type: number, tagBytes: TagBytes): number {
  if (type === TYPE_CHALLENGE) return tagBytes === LORAWAN_TAG_BYTES ? MAX_LORAWAN_NONCE_BYTES : MAX_NONCE_BYTES;
  return BODY_BYTES[type] + (type === TYPE_HISTORY ? MAX_SLOT_ANSWER_BYTES : 0);
}

function readBody(type: number, bytes: Uint8Array, bodyBytes: number, out: ControlMessage): boolean {
  switch (type) {
    case TYPE_PARITY:
      out.kind = "parity";
      out.rule = ruleOfBit(bytes[1]);
      out.firstParity = bytes[1] & INDEX_MASK;
      out.tiles = bytes[2];
      out.check = readU32(bytes, 3);
      if (out.tiles === 0) return refuse(out, "parity-without-tiles");
      return out.firstParity + out.tiles <= MAX_PARITY_TILES || refuse(out, "parity-index-beyond");
    case TYPE_BOOT:
      out.kind = "boot";
      out.bootCount = readU32(bytes, 1);
      return true;
    case TYPE_CHALLENGE:
      out.kind = "challenge";
      out.nonceLength = bodyBytes;
      for (let i = 0; i < bodyBytes; i++) out.nonce[i] = bytes[1 + i];
      return true;
    default:
      out.kind = "ack";
      out.seq = readU32(bytes, 1);
      out.earlier = type === TYPE_HISTORY ? bytes[5] : undefined;
      out.answersLength = bodyBytes - BODY_BYTES[type];
      for (let i = 0; i < out.answersLength; i++) out.answers[i] = bytes[1 + BODY_BYTES[type] + i];
      return true;
  }
}

function refuse(out: ControlMessage, reason: string): boolean {
  out.reason = reason;
  return false;
}

/** Whether the message's tag is the beginning of `mac` (16 bytes). Takes the same time wherever they differ. */
export function tagMatches(message: ControlMessage, mac: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < message.tagBytes; i++) difference |= message.tag[i] ^ mac[i];
  return difference === 0;
}
