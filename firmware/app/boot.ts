/** What a boot from flash begins with: the boot's number, and the logs in agreement with each other. */
import type { KeyValueStore, RecordLog } from "../ports/storage.ts";
import { tokenRecordJournalEnd } from "../wire/token-record.ts";

const BOOT_COUNT_KEY = "boot";

/** Counts this boot, on flash before anything else happens; returns its number, 1 for the first. */
export function countBoot(keyValue: KeyValueStore): number {
  const value = new Uint8Array(4);
  const view = new DataView(value.buffer);
  const before = keyValue.read(BOOT_COUNT_KEY, value) === 4 ? view.getUint32(0) : 0;
  view.setUint32(0, before + 1);
  keyValue.write(BOOT_COUNT_KEY, value, 4);
  return before + 1;
}

/** Power may have failed between the storing of a token and the trimming of its readings: makes up for it. */
export function trimAttested(journal: RecordLog, outbox: RecordLog, record: Uint8Array): void {
  if (outbox.next === outbox.oldest) return;
  const length = outbox.read(outbox.next - 1, record);
  const journalEnd = tokenRecordJournalEnd(record, length);
  if (journalEnd > journal.oldest) journal.trim(journalEnd);
}
