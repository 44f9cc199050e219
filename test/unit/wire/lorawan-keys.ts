/** Key slots over node:crypto: an AES that is not the one the simulator uses. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { KeySlot } from "../../../firmware/ports/crypto.ts";
import { KEY_SLOT } from "../../../firmware/wire/key-slot.ts";
import type { JoinServerCrypto } from "../../../firmware/wire/lorawan-codec.ts";

const ZERO_IV = new Uint8Array(16);

export class NodeKeys implements JoinServerCrypto {
  readonly keys = new Map<KeySlot, Buffer>();

  constructor(appKey: Uint8Array, nwkSKey?: Uint8Array, appSKey?: Uint8Array) {
    this.keys.set(KEY_SLOT.appKey, Buffer.from(appKey));
    if (nwkSKey !== undefined) this.keys.set(KEY_SLOT.nwkSKey, Buffer.from(nwkSKey));
    if (appSKey !== undefined) this.keys.set(KEY_SLOT.appSKey, Buffer.from(appSKey));
  }

  key(slot: KeySlot): Buffer {
    const key = this.keys.get(slot);
    if (key === undefined) throw new Error(`no key in slot ${slot}`);
    return key;
  }

  #encrypt(slot: KeySlot, block: Uint8Array): Buffer {
    return createCipheriv("aes-128-ecb", this.key(slot), null).setAutoPadding(false).update(block);
  }

  aesEncryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void {
    output.set(this.#encrypt(slot, input.subarray(inputOffset, inputOffset + 16)), outputOffset);
  }

  aesDecryptBlock(
    slot: KeySlot,
    input: Uint8Array,
    inputOffset: number,
    output: Uint8Array,
    outputOffset: number,
  ): void {
    const decipher = createDecipheriv("aes-128-ecb", this.key(slot), null).setAutoPadding(false);
    output.set(decipher.update(input.subarray(inputOffset, inputOffset + 16)), outputOffset);
  }

  /** RFC 4493: CBC with the last block changed by a subkey. */
  cmac(slot: KeySlot, message: Uint8Array, length: number, mac: Uint8Array): void {
    const isWhole = length > 0 && length % 16 === 0;
    const padded = new Uint8Array(isWhole ? length : (Math.floor(length / 16) + 1) * 16);
    padded.set(message.subarray(0, length));
    if (!isWhole) padded[length] = 0x80;
    let subkey = double(this.#encrypt(slot, ZERO_IV));
    if (!isWhole) subkey = double(subkey);
    for (let i = 0; i < 16; i++) padded[padded.length - 16 + i] ^= subkey[i];
    const chain = createCipheriv("aes-128-cbc", this.key(slot), ZERO_IV).setAutoPadding(false).update(padded);
    mac.set(chain.subarray(padded.length - 16));
  }

  deriveKey(root: KeySlot, block: Uint8Array, into: KeySlot): void {
    this.keys.set(into, this.#encrypt(root, block));
  }
}

function double(block: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(16);
  for (let i = 0; i < 16; i++) doubled[i] = (block[i] << 1) | (i < 15 ? block[i + 1] >>> 7 : 0);
  if (block[0] & 0x80) doubled[15] ^= 0x87;
  return doubled;
}
