/**
 * Tiles and parity tiles of one datagram at the receiver, until they give the datagram. It never holds more than `maxTiles` of either, whatever is sent.
 * Rebuilding from parity happens on a copy: parity tiles that a stranger mixed in spoil nothing but themselves.
 */
import { crc32 } from "../../firmware/wire/crc32.ts";
import { type ParityTile, rebuildTiles } from "../../firmware/wire/reed-solomon.ts";
import { TILE_BYTES, tileCount } from "../../firmware/wire/schc-fragment.ts";

/** After so many sets of parity tiles that gave a wrong check, the tiles themselves are not trusted any more. */
export const MAX_WRONG_REBUILDS = 3;

export class TileStore {
  readonly #maxTiles: number;
  /** Tiles at their places. */
  readonly bytes: Uint8Array;
  /** 1 where a tile has come. */
  readonly have: Uint8Array;
  /** Length of the datagram in bytes, 0 while it is not known. */
  length = 0;
  /** CRC-32 of the datagram, -1 while it is not known. */
  check = -1;
  #parity = new Map<number, Uint8Array>();
  #wrongRebuilds = 0;
  /** Where the tiles that have come end, in bytes. */
  #end = 0;

  constructor(maxTiles: number) {
    this.#maxTiles = maxTiles;
    this.bytes = new Uint8Array(maxTiles * TILE_BYTES);
    this.have = new Uint8Array(maxTiles);
  }

  /** Parity tiles that have come. */
  get parityCount(): number {
    return this.#parity.size;
  }

  /** One above the highest index of a parity tile that has come. */
  get parityEnd(): number {
    let end = 0;
    for (const index of this.#parity.keys()) end = Math.max(end, index + 1);
    return end;
  }

  /** Data tiles that have not come, of those that there are; of all that there may be while the length is not known. */
  get missing(): number {
    const tiles = this.length === 0 ? this.#maxTiles : tileCount(this.length);
    let missing = 0;
    for (let tile = 0; tile < tiles; tile++) if (this.have[tile] !== 1) missing++;
    return missing;
  }

  /** Whether tiles from `firstTile` on contradict what is known. */
  contradicts(firstTile: number, payload: Uint8Array): boolean {
    if (payload.length === 0) return false;
    const offset = firstTile * TILE_BYTES;
    if (this.length > 0 && offset + payload.length > this.length) return true;
    for (let i = 0; i < payload.length; i++) {
      const tile = firstTile + Math.floor(i / TILE_BYTES);
      if (this.have[tile] === 1 && this.bytes[offset + i] !== payload[i]) return true;
    }
    return false;
  }

  /** Puts tiles in; returns whether one of them is new. They must not contradict. */
  put(firstTile: number, payload: Uint8Array): boolean {
    if (payload.length === 0) return false;
    const offset = firstTile * TILE_BYTES;
    this.bytes.set(payload, offset);
    let isNew = false;
    for (let tile = firstTile; tile < firstTile + tileCount(payload.length); tile++) {
      isNew ||= this.have[tile] !== 1;
      this.have[tile] = 1;
    }
    this.#end = Math.max(this.#end, offset + payload.length);
    return isNew;
  }

  /** Whether the datagram may have this length (0: not said) and check (-1: not said). */
  contradictsHeader(length: number, check: number): boolean {
    if (length > 0 && ((this.length > 0 && this.length !== length) || this.#end > length)) return true;
    return check >= 0 && this.check >= 0 && this.check !== check;
  }

  /** Takes down length and check, as far as they are said. They must not contradict. */
  know(length: number, check: number): void {
    if (length > 0) this.length = length;
    if (check >= 0) this.check = check;
  }

  /** Puts parity tiles in, no more than can be of use; returns whether one of them is new. */
  putParity(firstIndex: number, payload: Uint8Array): boolean {
    const most = this.length === 0 ? this.#maxTiles : tileCount(this.length);
    let isNew = false;
    for (let i = 0; i * TILE_BYTES < payload.length; i++) {
      if (this.#parity.has(firstIndex + i) || this.#parity.size >= most) continue;
      this.#parity.set(firstIndex + i, payload.slice(i * TILE_BYTES, (i + 1) * TILE_BYTES));
      isNew = true;
    }
    return isNew;
  }

  /** "whole": `bytes` begin with the datagram. "spoiled": what has come is not of one datagram. */
  complete(): "partial" | "whole" | "spoiled" {
    if (this.length === 0 || this.check < 0) return "partial";
    const { missing } = this;
    if (missing === 0) return crc32(this.bytes, 0, this.length) === this.check ? "whole" : "spoiled";
    if (this.#parity.size < missing) return "partial";
    if (this.#rebuild()) return "whole";
    this.#parity.clear();
    return ++this.#wrongRebuilds < MAX_WRONG_REBUILDS ? "partial" : "spoiled";
  }

  #rebuild(): boolean {
    const tiles = tileCount(this.length);
    const copy = this.bytes.slice(0, tiles * TILE_BYTES);
    copy.fill(0, this.length);
    const parity: ParityTile[] = [];
    for (const [index, bytes] of this.#parity) parity.push({ index, bytes });
    if (!rebuildTiles(copy, tiles, this.have, parity) || crc32(copy, 0, this.length) !== this.check) return false;
    this.bytes.set(copy);
    this.have.fill(1, 0, tiles);
    return true;
  }
}
