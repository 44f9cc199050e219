/**
 * An outbox record:
 *
 *   journal end 4 | kind (7 bits), key row (highest bit) 1 | token
 *
 * The journal end is the number of the first journal record that no token up to this one holds. When power fails after the token was stored and
 * before the journal was trimmed, it keeps readings from being attested twice; a token without readings repeats what held before it.
 */

/** Bytes in front of the token. */
export const TOKEN_RECORD_HEADER_BYTES = 5;

/** What kind of token a record holds, so that an uplink need not take it apart. */
export const TOKEN_KIND = Object.freeze({ batch: 0, boot: 1, digest: 2, anchor: 3, key: 4 } as const);

export type TokenKind = (typeof TOKEN_KIND)[keyof typeof TOKEN_KIND];

const KIND_MASK = 0x7f;
const KEY_ROW = 0x80;

/** Writes the header; the token follows at TOKEN_RECORD_HEADER_BYTES. `keyRow`: a compact token of it gives first values in full. */
export function writeTokenRecordHeader(journalEnd: number, kind: TokenKind, keyRow: boolean, into: Uint8Array): void {
  into[0] = journalEnd >>> 24;
  into[1] = journalEnd >>> 16;
  into[2] = journalEnd >>> 8;
  into[3] = journalEnd;
  into[4] = kind | (keyRow ? KEY_ROW : 0);
}

/** The journal end, or -1 where `length` says that there is no whole record. */
export function tokenRecordJournalEnd(record: Uint8Array, length: number): number {
  if (length <= TOKEN_RECORD_HEADER_BYTES) return -1;
  return ((record[0] << 24) | (record[1] << 16) | (record[2] << 8) | record[3]) >>> 0;
}

/** The kind of a whole record's token. */
export function tokenRecordKind(record: Uint8Array): TokenKind {
  return (record[4] & KIND_MASK) as TokenKind;
}

/** Whether a compact token of a whole record's batch should give first values in full. */
export function tokenRecordKeyRow(record: Uint8Array): boolean {
  return (record[4] & KEY_ROW) !== 0;
}
