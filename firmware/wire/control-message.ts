/**
 * Control messages from receiver to node: FPort 33 over LoRaWAN, topic `groundtruth/{devEui}/control` over MQTT, the same bytes.
 *
 *   final acknowledgement   01 | seq (4 bytes, big-endian) | tag (4 bytes over LoRaWAN, 16 over MQTT)
 *
 * "The receiver's store has committed the token with this seq." Only this trims the outbox: never a broker's PUBACK, never a network
 * server's ACK. The tag is the beginning of AES-CMAC (RFC 4493) under the key shared by this node and its receiver, over
 * "ack" | ueid (9 bytes) | seq (4 bytes, big-endian). A seq is never used twice, so a replayed acknowledgement says nothing new.
 *
 * Both ends compute the CMAC by their own means: the node by key slot, the receiver with the key.
 */

export const CONTROL_FPORT = 33;
/** LoRaWAN's own MIC already stands before it: 4 bytes more against the network in between. */
export const LORAWAN_TAG_BYTES = 4;
export const MQTT_TAG_BYTES = 16;
/** "ack", ueid and seq. */
export const ACK_MAC_MESSAGE_BYTES = 16;
/** The longest control message. */
export const MAX_CONTROL_BYTES = 5 + MQTT_TAG_BYTES;

export type TagBytes = typeof LORAWAN_TAG_BYTES | typeof MQTT_TAG_BYTES;

const TYPE_ACK = 1;
const HEADER_BYTES = 5;
const UEID_BYTES = 9;
/** "ack" in ASCII: keeps these MACs apart from any other that this key will make. */
const ACK_LABEL: readonly number[] = Object.freeze([0x61, 0x63, 0x6b]);

function writeSeq(seq: number, into: Uint8Array, offset: number): void {
  into[offset] = seq >>> 24;
  into[offset + 1] = (seq >>> 16) & 0xff;
  into[offset + 2] = (seq >>> 8) & 0xff;
  into[offset + 3] = seq & 0xff;
}

/** Writes what the CMAC of an acknowledgement covers into `into` (ACK_MAC_MESSAGE_BYTES); returns its length. */
export function ackMacMessage(ueid: Uint8Array, seq: number, into: Uint8Array): number {
  for (let i = 0; i < ACK_LABEL.length; i++) into[i] = ACK_LABEL[i];
  for (let i = 0; i < UEID_BYTES; i++) into[ACK_LABEL.length + i] = ueid[i];
  writeSeq(seq, into, ACK_LABEL.length + UEID_BYTES);
  return ACK_MAC_MESSAGE_BYTES;
}

/** Writes a final acknowledgement with the first `tagBytes` bytes of `mac`, the CMAC of `ackMacMessage`; returns its length. */
export function writeAckMessage(seq: number, mac: Uint8Array, tagBytes: TagBytes, into: Uint8Array): number {
  into[0] = TYPE_ACK;
  writeSeq(seq, into, 1);
  for (let i = 0; i < tagBytes; i++) into[HEADER_BYTES + i] = mac[i];
  return HEADER_BYTES + tagBytes;
}

/** A control message taken apart by `parseControl`; the object is the caller's and is used again and again. Not authentic until `tagMatches`. */
export interface ControlMessage {
  kind: "ack";
  seq: number;
  /** The first `tagBytes` bytes count. */
  tag: Uint8Array;
  tagBytes: TagBytes;
  /** Why the last message was refused. */
  reason: string;
}

export function newControlMessage(): ControlMessage {
  return { kind: "ack", seq: 0, tag: new Uint8Array(MQTT_TAG_BYTES), tagBytes: MQTT_TAG_BYTES, reason: "" };
}

/**
 * Reads a control message whose tag must have `tagBytes` bytes: the transport says how many, never the message, or 4 bytes could be
 * guessed where 16 are asked for. False leaves the reason in `out.reason`: empty, control-type-unknown, control-length.
 */
export function parseControl(bytes: Uint8Array, length: number, tagBytes: TagBytes, out: ControlMessage): boolean {
  out.reason = "";
  if (length < 1) return refuse(out, "empty");
  if (bytes[0] !== TYPE_ACK) return refuse(out, "control-type-unknown");
  if (length !== HEADER_BYTES + tagBytes) return refuse(out, "control-length");
  out.kind = "ack";
  out.seq = ((bytes[1] << 24) | (bytes[2] << 16) | (bytes[3] << 8) | bytes[4]) >>> 0;
  out.tagBytes = tagBytes;
  for (let i = 0; i < tagBytes; i++) out.tag[i] = bytes[HEADER_BYTES + i];
  return true;
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
