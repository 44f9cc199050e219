/** ESP-IDF's partition table (ESP-IDF Programming Guide, "Partition Tables", binary form): 32 bytes an entry, closed by an MD5 entry. */
import { md5 } from "@noble/hashes/legacy.js";
import { readWord } from "./loader-protocol.ts";

/** Where ESP-IDF puts it, unless a project says otherwise. */
export const PARTITION_TABLE_OFFSET = 0x8000;
export const PARTITION_TABLE_LENGTH = 0xc00;

const ENTRY_LENGTH = 32;
const ENTRY_MAGIC = 0x50aa;
const MD5_MAGIC = 0xebeb;
const MD5_AT = 16;

export const PARTITION_TYPE = Object.freeze({ app: 0, data: 1 });
export const DATA_SUBTYPE = Object.freeze({ ota: 0, nvs: 2, nvsKeys: 4 });
/** Of an application: the factory's, and the first of sixteen slots for updates. */
export const APP_SUBTYPE = Object.freeze({ factory: 0, ota0: 0x10 });

export interface Partition {
  label: string;
  type: number;
  subtype: number;
  offset: number;
  size: number;
}

export type PartitionTableResult =
  | { ok: true; partitions: Partition[] }
  | { ok: false; reason: "no-partition-table" | "bad-partition-table" };

export function parsePartitionTable(bytes: Uint8Array): PartitionTableResult {
  const partitions: Partition[] = [];
  for (let at = 0; at + ENTRY_LENGTH <= bytes.length; at += ENTRY_LENGTH) {
    const magic = bytes[at] | (bytes[at + 1] << 8);
    if (magic === MD5_MAGIC) {
      const isRight = md5(bytes.subarray(0, at)).every((byte, i) => byte === bytes[at + MD5_AT + i]);
      return isRight ? { ok: true, partitions } : { ok: false, reason: "bad-partition-table" };
    }
    if (magic !== ENTRY_MAGIC) break;
    partitions.push(parseEntry(bytes, at));
  }
  // Tables without the MD5 entry are allowed; nothing at all is not a table.
  return partitions.length > 0 ? { ok: true, partitions } : { ok: false, reason: "no-partition-table" };
}

function parseEntry(bytes: Uint8Array, at: number): Partition {
  const name = bytes.subarray(at + 12, at + 28);
  const end = name.indexOf(0);
  const letters = Array.from(name.subarray(0, end < 0 ? name.length : end), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "?",
  );
  return {
    type: bytes[at + 2],
    subtype: bytes[at + 3],
    offset: readWord(bytes, at + 4),
    size: readWord(bytes, at + 8),
    label: letters.join(""),
  };
}

/** Whether a partition holds keys: NVS, where a node's record lies, or the keys that NVS is encrypted with. */
export function holdsKeys({ type, subtype }: Partition): boolean {
  return type === PARTITION_TYPE.data && (subtype === DATA_SUBTYPE.nvs || subtype === DATA_SUBTYPE.nvsKeys);
}

/** The application that a board with a blank or new otadata starts: the factory's, else the first slot. */
export function firstApplication(partitions: readonly Partition[]): Partition | undefined {
  const applications = partitions.filter(({ type }) => type === PARTITION_TYPE.app);
  const of = (subtype: number): Partition | undefined => applications.find((each) => each.subtype === subtype);
  return of(APP_SUBTYPE.factory) ?? of(APP_SUBTYPE.ota0);
}
