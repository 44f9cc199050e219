import assert from "node:assert/strict";
import { JOURNAL_WAITING_MAX } from "../../../firmware/core/bounds.ts";
import { Journal } from "../../../firmware/core/journal.ts";
import { newReading, readReading } from "../../../firmware/wire/reading-record.ts";
import { throughSavedState } from "./saved-state.ts";

const FIELDS = 9;
const fresh = (): Journal => new Journal(FIELDS);

function add(journal: Journal, uptimeS: number): void {
  const reading = newReading(FIELDS);
  reading.uptimeS = uptimeS;
  journal.add(reading);
}

function take(journal: Journal): number | undefined {
  const command = journal.pollCommand();
  if (command === undefined) return undefined;
  const reading = newReading(FIELDS);
  assert.equal(readReading(command.record, command.length, reading), true);
  return reading.uptimeS;
}

describe("journal", () => {
  it("hands readings on in order, however many wait, through saved state", () => {
    let journal = fresh();
    const taken: (number | undefined)[] = [];
    for (let i = 0; i < 30; i++) {
      add(journal, i);
      journal = throughSavedState(journal, fresh);
      if (i % 3 !== 0 || journal.full) taken.push(take(journal));
    }
    while (!journal.empty) taken.push(take(journal));
    assert.deepEqual(
      taken,
      Array.from({ length: 30 }, (_, i) => i),
    );
    assert.equal(journal.pollCommand(), undefined);
  });

  it("is full at its bound and takes no more", () => {
    const journal = fresh();
    for (let i = 0; i < JOURNAL_WAITING_MAX; i++) {
      assert.equal(journal.full, false);
      add(journal, i);
    }
    assert.equal(journal.full, true);
    assert.throws(() => add(journal, 99), RangeError);
  });
});
