/**
 * Control message type 2, FPort 33 over LoRaWAN (see control-message.ts): the receiver asks for parity tiles of the datagram under way.
 *
 *   02 | rule (1 bit), index of the first parity tile (7) | how many, 1 to 128 | CRC-32 of the datagram (4 bytes) | tag (4 bytes)
 *
 * The receiver knows the CRC-32 from the All-1 fragment or from a parity frame; if neither has come, it sends the ACK of RFC 9011. The sender
 * ignores a request for another datagram. A request that comes twice asks for the same tiles: the receiver names indices that it has not
 * seen, and the sender need not remember what it has sent.
 *
 * The tag is the beginning of AES-CMAC under the key shared by this node and its receiver, over "par" | ueid (9 bytes) | the message without
 * type and tag: a stranger in the network must not make a node spend its airtime. Tokens over Wi-Fi come whole, so MQTT has no such message.
 */
import { LORAWAN_TAG_BYTES } from "./control-message.ts";
import { COMPACT_RULE, type ParityRule, ruleBit, ruleOfBit } from "./parity-frame.ts";
import { MAX_PARITY_TILES } from "./reed-solomon.ts";

/** First byte of the message. */
export const TYPE_PARITY_REQUEST = 2;
export const PARITY_REQUEST_BYTES = 7 + LORAWAN_TAG_BYTES;
/** "par", ueid and what stands between type and tag. */
export const PARITY_MAC_MESSAGE_BYTES = 18;

const INDEX_MASK = 0x7f;
const BODY_BYTES = 6;
const UEID_BYTES = 9;
/** "par" in ASCII: keeps these MACs apart from the acknowledgement's. */
const PARITY_LABEL: readonly number[] = Object.freeze([0x70, 0x61, 0x72]);

/** A request, or one taken apart by `parseParityRequest`: the caller's, used again and again. Not authentic until `parityTagMatches`. */
export interface ParityRequest {
  /** Whose tiles: RuleID 20 or 32. */
  rule: ParityRule;
  firstParity: number;
  tiles: number;
  /** CRC-32 of the datagram whose tiles are wanted. */
  check: number;
  tag: Uint8Array;
  /** Why the last message was refused. */
  reason: string;
}

export function newParityRequest(): ParityRequest {
  return {
    rule: COMPACT_RULE,
    firstParity: 0,
    tiles: 0,
    check: 0,
    tag: new Uint8Array(LORAWAN_TAG_BYTES),
    reason: "",
  };
}

function writeBody(request: ParityRequest, into: Uint8Array, offset: number): void {
  into[offset] = ruleBit(request.rule) | request.firstParity;
  into[offset + 1] = request.tiles;
  into[offset + 2] = request.check >>> 24;
  into[offset + 3] = (request.check >>> 16) & 0xff;
  into[offset + 4] = (request.check >>> 8) & 0xff;
  into[offset + 5] = request.check & 0xff;
}

/** Writes what the CMAC of a request covers into `into` (PARITY_MAC_MESSAGE_BYTES); returns its length. */
export function parityMacMessage(ueid: Uint8Array, request: ParityRequest, into: Uint8Array): number {
  for (let i = 0; i < PARITY_LABEL.length; i++) into[i] = PARITY_LABEL[i];
  for (let i = 0; i < UEID_BYTES; i++) into[PARITY_LABEL.length + i] = ueid[i];
  writeBody(request, into, PARITY_LABEL.length + UEID_BYTES);
  return PARITY_MAC_MESSAGE_BYTES;
}

/** Writes a request with the beginning of `mac`, the CMAC of `parityMacMessage`; returns its length. */
export function writeParityRequest(request: ParityRequest, mac: Uint8Array, into: Uint8Array): number {
  into[0] = TYPE_PARITY_REQUEST;
  writeBody(request, into, 1);
  for (let i = 0; i < LORAWAN_TAG_BYTES; i++) into[1 + BODY_BYTES + i] = mac[i];
  return PARITY_REQUEST_BYTES;
}

/** Reads a request. False leaves the reason in `out.reason`: control-type-unknown, control-length, parity-without-tiles, parity-index-beyond. */
export function parseParityRequest(bytes: Uint8Array, length: number, out: ParityRequest): boolean {
  out.reason = "";
  if (bytes[0] !== TYPE_PARITY_REQUEST) return refuse(out, "control-type-unknown");
  if (length !== PARITY_REQUEST_BYTES) return refuse(out, "control-length");
  out.rule = ruleOfBit(bytes[1]);
  out.firstParity = bytes[1] & INDEX_MASK;
  out.tiles = bytes[2];
  out.check = ((bytes[3] << 24) | (bytes[4] << 16) | (bytes[5] << 8) | bytes[6]) >>> 0;
  for (let i = 0; i < LORAWAN_TAG_BYTES; i++) out.tag[i] = bytes[1 + BODY_BYTES + i];
  if (out.tiles === 0) return refuse(out, "parity-without-tiles");
  return out.firstParity + out.tiles <= MAX_PARITY_TILES || refuse(out, "parity-index-beyond");
}

function refuse(out: ParityRequest, reason: string): boolean {
  out.reason = reason;
  return false;
}

/** Whether the request's tag is the beginning of `mac` (16 bytes). Takes the same time wherever they differ. */
export function parityTagMatches(request: ParityRequest, mac: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < LORAWAN_TAG_BYTES; i++) difference |= request.tag[i] ^ mac[i];
  return difference === 0;
}
