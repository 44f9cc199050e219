/**
 * The cryptography of LoRaWAN frames, for both ends: TS001-1.0.4 4.3.3 (payload encryption), 4.4 (MIC of a data frame), 6.2.3 (join
 * request), 6.2.4 (join accept) and 6.2.5 (session keys). The codec holds the scratch buffers: one codec to a device, or to a server's
 * view of one device.
 */
import type { KeySlot, SymmetricCrypto } from "../ports/crypto.ts";
import { KEY_SLOT } from "./key-slot.ts";
import { readU24, readU32, writeLittle } from "./little-endian.ts";
import {
  CFLIST_BYTES,
  type DataFrame,
  type DataHeader,
  type FrameReason,
  frameType,
  JOIN_ACCEPT_BYTES,
  JOIN_REQUEST_BYTES,
  type JoinAccept,
  MAX_FOPTS_BYTES,
  MAX_FRAME_BYTES,
  MIC_BYTES,
  MTYPE,
  NO_PORT,
} from "./lorawan-frame.ts";

const BLOCK_BYTES = 16;
const CODEC_SCRATCH_BYTES = BLOCK_BYTES + MAX_FRAME_BYTES;

/** What only a network server needs: the inverse cipher, which hides a join accept so that a device gets by with the forward one. */
export interface JoinServerCrypto extends SymmetricCrypto {
  aesDecryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void;
}

/** Builds and checks frames under the keys in the slots of one `SymmetricCrypto`: one device's, or a server's view of one device. */
export class FrameCodec {
  readonly #crypto: SymmetricCrypto;
  /** B0 and the message behind it, as the CMAC wants them. Free for the codec's owner between calls. */
  readonly scratch: Uint8Array;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  /** What the cipher or the CMAC gave last. */
  readonly #result = new Uint8Array(BLOCK_BYTES);

  /** `scratch` of CODEC_SCRATCH_BYTES or more may be shared with its owner: RAM is short on a device. */
  constructor(crypto: SymmetricCrypto, scratch: Uint8Array = new Uint8Array(CODEC_SCRATCH_BYTES)) {
    this.#crypto = crypto;
    this.scratch = scratch;
  }

  /**
   * Writes a whole data frame: encrypted payload and MIC. FOpts (0 to 15 bytes) go in clear, as 1.0.4 has them; with FPort 0 there may be
   * none; they may stand in `scratch`. Returns the length.
   */
  writeData(
    header: DataHeader,
    fOpts: Uint8Array,
    fOptsLength: number,
    payload: Uint8Array,
    payloadLength: number,
    into: Uint8Array,
  ): number {
    if (fOptsLength > MAX_FOPTS_BYTES || (fOptsLength > 0 && header.fPort === 0)) throw new RangeError("FOpts");
    const type = header.uplink
      ? header.confirmed
        ? MTYPE.confirmedUp
        : MTYPE.unconfirmedUp
      : header.confirmed
        ? MTYPE.confirmedDown
        : MTYPE.unconfirmedDown;
    into[0] = type << 5;
    let at = writeLittle(into, 1, header.devAddr, 4);
    into[at++] =
      (header.adr ? 0x80 : 0) |
      (header.uplink && header.adrAckReq ? 0x40 : 0) |
      (header.ack ? 0x20 : 0) |
      (!header.uplink && header.fPending ? 0x10 : 0) |
      fOptsLength;
    at = writeLittle(into, at, header.fCnt, 2);
    for (let i = 0; i < fOptsLength; i++) into[at++] = fOpts[i];
    if (header.fPort !== NO_PORT) {
      into[at++] = header.fPort;
      this.cipher(header.uplink, header.devAddr, header.fCnt, header.fPort, payload, 0, payloadLength, into, at);
      at += payloadLength;
    }
    this.dataMic(into, at, header.uplink, header.devAddr, header.fCnt);
    for (let i = 0; i < MIC_BYTES; i++) into[at++] = this.#result[i];
    return at;
  }

