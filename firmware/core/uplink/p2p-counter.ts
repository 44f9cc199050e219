/**
 * The counter of a node's point to point frames, and the frames themselves: seals uplinks, opens answers, and says which answers count
 * (wire/p2p-frame.ts has the layout and what the tag is for).
 *
 * Taken are control messages always: acknowledgements say the same however late they come, parity requests name their datagram, and who answers requests
 * and challenges bounds how often. Fragments' ACKs are taken once for each uplink, and never for uplinks before
 * the datagram's first (a Receiver-Abort that somebody held back must not hit the next token); the time only for the very last uplink.
 *
 * The counter is reserved on flash in blocks, as FCntUp is: a block is written before its first number is used, and a power cut costs the rest of it.
 * Numbers last for 136 years at a frame a second.
 */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import { KEY_SLOT } from "../../wire/key-slot.ts";
import { NO_PORT } from "../../wire/lorawan-frame.ts";
import {
  MAX_P2P_MAC_MESSAGE_BYTES,
  newP2pFrame,
  P2P_TAG_BYTES,
  type P2pFrame,
  p2pAddress,
  p2pMacMessage,
  p2pTagMatches,
  parseP2pFrame,
  writeP2pFrame,
  writeP2pTag,
} from "../../wire/p2p-frame.ts";
import { TOKEN_FPORT } from "../../wire/schc-fragment.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { P2P_COUNTER_BLOCK } from "../bounds.ts";

/** Key on flash: the first counter that was never reserved. */
export const P2P_COUNTER_KEY = "p2p.up";
const RECORD_BYTES = 4;

export class P2pCounter {
  #ueid: Uint8Array;
  #ciphers: SymmetricCrypto;
  #address: number;
  /** The next uplink's, and the first that is not reserved on flash. */
  #next = 0;
  #reserved = 0;
  /** ACKs of fragments are taken for uplinks from here on. */
  #openFrom = 0;
  #macInput = new Uint8Array(MAX_P2P_MAC_MESSAGE_BYTES);
  #mac = new Uint8Array(16);
  /** The frame that was sealed or opened last. */
  readonly frame: P2pFrame = newP2pFrame();

  constructor(ueid: Uint8Array, ciphers: SymmetricCrypto) {
    this.#ueid = ueid;
    this.#ciphers = ciphers;
    this.#address = p2pAddress(ueid);
  }

  /** The uplinks that follow are of another datagram. */
  startDatagram(): void {
    this.#openFrom = this.#next;
  }

  /** Before the next uplink: true when the record must be written first. */
  reserve(): boolean {
    if (this.#next < this.#reserved) return false;
    this.#reserved = this.#next + P2P_COUNTER_BLOCK;
    return true;
  }

  /** Writes an uplink into `into`, with the next counter; returns its length. Port NO_PORT: without payload. */
  seal(port: number, payload: Uint8Array, length: number, asksTime: boolean, into: Uint8Array): number {
    const frame = this.frame;
    frame.down = false;
    frame.time = asksTime;
    frame.address = this.#address;
    frame.counter = this.#next++;
    frame.port = port === NO_PORT ? 0 : port;
    const tagAt = writeP2pFrame(frame, payload, length, into);
    this.computeMac(into, tagAt);
    return writeP2pTag(this.#mac, into, tagAt);
  }

  /** Reads an answer into `frame`; false when it is not authentic, not ours or out of date. */
  open(bytes: Uint8Array, length: number): boolean {
    const frame = this.frame;
    if (!parseP2pFrame(bytes, length, frame)) return false;
    if (!frame.down || frame.address !== this.#address || frame.counter >= this.#next) return false;
    this.computeMac(bytes, length - P2P_TAG_BYTES);
    if (!p2pTagMatches(bytes, length, this.#mac)) return false;
    if (frame.port !== TOKEN_FPORT) return true;
    if (frame.counter < this.#openFrom) return false;
    this.#openFrom = frame.counter + 1;
    return true;
  }

  /** The frame that was opened answers the last uplink. */
  get answersLast(): boolean {
    return this.frame.counter === this.#next - 1;
  }

  private computeMac(bytes: Uint8Array, length: number): void {
    const covered = p2pMacMessage(this.#ueid, bytes, length, this.#macInput);
    this.#ciphers.cmac(KEY_SLOT.receiver, this.#macInput, covered, this.#mac);
  }

  /** The record for flash; returns its length. */
  writeRecord(into: Uint8Array): number {
    into[0] = this.#reserved >>> 24;
    into[1] = (this.#reserved >>> 16) & 0xff;
    into[2] = (this.#reserved >>> 8) & 0xff;
    into[3] = this.#reserved & 0xff;
    return RECORD_BYTES;
  }

  /** After a power cut: goes on behind all that was reserved. */
  readRecord(bytes: Uint8Array, length: number): void {
    if (length !== RECORD_BYTES) return;
    this.#next = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
    this.#reserved = this.#next;
    this.#openFrom = this.#next;
  }

  save(writer: StateWriter): void {
    writer.u32(this.#next);
    writer.u32(this.#reserved);
    writer.u32(this.#openFrom);
  }

  restore(reader: StateReader): void {
    this.#next = reader.u32();
    this.#reserved = reader.u32();
    this.#openFrom = reader.u32();
  }
}
