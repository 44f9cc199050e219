/** AES-CMAC (RFC 4493) over the SDK's native AES block, as one would write it in its absence there: the bench's middle way. */
import type { BlockCipher } from "crypt";

const BLOCK = 16;

export class SdkCmac {
  #cipher: BlockCipher;
  #state = new Uint8Array(BLOCK);
  /** K1, for messages of whole blocks (2.3). */
  #subkey = new Uint8Array(BLOCK);

  constructor(cipher: BlockCipher) {
    this.#cipher = cipher;
    const subkey = this.#subkey;
    cipher.encrypt(subkey.buffer, subkey.buffer);
    const carry = subkey[0] & 0x80 ? 0x87 : 0;
    for (let i = 0; i < BLOCK; i++) subkey[i] = (subkey[i] << 1) | (i + 1 < BLOCK ? subkey[i + 1] >> 7 : 0);
    subkey[BLOCK - 1] ^= carry;
  }

  /** Of a message of whole blocks, one at least. */
  mac(message: Uint8Array): Uint8Array {
    const state = this.#state;
    state.fill(0);
    for (let at = 0; at < message.length; at += BLOCK) {
      for (let i = 0; i < BLOCK; i++) state[i] ^= message[at + i];
      if (at + BLOCK === message.length) for (let i = 0; i < BLOCK; i++) state[i] ^= this.#subkey[i];
      this.#cipher.encrypt(state.buffer, state.buffer);
    }
    return state;
  }
}
