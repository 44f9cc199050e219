/**
 * SHA-256 (FIPS 180-4) whose state can be kept on flash between one block and the next: what a daily digest grows by over days, power cuts
 * and deep sleep. Where a message is at hand as a whole, the crypto port hashes it.
 */

export const SHA256_STATE_BYTES = 32;
export const SHA256_BLOCK_BYTES = 64;

/** FIPS 180-4 5.3.3. */
const INITIAL: readonly number[] = Object.freeze([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** FIPS 180-4 4.2.2. */
const CONSTANTS: readonly number[] = Object.freeze([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** Writes the state before the first block (SHA256_STATE_BYTES) at `offset`. */
export function sha256Begin(state: Uint8Array, offset: number): void {
  for (let i = 0; i < 8; i++) putWord(state, offset + 4 * i, INITIAL[i]);
}

/** FIPS 180-4 6.2.2: takes the block (SHA256_BLOCK_BYTES at `blockOffset` of `block`) into the state. */
export function sha256Block(state: Uint8Array, offset: number, block: Uint8Array, blockOffset: number): void {
  const schedule = new Int32Array(16);
  let a = getWord(state, offset);
  let b = getWord(state, offset + 4);
  let c = getWord(state, offset + 8);
  let d = getWord(state, offset + 12);
  let e = getWord(state, offset + 16);
  let f = getWord(state, offset + 20);
  let g = getWord(state, offset + 24);
  let h = getWord(state, offset + 28);
  for (let t = 0; t < 64; t++) {
    const at = t & 15;
    if (t < 16) {
      schedule[at] = getWord(block, blockOffset + 4 * t);
    } else {
      const early = schedule[(t + 1) & 15];
      const late = schedule[(t + 14) & 15];
      const sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
      const sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
      schedule[at] = (schedule[at] + sigma0 + schedule[(t + 9) & 15] + sigma1) | 0;
    }
    const choice = (e & f) ^ (~e & g);
    const first = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice + CONSTANTS[t] + schedule[at]) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  addWord(state, offset, a);
  addWord(state, offset + 4, b);
  addWord(state, offset + 8, c);
  addWord(state, offset + 12, d);
  addWord(state, offset + 16, e);
  addWord(state, offset + 20, f);
  addWord(state, offset + 24, g);
  addWord(state, offset + 28, h);
}

/**
 * FIPS 180-4 5.1.1: ends the message, of `messageBytes` bytes in all, whose last `restBytes` (fewer than a block) stand in `rest`; the state
 * is then the hash. `rest` needs SHA256_BLOCK_BYTES and is overwritten.
 */
export function sha256End(
  state: Uint8Array,
  offset: number,
  rest: Uint8Array,
  restBytes: number,
  messageBytes: number,
): void {
  rest.fill(0, restBytes, SHA256_BLOCK_BYTES);
  rest[restBytes] = 0x80;
  if (restBytes + 9 > SHA256_BLOCK_BYTES) {
    sha256Block(state, offset, rest, 0);
    rest.fill(0, 0, SHA256_BLOCK_BYTES);
  }
  putWord(rest, SHA256_BLOCK_BYTES - 8, Math.floor(messageBytes / 0x20000000));
  putWord(rest, SHA256_BLOCK_BYTES - 4, messageBytes * 8);
  sha256Block(state, offset, rest, 0);
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function getWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

function addWord(bytes: Uint8Array, at: number, word: number): void {
  putWord(bytes, at, (getWord(bytes, at) + word) | 0);
}
