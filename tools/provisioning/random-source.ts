/**
 * Randomness for keys, tested as it is drawn (NIST SP 800-90B 4.4): a source that is stuck, or has lost its spread, stops everything before a key is
 * made of it. The tests are for sources of full entropy, 8 bits a byte, with one false alarm in 2^30 windows.
 *
 *   repetition count      a byte more than 4 times in a row (4.4.1: 1 + 30 / 8)
 *   adaptive proportion   the first byte of a window of 512 again and again (4.4.2; the cutoff is from the binomial distribution)
 */
import { randomBytes } from "node:crypto";

/** Gives `length` bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/** The random source must not be used. */
export class WeakRandom extends Error {}

/** Occurrences in a row that are an alarm. */
export const REPETITION_CUTOFF = 5;
export const WINDOW = 512;
/** Occurrences in a window that are an alarm. */
export const PROPORTION_CUTOFF = 17;
/** Bytes drawn and thrown away before the first use (4.3: at least 1024 samples at start-up). */
export const STARTUP_BYTES = 4096;

/** Fewer different bytes than that in 16 come up once in 10^15 draws. */
const MIN_DIFFERENT = 7;

export class RandomSource {
  readonly #draw: RandomBytes;
  #last = -1;
  #repeated = 0;
  #windowByte = -1;
  #windowLeft = 0;
  #windowHits = 0;

  /** Draws `STARTUP_BYTES` for the tests. Throws WeakRandom. */
  constructor(draw: RandomBytes = randomBytes) {
    this.#draw = draw;
    this.#take(STARTUP_BYTES);
  }

  /** Bytes for a key: tested, and not alike among themselves. Throws WeakRandom. */
  key(length: number): Uint8Array {
    const bytes = this.#take(length);
    const reason = weakness(bytes);
    if (reason !== undefined) throw new WeakRandom(reason);
    return bytes;
  }

  #take(length: number): Uint8Array {
    const bytes = new Uint8Array(this.#draw(length));
    if (bytes.length !== length) throw new WeakRandom("the random source gave another number of bytes");
    for (const byte of bytes) this.#test(byte);
    return bytes;
  }

  #test(byte: number): void {
    this.#repeated = byte === this.#last ? this.#repeated + 1 : 1;
    this.#last = byte;
    if (this.#repeated >= REPETITION_CUTOFF) throw new WeakRandom("the random source repeats itself");
    if (this.#windowLeft === 0) {
      this.#windowByte = byte;
      this.#windowLeft = WINDOW;
      this.#windowHits = 0;
    }
    this.#windowLeft--;
    if (byte === this.#windowByte && ++this.#windowHits >= PROPORTION_CUTOFF) {
      throw new WeakRandom("the random source prefers one value");
    }
  }
}

/** What is weak in the bytes of a key, also of one that came from elsewhere; undefined where nothing is. */
export function weakness(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte === bytes[0])) return "all bytes of the key are alike";
  for (let period = 2; period <= bytes.length / 2; period++) {
    if (bytes.every((byte, i) => byte === bytes[i % period])) return "the key repeats a pattern";
  }
  const step = (bytes[1] - bytes[0]) & 0xff;
  if (bytes.every((byte, i) => i === 0 || ((byte - bytes[i - 1]) & 0xff) === step)) return "the key counts up or down";
  if (new Set(bytes).size < MIN_DIFFERENT) return "the key has too few different bytes";
  return undefined;
}
