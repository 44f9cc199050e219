/**
 * Reads an image of an NVS partition: written from the format's documentation alone and sharing nothing with the writer but the numbers in
 * nvs-format.ts, so that the two can check each other. It stands in for the device's own library: each image is read back before it is given away.
 * Pages come in the order of their sequence numbers; entries that were erased are passed over. It never throws.
 */
import { EntryDecipher, libraryCrc32 } from "./nvs-decipher.ts";
import {
  BITMAP_AT,
  ENTRIES,
  ENTRIES_AT,
  ENTRY_BYTES,
  ENTRY_STATE,
  FORMAT_VERSION,
  INTEGER_TYPES,
  NO_CHUNK,
  type NvsRecord,
  type NvsValue,
  PAGE_BYTES,
  PAGE_STATE,
  TYPE,
} from "./nvs-format.ts";

/** `at`: offset in the image where it is wrong. */
export type NvsReadResult = { ok: true; records: NvsRecord[]; freePages: number } | NvsUnreadable;

interface NvsUnreadable {
  ok: false;
  reason: string;
  at: number;
}

interface Page {
  at: number;
  sequence: number;
}

interface Blob {
  namespace: number;
  key: string;
  chunks: Map<number, Uint8Array>;
  /** Position of the index among the records, for their order. */
  index: { size: number; count: number; first: number; order: number } | undefined;
}

class Unreadable extends Error {
  readonly at: number;

  constructor(reason: string, at: number) {
    super(reason);
    this.at = at;
  }
}

/** Reads a whole partition; `keys` where it is encrypted. */
export function readNvsImage(image: Uint8Array, keys?: Uint8Array): NvsReadResult {
  try {
    return new ImageReader(image, keys).read();
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.message, at: error.at };
    throw error;
  }
}

class ImageReader {
  readonly #image: Uint8Array;
  readonly #view: DataView;
  readonly #decipher: EntryDecipher | undefined;
  readonly #namespaces = new Map<number, string>();
  readonly #blobs = new Map<string, Blob>();
  readonly #found: { namespace: number; key: string; value: NvsValue; order: number }[] = [];
  readonly #seen = new Set<string>();
  #order = 0;

  constructor(image: Uint8Array, keys: Uint8Array | undefined) {
    this.#image = image;
    this.#view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    this.#decipher = keys === undefined ? undefined : new EntryDecipher(keys);
  }

