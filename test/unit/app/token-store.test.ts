import assert from "node:assert/strict";
import { TokenStore } from "../../../firmware/app/token-store.ts";
import type { Handover, UplinkPath } from "../../../firmware/app/uplink-path.ts";
import { SPREAD_REBOOT_MS } from "../../../firmware/core/bounds.ts";
import { OUTBOX_KEY, Outbox } from "../../../firmware/core/outbox.ts";
import type { RecordLog } from "../../../firmware/ports/storage.ts";
import { TOKEN_KIND, TOKEN_RECORD_HEADER_BYTES, writeTokenRecordHeader } from "../../../firmware/wire/token-record.ts";

/** A log in memory, with room for so many records. */
class MemoryLog implements RecordLog {
  readonly maxRecordLength = 2000;
  records = new Map<number, Uint8Array>();
  oldest = 0;
  next = 0;
  capacity = 100;

  append(record: Uint8Array, length: number): number {
    if (this.next - this.oldest >= this.capacity) return -1;
    this.records.set(this.next, record.slice(0, length));
    return this.next++;
  }

  read(number: number, into: Uint8Array): number {
    const record = this.records.get(number);
    if (record === undefined) return -1;
    into.set(record);
    return record.length;
  }

  trim(number: number): void {
    this.oldest = Math.max(number, this.oldest);
    for (const key of this.records.keys()) if (key < this.oldest) this.records.delete(key);
  }
}

/** Flash, and a node's outbox on it, with one path that notes what it is handed. */
class Bench {
  log = new MemoryLog();
  values = new Map<string, Uint8Array>();
  handed: (Handover & { bytes: number[] })[] = [];
  dropped: number[] = [];
  outbox = new Outbox();
  store = this.newStore();

  newStore(): TokenStore {
    const path = {
      deliver: (token: Handover) =>
        this.handed.push({ ...token, bytes: [...this.store.token.subarray(0, token.length)] }),
    };
    return new TokenStore(
      {
        outbox: this.log,
        keyValue: {
          read: (key, into) => {
            const value = this.values.get(key);
            if (value !== undefined) into.set(value);
            return value?.length ?? -1;
          },
          write: (key, value, length) => this.values.set(key, value.slice(0, length)),
          delete: () => assert.fail("nothing is deleted"),
        },
        crypto: { fill: (bytes) => bytes.fill(0) },
        log: { write: () => {} },
      },
      [path as unknown as UplinkPath],
      { onDropped: (seq) => this.dropped.push(seq) },
    );
  }

  append(content: number, kind: number = TOKEN_KIND.batch, keyRow = false): void {
    const record = new Uint8Array(TOKEN_RECORD_HEADER_BYTES + 3).fill(content);
    writeTokenRecordHeader(7, kind as 0, keyRow, record);
    this.store.append(this.outbox, record, record.length, 0, 0);
  }

  /** The uplink is free, at `nowMs`. */
  offer(nowMs = 0): void {
    this.outbox.handle({ kind: "uplink", free: 0 }, nowMs);
    this.store.run(this.outbox, nowMs);
  }

  finish(kind: "acknowledged" | "sent", seq: number): void {
    this.outbox.handle({ kind, seq }, 0);
    this.store.run(this.outbox, 0);
  }

  cutPower(): void {
    this.outbox = new Outbox();
    this.store = this.newStore();
    this.store.start(this.outbox, 0);
  }
}

describe("token store", () => {
  it("hands a token over with what its record says of it and what the outbox knows", () => {
    const bench = new Bench();
    bench.append(5, TOKEN_KIND.digest);
    bench.offer();
    bench.append(6, TOKEN_KIND.batch, true);
    bench.offer();
    const about = { length: 3, tries: 0, inOrder: true };
    assert.deepEqual(bench.handed, [
      { seq: 0, recordKind: TOKEN_KIND.digest, keyRow: false, bytes: [5, 5, 5], ...about },
      { seq: 1, recordKind: TOKEN_KIND.batch, keyRow: true, bytes: [6, 6, 6], ...about },
    ]);
  });

  it("what was acknowledged out of order is not sent again after a power cut, and the log is trimmed at last", () => {
    const bench = new Bench();
    for (let i = 0; i < 4; i++) bench.append(i);
    bench.finish("acknowledged", 2);
    bench.finish("acknowledged", 0);
    assert.equal(bench.log.oldest, 1);
    bench.cutPower();
    for (let i = 0; i < 4; i++) bench.offer(SPREAD_REBOOT_MS);
    assert.deepEqual(
      bench.handed.map(({ seq }) => seq),
      [3, 1],
    );
    bench.finish("acknowledged", 3);
    bench.finish("acknowledged", 1);
    assert.deepEqual([bench.log.oldest, bench.outbox.empty], [4, true]);
  });

  it("a power cut before the record was written costs a transmission", () => {
    const bench = new Bench();
    for (let i = 0; i < 3; i++) bench.append(i);
    bench.finish("acknowledged", 1);
    bench.values.delete(OUTBOX_KEY);
    bench.cutPower();
    for (let i = 0; i < 3; i++) bench.offer(SPREAD_REBOOT_MS);
    assert.deepEqual(
      bench.handed.map(({ seq }) => seq),
      [2, 0, 1],
    );
  });

  it("makes room of sent tokens first, without calling them lost, then of the oldest, which it does", () => {
    const bench = new Bench();
    bench.log.capacity = 3;
    for (let i = 0; i < 3; i++) bench.append(i);
    bench.offer();
    bench.finish("sent", 2);
    bench.offer();
    bench.finish("sent", 0);
    assert.equal(bench.log.oldest, 0);
    bench.append(3);
    assert.deepEqual([bench.log.oldest, bench.dropped], [1, []]);
    bench.append(4);
    bench.append(5);
    assert.deepEqual([bench.log.oldest, bench.dropped], [3, [1]]);
  });

  it("gives up what flash does not give back", () => {
    const bench = new Bench();
    bench.append(0);
    bench.log.records.clear();
    bench.offer();
    assert.deepEqual([bench.dropped, bench.outbox.empty], [[0], true]);
  });
});
