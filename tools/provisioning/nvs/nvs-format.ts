/**
 * The numbers of ESP-IDF's NVS partition format, version 2 (ESP-IDF Programming Guide, "Non-Volatile Storage Library", Internals).
 *
 *   page, 4096 bytes     header (32) | bitmap of entry states (32) | 126 entries of 32 bytes
 *   header               state (4) | sequence number (4) | version (1) | unused (19) | CRC32 of the bytes 4 to 27 (4)
 *   entry                namespace (1) | type (1) | span (1) | chunk (1) | CRC32 of the rest (4) | key (16) | data (8)
 *   data of a value      the integer itself, or size (2) | unused (2) | CRC32 of the bytes (4); the bytes fill the entries behind
 *   data of a blob index size (4) | chunks (1) | first chunk (1) | unused (2)
 *
 * Numbers are little-endian and unused bytes FF. Namespace 0 holds the numbers of the others.
 */

export const PAGE_BYTES = 4096;
export const ENTRY_BYTES = 32;
export const ENTRIES = 126;
export const BITMAP_AT = 32;
export const ENTRIES_AT = 64;

/** Of a version-2 page. */
export const FORMAT_VERSION = 0xfe;

export const PAGE_STATE = Object.freeze({ empty: 0xffffffff, active: 0xfffffffe, full: 0xfffffffc });

/** Two bits an entry. */
export const ENTRY_STATE = Object.freeze({ empty: 0b11, written: 0b10, erased: 0b00 });

/** Entry types: the second digit of an integer's is its bytes, and 10 stands for a sign. */
export const TYPE = Object.freeze({
  u8: 0x01,
  i8: 0x11,
  u16: 0x02,
  i16: 0x12,
  u32: 0x04,
  i32: 0x14,
  u64: 0x08,
  i64: 0x18,
  string: 0x21,
  blobChunk: 0x42,
  blobIndex: 0x48,
} as const);

export type IntegerType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64";

export const INTEGER_TYPES: readonly IntegerType[] = Object.freeze([
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "u64",
  "i64",
]);

/** What a key holds. Strings are UTF-8 without NUL. */
export type NvsValue =
  | { type: IntegerType; value: bigint }
  | { type: "string"; value: string }
  | { type: "blob"; value: Uint8Array };

/** One key with its value. */
export interface NvsRecord {
  namespace: string;
  key: string;
  value: NvsValue;
}

/** Characters of a key or of a namespace's name. */
export const MAX_KEY_LENGTH = 15;
/** Numbers 1 to 254; 0 is the list of namespaces itself, 255 means any. */
export const MAX_NAMESPACES = 254;
/** A string lies in one page, its terminating NUL included. */
export const MAX_STRING_BYTES = (ENTRIES - 1) * ENTRY_BYTES;
/** A chunk number has 7 bits: the eighth tells an old value of the blob from a new one. */
export const MAX_CHUNKS = 127;
/** Pages of a partition: one must stay empty, for the library to move values into. */
export const MIN_PAGES = 3;
/** Chunk number of what is no chunk. */
export const NO_CHUNK = 0xff;

/** AES-256 for the data and for the tweak, then their CRC32, in a partition of one page. */
export const KEYS_BYTES = 64;