  /** True when the frame's MIC is right for the 32-bit counter `fCnt`. */
  checkDataMic(frame: Uint8Array, parsed: DataFrame, fCnt: number): boolean {
    this.dataMic(frame, parsed.micAt, parsed.uplink, parsed.devAddr, fCnt);
    return this.macEquals(frame, parsed.micAt);
  }

  /** Decrypts FRMPayload into `into` (from offset 0); returns its length. */
  decryptPayload(frame: Uint8Array, parsed: DataFrame, fCnt: number, into: Uint8Array): number {
    const { uplink, devAddr, fPort, payloadAt, payloadLength } = parsed;
    this.cipher(uplink, devAddr, fCnt, fPort, frame, payloadAt, payloadLength, into, 0);
    return payloadLength;
  }

  /** Writes a join request; returns its length. EUIs as written, most significant byte first. */
  writeJoinRequest(joinEui: Uint8Array, devEui: Uint8Array, devNonce: number, into: Uint8Array): number {
    into[0] = MTYPE.joinRequest << 5;
    for (let i = 0; i < 8; i++) {
      into[8 - i] = joinEui[i];
      into[16 - i] = devEui[i];
    }
    const at = writeLittle(into, 17, devNonce, 2);
    this.#crypto.cmac(KEY_SLOT.appKey, into, at, this.#result);
    for (let i = 0; i < MIC_BYTES; i++) into[at + i] = this.#result[i];
    return at + MIC_BYTES;
  }

  /** True when a parsed join request carries the right MIC. */
  checkJoinRequestMic(frame: Uint8Array): boolean {
    const micAt = JOIN_REQUEST_BYTES - MIC_BYTES;
    this.#crypto.cmac(KEY_SLOT.appKey, frame, micAt, this.#result);
    return this.macEquals(frame, micAt);
  }

