/** Low-S by bytes against the same by BigInt. */
import assert from "node:assert/strict";
import { normaliseLowS } from "../../../../firmware/drivers/secure-element/low-s.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function toBytes(r: bigint, s: bigint): Uint8Array {
  const hex = r.toString(16).padStart(64, "0") + s.toString(16).padStart(64, "0");
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function expectLow(s: bigint): void {
  const signature = toBytes(12345n, s);
  normaliseLowS(signature);
  assert.deepEqual(signature, toBytes(12345n, 2n * s > ORDER ? ORDER - s : s), s.toString(16));
}

describe("low-S of P-256 (SEC 2 v2 2.4.2)", () => {
  it("turns s round exactly from (n + 1) / 2 on", () => {
    const half = (ORDER - 1n) / 2n;
    for (let i = -300n; i <= 300n; i++) expectLow(half + i);
  });

  it("the ends, and each power of two with its neighbours", () => {
    for (const s of [1n, 2n, ORDER - 1n, ORDER - 2n]) expectLow(s);
    for (let bit = 1n; bit < 256n; bit++)
      for (const near of [-1n, 0n, 1n]) if ((1n << bit) + near < ORDER) expectLow((1n << bit) + near);
  });

  it("random s, and s that share a beginning with n / 2", () => {
    const random = new RandomStream(1, "low-s");
    const bytes = new Uint8Array(32);
    for (let i = 0; i < 3000; i++) {
      random.fill(bytes);
      let s = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
      const kept = BigInt(random.below(256));
      if (i % 2 === 1) s = (((ORDER >> 1n) >> kept) << kept) | (s & ((1n << kept) - 1n));
      expectLow(s % ORDER);
    }
  });
});
