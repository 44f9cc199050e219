import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_DATA_TILES,
  MAX_PARITY_TILES,
  type ParityTile,
  rebuildTiles,
  writeParityTile,
} from "../../../firmware/wire/reed-solomon.ts";
import { TILE_BYTES, tileCount } from "../../../firmware/wire/schc-fragment.ts";
import { counts } from "../../counts.ts";
import { fromHex, toHex } from "./token-fixture.ts";

/** The field's product, as polynomials: long multiplication, then long division by x^8 + x^4 + x^3 + x^2 + 1. */
function slowProduct(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) product ^= a << bit;
  for (let bit = 14; bit >= 8; bit--) if ((product >> bit) & 1) product ^= 0b1_0001_1101 << (bit - 8);
  return product;
}

/** By trying all. */
function slowInverse(a: number): number {
  for (let b = 1; b < 256; b++) if (slowProduct(a, b) === 1) return b;
  throw new Error("0 has no inverse");
}

const INVERSES = Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : slowInverse(i)));

/** The sum in the header of reed-solomon.ts, word for word. */
function slowParityTile(datagram: Uint8Array, index: number): Uint8Array {
  return Uint8Array.from({ length: TILE_BYTES }, (_, at) => {
    let sum = 0;
    for (let tile = 0; tile < tileCount(datagram.length); tile++) {
      sum ^= slowProduct(datagram[tile * TILE_BYTES + at] ?? 0, INVERSES[(255 - index) ^ tile]);
    }
    return sum;
  });
}

function parityTile(datagram: Uint8Array, index: number): Uint8Array {
  const into = new Uint8Array(TILE_BYTES).fill(0xee);
  writeParityTile(datagram, datagram.length, index, into, 0);
  return into;
}

/** A datagram of `tiles` tiles, the last one of `lastLength` bytes, with some runs of zeros. */
function makeDatagram(tiles: number, lastLength: number, seed: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length: (tiles - 1) * TILE_BYTES + lastLength }, () => {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    return state & 0x40_0000 ? (state >>> 16) & 0xff : 0;
  });
}

/** All tiles, the last one filled up. */
function padded(datagram: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(tileCount(datagram.length) * TILE_BYTES);
  bytes.set(datagram);
  return bytes;
}

/** What the receiver holds with the data tiles `lost`: rubbish in their places. */
function withoutTiles(datagram: Uint8Array, lost: readonly number[]): { bytes: Uint8Array; have: Uint8Array } {
  const bytes = padded(datagram);
  const have = new Uint8Array(tileCount(datagram.length)).fill(1);
  for (const tile of lost) {
    have[tile] = 0;
    bytes.fill(0xa5, tile * TILE_BYTES, (tile + 1) * TILE_BYTES);
  }
  return { bytes, have };
}

/** `count` different numbers below `size`, in an order that the numbers in `picks` decide. */
function pick(size: number, count: number, picks: readonly number[]): number[] {
  const left = Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => left.splice(picks[i % picks.length] % left.length, 1)[0]);
}

/** A datagram, m, and which k of its k + m tiles come in: none to all of the parity tiles that there can be use for. */
const erasures = fc
  .record({ k: fc.integer({ min: 1, max: 103 }), m: fc.integer({ min: 1, max: 32 }) })
  .chain(({ k, m }) =>
    fc.record({
      k: fc.constant(k),
      m: fc.constant(m),
      lastLength: fc.integer({ min: 1, max: TILE_BYTES }),
      seed: fc.integer(),
      lost: fc.integer({ min: 0, max: Math.min(k, m) }),
      picks: fc.array(fc.nat(0xffff), { minLength: 40, maxLength: 40 }),
    }),
  );

