/**
 * Writes an image of an NVS partition, plain or encrypted (nvs-cipher.ts). Every value that the format cannot hold, or that would be held
 * otherwise than it was given, is refused by name; what is written here was never erased, so its pages are full but for the last.
 */
import { crc32 } from "node:zlib";
import { encryptEntry } from "./nvs-cipher.ts";
import {
  BITMAP_AT,
  ENTRIES,
  ENTRIES_AT,
  ENTRY_BYTES,
  FORMAT_VERSION,
  type IntegerType,
  MAX_CHUNKS,
  MAX_KEY_LENGTH,
  MAX_NAMESPACES,
  MAX_STRING_BYTES,
  MIN_PAGES,
  NO_CHUNK,
  type NvsRecord,
  PAGE_BYTES,
  PAGE_STATE,
  TYPE,
} from "./nvs-format.ts";

/** Why records make no image; `place` is namespace/key, or "partition". */
export class NvsError extends Error {
  readonly reason: string;
  readonly place: string;

  constructor(reason: string, place: string) {
    super(`${place}: ${reason}`);
    this.reason = reason;
    this.place = place;
  }
}

const PRINTABLE = /^[\x21-\x7e]+$/;
/** UTF-8 has no form for it. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** The library's CRC32 starts from 0 and zlib's from FFFFFFFF, which is what this value makes of it. */
const CRC_START = 0xffffffff;

/**
 * The image of a partition of `partitionBytes` with `records` in their order. `keys`: the 64 bytes of an encrypted partition's keys
 * partition. Throws NvsError.
 */
export function writeNvsImage(records: readonly NvsRecord[], partitionBytes: number, keys?: Uint8Array): Uint8Array {
  if (partitionBytes % PAGE_BYTES !== 0) throw new NvsError("partition-not-whole-pages", "partition");
  if (partitionBytes < MIN_PAGES * PAGE_BYTES) throw new NvsError("partition-smaller-than-3-pages", "partition");
  const image = new ImageWriter(partitionBytes, keys);
  const namespaces = new Map<string, number>();
  const seen = new Set<string>();
  for (const record of records) {
    const place = `${record.namespace}/${record.key}`;
    checkName(record.namespace, "namespace", place);
    checkName(record.key, "key", place);
    if (seen.has(place)) throw new NvsError("key-duplicate", place);
    seen.add(place);
    let namespace = namespaces.get(record.namespace);
    if (namespace === undefined) {
      namespace = namespaces.size + 1;
      if (namespace > MAX_NAMESPACES) throw new NvsError("too-many-namespaces", place);
      namespaces.set(record.namespace, namespace);
      image.addInteger(0, record.namespace, "u8", BigInt(namespace), place);
    }
    const { value } = record;
    if (value.type === "string") image.addString(namespace, record.key, value.value, place);
    else if (value.type === "blob") image.addBlob(namespace, record.key, value.value, place);
    else image.addInteger(namespace, record.key, value.type, value.value, place);
  }
  return image.finish();
}

function checkName(name: string, what: string, place: string): void {
  if (name.length === 0) throw new NvsError(`${what}-empty`, place);
  if (!PRINTABLE.test(name)) throw new NvsError(`${what}-not-printable-ascii`, place);
  if (name.length > MAX_KEY_LENGTH) throw new NvsError(`${what}-longer-than-15`, place);
}

class ImageWriter {
  readonly #image: Uint8Array;
  readonly #view: DataView;
  readonly #keys: Uint8Array | undefined;
  /** Pages that may be filled. */
  readonly #pages: number;
  /** The page being filled, and its first free entry. */
  #page = -1;
  #entry = ENTRIES;

  constructor(bytes: number, keys: Uint8Array | undefined) {
    this.#image = new Uint8Array(bytes).fill(0xff);
    this.#view = new DataView(this.#image.buffer);
    this.#keys = keys;
    this.#pages = bytes / PAGE_BYTES - 1;
  }

  addInteger(namespace: number, key: string, type: IntegerType, value: bigint, place: string): void {
    const bits = 8 * (TYPE[type] & 0x0f);
    const fitting = type.startsWith("u") ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
    if (fitting !== value) throw new NvsError(`integer-out-of-range-of-${type}`, place);
    const data = new Uint8Array(8).fill(0xff);
    for (let i = 0; i < bits / 8; i++) data[i] = Number((value >> BigInt(8 * i)) & 0xffn);
    this.#reserve(1, place);
    this.#write(header(namespace, TYPE[type], 1, NO_CHUNK, key, data));
  }

