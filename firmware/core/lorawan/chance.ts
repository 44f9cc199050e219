/** Small random numbers for channel choice and back-off: nothing here is a secret. */
import type { Random } from "../../ports/crypto.ts";

export class Chance {
  readonly #random: Random;
  readonly #bytes = new Uint8Array(4);

  constructor(random: Random) {
    this.#random = random;
  }

  /** A number from 0 to `bound` - 1, for bounds far below 2^32. */
  below(bound: number): number {
    const bytes = this.#bytes;
    this.#random.fill(bytes);
    return (((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0) % bound;
  }
}