describe("parity tiles", () => {
  const runs = counts(1000, 30_000);

  it("are the sum over Cauchy's coefficients in GF(2^8), for every index, k and length of the last tile", () => {
    for (let index = 0; index < MAX_PARITY_TILES; index++) {
      const datagram = makeDatagram(1 + ((index * 37) % MAX_DATA_TILES), 1 + (index % TILE_BYTES), index);
      deepEqual(parityTile(datagram, index), slowParityTile(datagram, index));
    }
  });

  it("have the coefficients 1 / (255 - i + j): the worked example", () => {
    // 1/ff = fd and 1/fe = 7e: parity tiles 0 and 1 of one tile, 0 of a second tile, and 0 of a short second one (7e * 2 = fc).
    equal(toHex(parityTile(fromHex("01".repeat(10)), 0)), "fd".repeat(10));
    equal(toHex(parityTile(fromHex("01".repeat(10)), 1)), "7e".repeat(10));
    equal(toHex(parityTile(fromHex("00".repeat(10) + "01".repeat(10)), 0)), "7e".repeat(10));
    equal(toHex(parityTile(fromHex(`${"01".repeat(10)}0102`), 0)), `8301${"fd".repeat(8)}`);
  });

  it("take the last tile as filled up with zeros, whatever stands behind the datagram", () => {
    const datagram = makeDatagram(7, 4, 11);
    const buffer = new Uint8Array(100).fill(0x77);
    buffer.set(datagram);
    const into = new Uint8Array(TILE_BYTES);
    writeParityTile(buffer, datagram.length, 3, into, 0);
    deepEqual(into, slowParityTile(datagram, 3));
  });

  it("are written at their place and nowhere else", () => {
    const datagram = makeDatagram(19, 7, 3);
    const into = new Uint8Array(30).fill(0xee);
    writeParityTile(datagram, datagram.length, 2, into, 10);
    deepEqual(into.subarray(10, 20), parityTile(datagram, 2));
    equal(toHex(into).replace(toHex(into.subarray(10, 20)), ""), "ee".repeat(20));
  });

  it(`any k of k + m tiles give the datagram (k 1 to 103, m 1 to 32, ${runs} runs)`, () => {
    fc.assert(
      fc.property(erasures, ({ k, m, lastLength, seed, lost, picks }) => {
        const datagram = makeDatagram(k, lastLength, seed);
        const { bytes, have } = withoutTiles(datagram, pick(k, lost, picks));
        const parity = pick(m, lost, [...picks].reverse()).map((index) => ({
          index,
          bytes: parityTile(datagram, index),
        }));
        equal(rebuildTiles(bytes, k, have, parity), true);
        deepEqual(bytes, padded(datagram));
        // One tile less does not do, and leaves everything as it was.
        if (lost === 0) return;
        const before = withoutTiles(datagram, pick(k, lost, picks));
        equal(rebuildTiles(before.bytes, k, before.have, parity.slice(1)), false);
        deepEqual(before, withoutTiles(datagram, pick(k, lost, picks)));
      }),
      { numRuns: runs, seed: 4 },
    );
  });

  it("any k of k + m: every choice out of 4 data and 4 parity tiles", () => {
    const datagram = makeDatagram(4, 3, 9);
    let choices = 0;
    for (let received = 0; received < 256; received++) {
      const tiles = Array.from({ length: 8 }, (_, i) => i).filter((i) => (received >> i) & 1);
      const lost = [0, 1, 2, 3].filter((tile) => !tiles.includes(tile));
      const { bytes, have } = withoutTiles(datagram, lost);
      const indices = tiles.filter((tile) => tile >= 4).map((tile) => tile - 4);
      const parity = indices.map((index) => ({ index, bytes: parityTile(datagram, index) }));
      equal(rebuildTiles(bytes, 4, have, parity), tiles.length >= 4);
      if (tiles.length < 4) continue;
      choices++;
      deepEqual(bytes, padded(datagram));
    }
    // C(8, 4) + C(8, 5) + ... + C(8, 8).
    equal(choices, 163);
  });

  it("rebuild the longest datagram from parity tiles alone", () => {
    const datagram = makeDatagram(MAX_DATA_TILES, TILE_BYTES, 5);
    const all = Array.from({ length: MAX_DATA_TILES }, (_, i) => i);
    const { bytes, have } = withoutTiles(datagram, all);
    const parity = all.map((index) => ({ index, bytes: parityTile(datagram, index) }));
    equal(rebuildTiles(bytes, MAX_DATA_TILES, have, parity), true);
    deepEqual(bytes, datagram);
  });
});

describe("rebuilding from what an attacker may send", () => {
  const datagram = makeDatagram(5, 10, 8);
  const parity = (index: number): ParityTile => ({ index, bytes: parityTile(datagram, index) });

  it("a parity tile that comes twice counts once", () => {
    const held = withoutTiles(datagram, [1, 3]);
    equal(rebuildTiles(held.bytes, 5, held.have, [parity(2), parity(2)]), false);
    deepEqual(held, withoutTiles(datagram, [1, 3]));
    equal(rebuildTiles(held.bytes, 5, held.have, [parity(2), parity(2), parity(0)]), true);
    deepEqual(held.bytes, datagram);
  });

  for (const [title, tiles, given] of [
    ["an index beyond the last", 5, [{ index: MAX_PARITY_TILES, bytes: new Uint8Array(TILE_BYTES) }]],
    ["a negative index", 5, [{ index: -1, bytes: new Uint8Array(TILE_BYTES) }]],
    ["an index that is no number", 5, [{ index: Number.NaN, bytes: new Uint8Array(TILE_BYTES) }]],
    ["a parity tile of the wrong length", 5, [{ index: 0, bytes: new Uint8Array(TILE_BYTES - 1) }]],
    ["more tiles than there is room for", 6, [parity(0), parity(1)]],
  ] as const) {
    it(`refuses ${title} and changes nothing`, () => {
      const held = withoutTiles(datagram, [2]);
      equal(rebuildTiles(held.bytes, tiles, held.have, given), false);
      deepEqual(held, withoutTiles(datagram, [2]));
    });
  }

  it("refuses more data tiles than the code has", () => {
    const bytes = new Uint8Array((MAX_DATA_TILES + 1) * TILE_BYTES);
    equal(rebuildTiles(bytes, MAX_DATA_TILES + 1, new Uint8Array(MAX_DATA_TILES + 1).fill(1), []), false);
  });

  it("of two datagrams mixed nothing comes that has the check of one", () => {
    const other = makeDatagram(5, 10, 99);
    const held = withoutTiles(datagram, [2]);
    equal(rebuildTiles(held.bytes, 5, held.have, [{ index: 0, bytes: parityTile(other, 0) }]), true);
    equal(Buffer.compare(held.bytes, datagram) === 0 || Buffer.compare(held.bytes, other) === 0, false);
  });
});