  /** The server's side of a join accept; returns the length (17, or 33 with a CFList). */
  writeJoinAccept(accept: JoinAccept, crypto: JoinServerCrypto, into: Uint8Array): number {
    const scratch = this.scratch;
    scratch[0] = MTYPE.joinAccept << 5;
    let at = writeLittle(scratch, 1, accept.joinNonce, 3);
    at = writeLittle(scratch, at, accept.netId, 3);
    at = writeLittle(scratch, at, accept.devAddr, 4);
    scratch[at++] = ((accept.rx1DrOffset & 0x07) << 4) | (accept.rx2DataRate & 0x0f);
    scratch[at++] = accept.rx1DelayS & 0x0f;
    if (accept.hasCfList) for (let i = 0; i < CFLIST_BYTES; i++) scratch[at++] = accept.cfList[i];
    crypto.cmac(KEY_SLOT.appKey, scratch, at, this.#result);
    for (let i = 0; i < MIC_BYTES; i++) scratch[at++] = this.#result[i];
    into[0] = scratch[0];
    for (let i = 1; i < at; i += BLOCK_BYTES) crypto.aesDecryptBlock(KEY_SLOT.appKey, scratch, i, into, i);
    return at;
  }

  /** The device's side: decrypts, checks the MIC and reads; false with `into.reason`. `into` changes only when it is true. */
  readJoinAccept(frame: Uint8Array, length: number, into: JoinAccept): boolean {
    into.reason = this.joinAcceptFault(frame, length);
    if (into.reason !== undefined) return false;
    const scratch = this.scratch;
    into.joinNonce = readU24(scratch, 1);
    into.netId = readU24(scratch, 4);
    into.devAddr = readU32(scratch, 7);
    into.rx1DrOffset = (scratch[11] >>> 4) & 0x07;
    into.rx2DataRate = scratch[11] & 0x0f;
    into.rx1DelayS = Math.max(scratch[12] & 0x0f, 1);
    into.hasCfList = length > JOIN_ACCEPT_BYTES;
    if (into.hasCfList) for (let i = 0; i < CFLIST_BYTES; i++) into.cfList[i] = scratch[13 + i];
    return true;
  }

  private joinAcceptFault(frame: Uint8Array, length: number): FrameReason | undefined {
    if (length !== JOIN_ACCEPT_BYTES && length !== JOIN_ACCEPT_BYTES + CFLIST_BYTES) return "wrong-length";
    if (length > frame.length) return "wrong-length";
    if (frameType(frame) !== MTYPE.joinAccept) return "wrong-type";
    if ((frame[0] & 0x03) !== 0) return "wrong-major";
    const scratch = this.scratch;
    scratch[0] = frame[0];
    for (let i = 1; i < length; i += BLOCK_BYTES) {
      this.#crypto.aesEncryptBlock(KEY_SLOT.appKey, frame, i, scratch, i);
    }
    this.#crypto.cmac(KEY_SLOT.appKey, scratch, length - MIC_BYTES, this.#result);
    return this.macEquals(scratch, length - MIC_BYTES) ? undefined : "wrong-mic";
  }

  /** Puts NwkSKey and AppSKey into their slots (6.2.5). Both ends call it after the same join. */
  deriveSessionKeys(joinNonce: number, netId: number, devNonce: number): void {
    const block = this.#block;
    block.fill(0);
    writeLittle(block, 1, joinNonce, 3);
    writeLittle(block, 4, netId, 3);
    writeLittle(block, 7, devNonce, 2);
    block[0] = 0x01;
    this.#crypto.deriveKey(KEY_SLOT.appKey, block, KEY_SLOT.nwkSKey);
    block[0] = 0x02;
    this.#crypto.deriveKey(KEY_SLOT.appKey, block, KEY_SLOT.appSKey);
  }

  /** FRMPayload is XORed with the encrypted blocks A1, A2... (4.3.3); the same for both ways of both ends. */
  private cipher(
    uplink: boolean,
    devAddr: number,
    fCnt: number,
    fPort: number,
    input: Uint8Array,
    inputAt: number,
    length: number,
    output: Uint8Array,
    outputAt: number,
  ): void {
    const slot = fPort === 0 ? KEY_SLOT.nwkSKey : KEY_SLOT.appSKey;
    this.startBlock(this.#block, 0x01, uplink, devAddr, fCnt);
    for (let done = 0; done < length; done += BLOCK_BYTES) {
      this.#block[15] = done / BLOCK_BYTES + 1;
      this.#crypto.aesEncryptBlock(slot, this.#block, 0, this.#result, 0);
      const part = Math.min(BLOCK_BYTES, length - done);
      for (let i = 0; i < part; i++) output[outputAt + done + i] = input[inputAt + done + i] ^ this.#result[i];
    }
  }

  /** CMAC under NwkSKey of B0 and the first `length` bytes of the frame (4.4), left in `#result`. */
  private dataMic(frame: Uint8Array, length: number, uplink: boolean, devAddr: number, fCnt: number): void {
    const scratch = this.scratch;
    this.startBlock(scratch, 0x49, uplink, devAddr, fCnt);
    scratch[15] = length;
    for (let i = 0; i < length; i++) scratch[BLOCK_BYTES + i] = frame[i];
    this.#crypto.cmac(KEY_SLOT.nwkSKey, scratch, BLOCK_BYTES + length, this.#result);
  }

  /** What the blocks A and B0 have in common: everything but the last byte. */
  private startBlock(block: Uint8Array, first: number, uplink: boolean, devAddr: number, fCnt: number): void {
    block[0] = first;
    writeLittle(block, 1, 0, 4);
    block[5] = uplink ? 0 : 1;
    writeLittle(block, 6, devAddr, 4);
    writeLittle(block, 10, fCnt, 4);
    block[14] = 0;
  }

  private macEquals(frame: Uint8Array, micAt: number): boolean {
    let difference = 0;
    for (let i = 0; i < MIC_BYTES; i++) difference |= frame[micAt + i] ^ this.#result[i];
    return difference === 0;
  }
}
