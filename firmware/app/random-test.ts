/**
 * The health tests of a random source (NIST SP 800-90B 4.4) on what it gives before a key is made: a source that is stuck or was never started would
 * give every board the same key. The cut-offs are those for 6 bits of entropy a byte and one false alarm in 2^20.
 */
import type { Random } from "../ports/crypto.ts";

/** 4.4.2: the window for samples that are not binary. */
const WINDOW = 512;
const DRAWN = 2 * WINDOW;
/** 4.4.1: 1 + 20 / 6, rounded up. */
const REPETITIONS = 5;
/** 4.4.2: 1 + the critical value of the binomial distribution of 512 tries at 2^-6 for 2^-20. */
const PROPORTION = 25;

/** Draws 1,024 bytes; false when the source fails a test. */
export function isRandomHealthy(random: Random): boolean {
  const drawn = new Uint8Array(DRAWN);
  random.fill(drawn);
  return repeatsLittle(drawn) && isSpread(drawn, 0) && isSpread(drawn, WINDOW);
}

function repeatsLittle(drawn: Uint8Array): boolean {
  let run = 1;
  for (let i = 1; i < drawn.length; i++) {
    run = drawn[i] === drawn[i - 1] ? run + 1 : 1;
    if (run >= REPETITIONS) return false;
  }
  return true;
}

function isSpread(drawn: Uint8Array, from: number): boolean {
  let count = 0;
  for (let i = from; i < from + WINDOW; i++) if (drawn[i] === drawn[from]) count++;
  return count < PROPORTION;
}
