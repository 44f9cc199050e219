/** A set of tiles of one datagram, a bit each. */
export class TileSet {
  readonly bits: Uint8Array;

  constructor(tiles: number) {
    this.bits = new Uint8Array(Math.ceil(tiles / 8));
  }

  has(tile: number): boolean {
    return (this.bits[tile >>> 3] & (1 << (tile & 7))) !== 0;
  }

  add(tile: number): void {
    this.bits[tile >>> 3] |= 1 << (tile & 7);
  }

  clear(): void {
    this.bits.fill(0);
  }

  /** Exactly the tiles from `from` to `end` - 1. */
  setRange(from: number, end: number): void {
    this.clear();
    for (let tile = from; tile < end; tile++) this.add(tile);
  }

  /** Takes the tiles from `from` to `end` - 1 out. */
  removeRange(from: number, end: number): void {
    for (let tile = from; tile < end; tile++) this.bits[tile >>> 3] &= ~(1 << (tile & 7));
  }

  get isEmpty(): boolean {
    for (let i = 0; i < this.bits.length; i++) if (this.bits[i] !== 0) return false;
    return true;
  }

  /** How many of the first `end` tiles are in. */
  count(end: number): number {
    let count = 0;
    for (let tile = 0; tile < end; tile++) if (this.has(tile)) count++;
    return count;
  }

  /** The first tile from `from` to `end` - 1 that is in, or `end`. */
  next(from: number, end: number): number {
    let tile = from;
    while (tile < end && !this.has(tile)) tile++;
    return tile;
  }

  /** The first tile from `from` to `end` - 1 that is not in, or `end`. */
  nextOutside(from: number, end: number): number {
    let tile = from;
    while (tile < end && this.has(tile)) tile++;
    return tile;
  }
}
