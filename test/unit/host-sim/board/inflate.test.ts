import assert from "node:assert/strict";
import { constants, deflateSync } from "node:zlib";
import fc from "fast-check";
import { InflateStream } from "../../../../host-sim/board/inflate.ts";
import { counts } from "../../../counts.ts";

/** Inflates in pieces of the lengths given (the last one again and again). */
function inflate(stream: Uint8Array, pieces: readonly number[]): { status: string; bytes: Uint8Array } {
  const out: Uint8Array[] = [];
  const inflater = new InflateStream((bytes) => out.push(bytes));
  for (let at = 0, i = 0; at < stream.length; i++) {
    const length = pieces[Math.min(i, pieces.length - 1)];
    inflater.push(stream.subarray(at, at + length));
    at += length;
  }
  return { status: inflater.status, bytes: Buffer.concat(out) };
}

/** Bytes that compress like a program does: words that come again. */
const compressible = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 60 })), { maxLength: 30 })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => new Array(times).fill(bytes))));

describe("inflate (RFC 1950, RFC 1951)", () => {
  it("gives back what zlib compressed, at each level and strategy, in whatever pieces it comes", () => {
    const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY];
    fc.assert(
      fc.property(
        compressible,
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom(...strategies),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
        (bytes, level, strategy, pieces) => {
          const result = inflate(deflateSync(bytes, { level, strategy }), pieces);
          assert.equal(result.status, "done");
          assert.ok(Buffer.from(bytes).equals(result.bytes));
        },
      ),
      { numRuns: counts(100, 3000), seed: 6 },
    );
  });

  it("gives back more than its window", () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7);
    assert.deepEqual(inflate(deflateSync(bytes, { level: 9 }), [0x4000]), {
      status: "done",
      bytes: Buffer.from(bytes),
    });
  });

  it("waits for what is missing", () => {
    const stream = deflateSync(Buffer.alloc(1000, "abc"));
    assert.equal(inflate(stream.subarray(0, stream.length - 1), [3]).status, "more");
  });

  it("names a wrong Adler-32 (RFC 1950 2.2)", () => {
    const stream = deflateSync(Buffer.from("Groundtruth"));
    stream[stream.length - 1] ^= 1;
    assert.equal(inflate(stream, [100]).status, "bad-checksum");
  });

  it("ignores what follows the end: the padding of a download's last block", () => {
    const stream = Buffer.concat([deflateSync(Buffer.from("Groundtruth")), Buffer.alloc(50, 0xff)]);
    assert.equal(inflate(stream, [7]).status, "done");
  });

  it("takes any bytes without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withHeader) => {
        const stream = withHeader ? Buffer.concat([Uint8Array.of(0x78, 0x9c), bytes]) : bytes;
        assert.ok(["more", "done", "bad-data", "bad-checksum"].includes(inflate(stream, [5]).status));
      }),
      { numRuns: counts(500, 20_000), seed: 6 },
    );
  });
});
