/** How the tiles of a compact token are laid into frames of some room (wire/slot-fragment.ts). Pure functions. */
import { TILE_BYTES, tileCount, tilesPerFragment } from "../../wire/schc-fragment.ts";
import { SLOT_ALL_1_HEADER_BYTES } from "../../wire/slot-fragment.ts";
import type { TileSet } from "./tile-set.ts";

/** Whether an All-1 with all tiles from `first` on fits; `first` may be their count. */
export function fitsAll1(length: number, first: number, room: number): boolean {
  return SLOT_ALL_1_HEADER_BYTES + Math.max(length - first * TILE_BYTES, 0) <= room;
}

/** The first tile of the All-1 when everything goes in frames of this room. */
export function firstTileOfAll1(length: number, room: number): number {
  const tiles = tileCount(length);
  const perFrame = Math.max(tilesPerFragment(room), 1);
  let first = 0;
  while (first < tiles && !fitsAll1(length, first, room)) first += perFrame;
  return Math.min(first, tiles);
}

/** Tiles a frame so that as many frames as are needed hold about as many each: then a frame of parity tiles makes up for any one of them. */
export function evenTiles(length: number, room: number): number {
  const perFrame = tilesPerFragment(room);
  const regular = Math.ceil(firstTileOfAll1(length, room) / Math.max(perFrame, 1));
  return Math.min(perFrame, Math.ceil(tileCount(length) / (regular + 1)));
}

/** Frames that `missing` tiles take as they are, and the All-1 with them where it is wanted. */
export function framesOf(missing: TileSet, length: number, all1: boolean, room: number): number {
  const tiles = tileCount(length);
  const perFrame = tilesPerFragment(room);
  let frames = 0;
  let isAll1Left = all1;
  for (let first = missing.next(0, tiles); first < tiles; ) {
    const end = missing.nextOutside(first, tiles);
    if (isAll1Left && end === tiles && fitsAll1(length, first, room)) isAll1Left = false;
    frames += Math.ceil((end - first) / perFrame);
    first = missing.next(end, tiles);
  }
  return isAll1Left ? frames + 1 : frames;
}