  addString(namespace: number, key: string, value: string, place: string): void {
    if (value.includes("\0")) throw new NvsError("string-with-nul", place);
    if (LONE_SURROGATE.test(value)) throw new NvsError("string-not-unicode", place);
    const bytes = new TextEncoder().encode(`${value}\0`);
    if (bytes.length > MAX_STRING_BYTES) throw new NvsError("string-longer-than-4000-bytes", place);
    this.#reserve(1 + entriesFor(bytes.length), place);
    this.#writeVariable(namespace, TYPE.string, NO_CHUNK, key, bytes);
  }

  /** In chunks that each fill what is left of a page, and their index behind them. */
  addBlob(namespace: number, key: string, value: Uint8Array, place: string): void {
    let chunks = 0;
    for (let at = 0; at < value.length || chunks === 0; chunks++) {
      if (chunks === MAX_CHUNKS) throw new NvsError("blob-of-more-than-127-chunks", place);
      // An entry for the head, and one of data unless the blob is empty.
      this.#reserve(value.length === 0 ? 1 : 2, place);
      const room = (ENTRIES - this.#entry - 1) * ENTRY_BYTES;
      const chunk = value.subarray(at, Math.min(value.length, at + room));
      this.#writeVariable(namespace, TYPE.blobChunk, chunks, key, chunk);
      at += chunk.length;
    }
    const data = new Uint8Array(8).fill(0xff);
    new DataView(data.buffer).setUint32(0, value.length, true);
    data[4] = chunks;
    data[5] = 0;
    this.#reserve(1, place);
    this.#write(header(namespace, TYPE.blobIndex, 1, NO_CHUNK, key, data));
  }

  finish(): Uint8Array {
    return this.#image;
  }

  #writeVariable(namespace: number, type: number, chunk: number, key: string, bytes: Uint8Array): void {
    const data = new Uint8Array(8).fill(0xff);
    const view = new DataView(data.buffer);
    view.setUint16(0, bytes.length, true);
    view.setUint32(4, crc32(bytes, CRC_START), true);
    const span = 1 + entriesFor(bytes.length);
    this.#write(header(namespace, type, span, chunk, key, data));
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      const entry = new Uint8Array(ENTRY_BYTES).fill(0xff);
      entry.set(bytes.subarray(at, at + ENTRY_BYTES));
      this.#write(entry);
    }
  }

  /** Makes sure that `entries` lie in one page: the page at hand, or else the next. */
  #reserve(entries: number, place: string): void {
    if (this.#page >= 0 && this.#entry + entries <= ENTRIES) return;
    if (this.#page >= 0) this.#view.setUint32(this.#page * PAGE_BYTES, PAGE_STATE.full, true);
    if (this.#page + 1 === this.#pages) throw new NvsError("image-larger-than-partition", place);
    this.#page++;
    this.#entry = 0;
    const at = this.#page * PAGE_BYTES;
    this.#view.setUint32(at, PAGE_STATE.active, true);
    this.#view.setUint32(at + 4, this.#page, true);
    this.#image[at + 8] = FORMAT_VERSION;
    this.#view.setUint32(at + 28, crc32(this.#image.subarray(at + 4, at + 28), CRC_START), true);
  }

  #write(entry: Uint8Array): void {
    const page = this.#page * PAGE_BYTES;
    const at = page + ENTRIES_AT + this.#entry * ENTRY_BYTES;
    this.#image.set(this.#keys === undefined ? entry : encryptEntry(entry, at, this.#keys), at);
    // From 11, empty, to 10, written.
    this.#image[page + BITMAP_AT + (this.#entry >> 2)] &= ~(1 << (2 * (this.#entry & 3)));
    this.#entry++;
  }
}

function entriesFor(bytes: number): number {
  return Math.ceil(bytes / ENTRY_BYTES);
}

function header(
  namespace: number,
  type: number,
  span: number,
  chunk: number,
  key: string,
  data: Uint8Array,
): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  entry.set([namespace, type, span, chunk]);
  for (let i = 0; i < key.length; i++) entry[8 + i] = key.charCodeAt(i);
  entry.set(data, 24);
  const crc = crc32(entry.subarray(8), crc32(entry.subarray(0, 4), CRC_START));
  new DataView(entry.buffer).setUint32(4, crc, true);
  return entry;
}