  read(): NvsReadResult {
    if (this.#image.length === 0 || this.#image.length % PAGE_BYTES !== 0) throw new Unreadable("not-whole-pages", 0);
    const pages = this.#pages();
    for (const page of pages) this.#readPage(page);
    for (const blob of this.#blobs.values()) this.#found.push(joined(blob));
    const records = this.#found
      .sort((a, b) => a.order - b.order)
      .map(({ namespace, key, value }) => {
        const name = this.#namespaces.get(namespace);
        if (name === undefined) throw new Unreadable("namespace-without-name", 0);
        return { namespace: name, key, value };
      });
    return { ok: true, records, freePages: this.#image.length / PAGE_BYTES - pages.length };
  }

  /** The pages in use, checked, in their order. */
  #pages(): Page[] {
    const pages: Page[] = [];
    let active = 0;
    for (let at = 0; at < this.#image.length; at += PAGE_BYTES) {
      const state = this.#view.getUint32(at, true);
      if (state === PAGE_STATE.empty) {
        if (!isErased(this.#image.subarray(at, at + PAGE_BYTES))) throw new Unreadable("empty-page-not-erased", at);
        continue;
      }
      if (state === PAGE_STATE.active) active++;
      else if (state !== PAGE_STATE.full) throw new Unreadable("page-state-unknown", at);
      if (this.#view.getUint32(at + 28, true) !== libraryCrc32(this.#image.subarray(at + 4, at + 28))) {
        throw new Unreadable("page-crc-wrong", at);
      }
      if (this.#image[at + 8] !== FORMAT_VERSION) throw new Unreadable("page-version-not-2", at);
      pages.push({ at, sequence: this.#view.getUint32(at + 4, true) });
    }
    if (active > 1) throw new Unreadable("more-than-one-active-page", 0);
    pages.sort((a, b) => a.sequence - b.sequence);
    for (let i = 1; i < pages.length; i++) {
      if (pages[i].sequence === pages[i - 1].sequence) throw new Unreadable("page-number-twice", pages[i].at);
    }
    return pages;
  }

  #readPage({ at }: Page): void {
    for (let i = 0; i < ENTRIES; ) {
      const state = this.#entryState(at, i);
      const offset = at + ENTRIES_AT + i * ENTRY_BYTES;
      if (state === ENTRY_STATE.written) {
        i += this.#readEntry(at, i, offset);
        continue;
      }
      if (state === ENTRY_STATE.empty) {
        const rest = this.#image.subarray(offset, offset + ENTRY_BYTES);
        if (!isErased(rest)) throw new Unreadable("empty-entry-not-erased", offset);
      } else if (state !== ENTRY_STATE.erased) {
        throw new Unreadable("entry-state-unknown", offset);
      }
      i++;
    }
  }

  #entryState(page: number, entry: number): number {
    return (this.#image[page + BITMAP_AT + Math.floor(entry / 4)] >>> (2 * (entry % 4))) & 3;
  }

  /** Reads the value that begins at an entry; returns how many entries it takes. */
  #readEntry(page: number, index: number, offset: number): number {
    const entry = this.#entry(offset);
    const view = new DataView(entry.buffer);
    const covered = new Uint8Array(28);
    covered.set(entry.subarray(0, 4));
    covered.set(entry.subarray(8), 4);
    if (view.getUint32(4, true) !== libraryCrc32(covered)) throw new Unreadable("entry-crc-wrong", offset);
    const [namespace, type, span, chunk] = entry;
    if (span === 0 || index + span > ENTRIES) throw new Unreadable("span-beyond-page", offset);
    for (let i = 1; i < span; i++) {
      if (this.#entryState(page, index + i) !== ENTRY_STATE.written) throw new Unreadable("span-not-written", offset);
    }
    const key = keyOf(entry, offset);
    const integer = INTEGER_TYPES.find((name) => TYPE[name] === type);
    if (integer !== undefined) {
      if (span !== 1 || chunk !== NO_CHUNK) throw new Unreadable("integer-of-wrong-form", offset);
      const wide = integer.startsWith("u") ? view.getBigUint64(24, true) : view.getBigInt64(24, true);
      const bits = 8 * (type & 0x0f);
      const value = integer.startsWith("u") ? BigInt.asUintN(bits, wide) : BigInt.asIntN(bits, wide);
      if (!isErased(entry.subarray(24 + bits / 8))) throw new Unreadable("integer-not-padded", offset);
      if (namespace === 0) this.#name(key, value, integer, offset);
      else this.#add(namespace, key, { type: integer, value }, offset);
    } else if (type === TYPE.string) {
      const bytes = this.#bytes(view, span, offset);
      if (bytes.at(-1) !== 0 || bytes.indexOf(0) !== bytes.length - 1)
        throw new Unreadable("string-not-terminated", offset);
      const value = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, -1));
      this.#add(namespace, key, { type: "string", value }, offset);
    } else if (type === TYPE.blobChunk) {
      const { chunks } = this.#blob(namespace, key);
      if (chunks.has(chunk)) throw new Unreadable("chunk-twice", offset);
      chunks.set(chunk, this.#bytes(view, span, offset));
    } else if (type === TYPE.blobIndex) {
      const blob = this.#blob(namespace, key);
      if (span !== 1 || chunk !== NO_CHUNK) throw new Unreadable("blob-index-of-wrong-form", offset);
      if (blob.index !== undefined) throw new Unreadable("key-twice", offset);
      blob.index = { size: view.getUint32(24, true), count: entry[28], first: entry[29], order: this.#order++ };
    } else {
      throw new Unreadable("type-unknown", offset);
    }
    return span;
  }

  #entry(offset: number): Uint8Array {
    const raw = this.#image.slice(offset, offset + ENTRY_BYTES);
    return this.#decipher?.decrypt(raw, offset) ?? raw;
  }

  /** The bytes in the entries behind a head. */
  #bytes(head: DataView, span: number, offset: number): Uint8Array {
    const size = head.getUint16(24, true);
    if (span !== 1 + Math.ceil(size / ENTRY_BYTES)) throw new Unreadable("span-not-of-size", offset);
    const bytes = new Uint8Array((span - 1) * ENTRY_BYTES);
    for (let i = 1; i < span; i++) bytes.set(this.#entry(offset + i * ENTRY_BYTES), (i - 1) * ENTRY_BYTES);
    if (!isErased(bytes.subarray(size))) throw new Unreadable("value-not-padded", offset);
    const value = bytes.subarray(0, size);
    if (head.getUint32(28, true) !== libraryCrc32(value)) throw new Unreadable("value-crc-wrong", offset);
    return value;
  }

  #blob(namespace: number, key: string): Blob {
    const name = `${namespace} ${key}`;
    let blob = this.#blobs.get(name);
    if (blob === undefined) {
      blob = { namespace, key, chunks: new Map(), index: undefined };
      this.#blobs.set(name, blob);
    }
    return blob;
  }

  #name(name: string, value: bigint, type: string, offset: number): void {
    const number = Number(value);
    if (type !== "u8" || number === 0 || number === NO_CHUNK) throw new Unreadable("namespace-number-wrong", offset);
    if (this.#namespaces.has(number)) throw new Unreadable("namespace-number-twice", offset);
    if ([...this.#namespaces.values()].includes(name)) throw new Unreadable("namespace-name-twice", offset);
    this.#namespaces.set(number, name);
  }

  #add(namespace: number, key: string, value: NvsValue, offset: number): void {
    const name = `${namespace} ${key}`;
    if (this.#seen.has(name)) throw new Unreadable("key-twice", offset);
    this.#seen.add(name);
    this.#found.push({ namespace, key, value, order: this.#order++ });
  }
}

function joined({ namespace, key, chunks, index }: Blob): {
  namespace: number;
  key: string;
  value: NvsValue;
  order: number;
} {
  if (index === undefined) throw new Unreadable("chunk-without-index", 0);
  const { size, count, first, order } = index;
  if (chunks.size !== count) throw new Unreadable("chunk-missing", 0);
  const value = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const chunk = chunks.get(first + i);
    if (chunk === undefined) throw new Unreadable("chunk-missing", 0);
    if (at + chunk.length > size) throw new Unreadable("blob-not-of-size", 0);
    value.set(chunk, at);
    at += chunk.length;
  }
  if (at !== size) throw new Unreadable("blob-not-of-size", 0);
  return { namespace, key, value: { type: "blob", value }, order };
}

function keyOf(entry: Uint8Array, offset: number): string {
  const field = entry.subarray(8, 24);
  const end = field.indexOf(0);
  if (end < 1) throw new Unreadable("key-not-terminated", offset);
  return String.fromCharCode(...field.subarray(0, end));
}

function isErased(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0xff) return false;
  return true;
}
