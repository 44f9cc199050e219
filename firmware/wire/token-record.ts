/**
 * An outbox record: the number of the first journal record that the token does not hold (4 bytes, big-endian), then the token. When
 * power fails after the token was stored and before the journal was trimmed, this number keeps readings from being attested twice.
 */

/** Bytes in front of the token. */
export const TOKEN_RECORD_HEADER_BYTES = 4;

/** Writes the header; the token follows at TOKEN_RECORD_HEADER_BYTES. */
export function writeTokenRecordHeader(journalEnd: number, into: Uint8Array): void {
  into[0] = journalEnd >>> 24;
  into[1] = journalEnd >>> 16;
  into[2] = journalEnd >>> 8;
  into[3] = journalEnd;
}

/** Number of the first journal record that the token does not hold, or -1 where `length` says that there is no whole record. */
export function tokenRecordJournalEnd(record: Uint8Array, length: number): number {
  if (length <= TOKEN_RECORD_HEADER_BYTES) return -1;
  return ((record[0] << 24) | (record[1] << 16) | (record[2] << 8) | record[3]) >>> 0;
}
