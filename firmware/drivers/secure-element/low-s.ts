/**
 * The lower of the two forms of an ECDSA signature on P-256: (r, s) and (r, n - s) are both valid, and verifiers such as an EVM's accept
 * only s <= n / 2. A secure element answers either. Byte arithmetic, because BigInt has no place in preloaded code.
 */

/** The group order n of P-256, big-endian (SEC 2 v2, 2.4.2). */
const ORDER: readonly number[] = Object.freeze([
  0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
  0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
]);
const SCALAR_BYTES = 32;

/** Replaces s of the signature r‖s (64 bytes) by n - s where that is the smaller one. s is below n, as ECDSA has it. */
export function normaliseLowS(signature: Uint8Array): void {
  if (!isHigh(signature)) return;
  let borrow = 0;
  for (let i = SCALAR_BYTES - 1; i >= 0; i--) {
    const difference = ORDER[i] - signature[SCALAR_BYTES + i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    signature[SCALAR_BYTES + i] = difference & 0xff;
  }
}

/** Whether 2 s > n. n is odd, so the two are never equal; the first byte in which they differ decides. */
function isHigh(signature: Uint8Array): boolean {
  if (signature[SCALAR_BYTES] & 0x80) return true;
  for (let i = 0; i < SCALAR_BYTES; i++) {
    const carry = i + 1 < SCALAR_BYTES ? signature[SCALAR_BYTES + i + 1] >>> 7 : 0;
    const twice = ((signature[SCALAR_BYTES + i] << 1) & 0xff) | carry;
    if (twice !== ORDER[i]) return twice > ORDER[i];
  }
  return false;
}
