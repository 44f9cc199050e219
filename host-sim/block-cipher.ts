/** AES-128 of single blocks with the round keys kept (by @noble/ciphers): what LoRaWAN asks of a chip, on every engine. */
import { unsafe } from "@noble/ciphers/aes.js";

export class BlockCipher {
  #roundKeys: Uint32Array;

  constructor(key: Uint8Array) {
    this.#roundKeys = unsafe.expandKeyLE(key);
  }

  /** Encrypts the 16 bytes of `input` at `inputOffset` into `output` at `outputOffset`; both may be the same place. */
  encryptBlock(input: Uint8Array, inputOffset: number, output: Uint8Array, outputOffset: number): void {
    const word = (at: number): number =>
      input[inputOffset + at] |
      (input[inputOffset + at + 1] << 8) |
      (input[inputOffset + at + 2] << 16) |
      (input[inputOffset + at + 3] << 24);
    const { s0, s1, s2, s3 } = unsafe.encrypt(this.#roundKeys, word(0), word(4), word(8), word(12));
    let at = outputOffset;
    for (const result of [s0, s1, s2, s3]) {
      output[at++] = result;
      output[at++] = result >>> 8;
      output[at++] = result >>> 16;
      output[at++] = result >>> 24;
    }
  }
}
