/**
 * Datagrams of the Semtech UDP protocol, version 2 (packet forwarder, PROTOCOL.TXT 3 and 5): a header of four bytes, the gateway's EUI in
 * what a gateway sends unasked, and text.
 *
 *   gateway                                  server
 *      | PUSH_DATA  00  token  EUI  {rxpk, stat} |
 *      | --------------------------------------> |
 *      | <-------------------------------------- |  PUSH_ACK  01  token
 *      | PULL_DATA  02  token  EUI               |
 *      | --------------------------------------> |
 *      | <-------------------------------------- |  PULL_ACK  04  token
 *      | <-------------------------------------- |  PULL_RESP 03  token  {txpk}
 *      | TX_ACK     05  token  EUI  {txpk_ack}   |
 *      | --------------------------------------> |
 *
 * Nothing is authenticated: whoever can send a datagram can send any of these.
 */
import { fromHex, toHex } from "../text-encoding.ts";

const VERSION = 2;
const HEADER_BYTES = 4;
const EUI_BYTES = 8;
const IDENTIFIER = Object.freeze({ pushData: 0, pushAck: 1, pullData: 2, pullResp: 3, pullAck: 4, txAck: 5 } as const);

/** `token` has 16 bits, `gatewayId` sixteen hexadecimal digits in lower case; `text` is what should be JSON. */
export type Datagram =
  | { kind: "push-data"; token: number; gatewayId: string; text: string }
  | { kind: "push-ack"; token: number }
  | { kind: "pull-data"; token: number; gatewayId: string }
  | { kind: "pull-ack"; token: number }
  | { kind: "pull-resp"; token: number; text: string }
  /** An empty text says that there was no error. */
  | { kind: "tx-ack"; token: number; gatewayId: string; text: string };

export type DatagramRefusal = "too-short" | "version-unknown" | "identifier-unknown" | "wrong-length" | "no-text";

export type ParsedDatagram = { ok: true; datagram: Datagram } | { ok: false; reason: DatagramRefusal };

/** Takes one datagram apart, whatever it is. */
export function parseDatagram(bytes: Uint8Array): ParsedDatagram {
  const { length } = bytes;
  if (length < HEADER_BYTES) return refused("too-short");
  if (bytes[0] !== VERSION) return refused("version-unknown");
  const token = (bytes[1] << 8) | bytes[2];
  const identifier = bytes[3];
  if (identifier === IDENTIFIER.pushAck || identifier === IDENTIFIER.pullAck) {
    if (length !== HEADER_BYTES) return refused("wrong-length");
    return taken({ kind: identifier === IDENTIFIER.pushAck ? "push-ack" : "pull-ack", token });
  }
  if (identifier === IDENTIFIER.pullResp) {
    if (length === HEADER_BYTES) return refused("no-text");
    return taken({ kind: "pull-resp", token, text: textFrom(bytes, HEADER_BYTES) });
  }
  if (identifier > IDENTIFIER.txAck) return refused("identifier-unknown");
  const textAt = HEADER_BYTES + EUI_BYTES;
  if (length < textAt) return refused("too-short");
  const gatewayId = toHex(bytes.subarray(HEADER_BYTES, textAt));
  if (identifier === IDENTIFIER.pullData) {
    return length === textAt ? taken({ kind: "pull-data", token, gatewayId }) : refused("wrong-length");
  }
  const text = textFrom(bytes, textAt);
  if (identifier === IDENTIFIER.txAck) return taken({ kind: "tx-ack", token, gatewayId, text });
  return text.length === 0 ? refused("no-text") : taken({ kind: "push-data", token, gatewayId, text });
}

/** The bytes of a datagram. Its text is ASCII, as all is that we write. */
export function writeDatagram(datagram: Datagram): Uint8Array {
  const { kind, token } = datagram;
  const eui = "gatewayId" in datagram ? fromHex(datagram.gatewayId, EUI_BYTES)! : new Uint8Array(0);
  const text = "text" in datagram ? datagram.text : "";
  const bytes = new Uint8Array(HEADER_BYTES + eui.length + text.length);
  bytes.set([VERSION, token >>> 8, token & 0xff, identifierOf(kind)]);
  bytes.set(eui, HEADER_BYTES);
  for (let i = 0; i < text.length; i++) bytes[HEADER_BYTES + eui.length + i] = text.charCodeAt(i);
  return bytes;
}

function identifierOf(kind: Datagram["kind"]): number {
  switch (kind) {
    case "push-data":
      return IDENTIFIER.pushData;
    case "push-ack":
      return IDENTIFIER.pushAck;
    case "pull-data":
      return IDENTIFIER.pullData;
    case "pull-ack":
      return IDENTIFIER.pullAck;
    case "pull-resp":
      return IDENTIFIER.pullResp;
    case "tx-ack":
      return IDENTIFIER.txAck;
  }
}

function taken(datagram: Datagram): ParsedDatagram {
  return { ok: true, datagram };
}

function refused(reason: DatagramRefusal): ParsedDatagram {
  return { ok: false, reason };
}

/**
 * One character a byte. All that we read in it is ASCII; UTF-8 in a description becomes other characters, and the JSON around it stays what
 * it is.
 */
function textFrom(bytes: Uint8Array, at: number): string {
  let text = "";
  for (let i = at; i < bytes.length; i++) text += String.fromCharCode(bytes[i]);
  return text;
}
