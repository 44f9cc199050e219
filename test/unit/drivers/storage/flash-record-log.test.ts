/** The record log over the flash model: the promises of ports/storage.ts, also with the power failing in the middle of any operation. */
import assert from "node:assert/strict";
import { FlashRecordLog } from "../../../../firmware/drivers/storage/flash-record-log.ts";
import { FlashChip } from "../../../../host-sim/chips/flash-chip.ts";
import { PowerCut, PowerRail } from "../../../../host-sim/chips/power-rail.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";

const MAX_RECORD = 280;

function chip(sectors: number, seed = 1, sectorSize = 4096): { flash: FlashChip; power: PowerRail } {
  const power = new PowerRail();
  const flash = new FlashChip({
    size: sectors * sectorSize,
    sectorSize,
    power,
    random: new RandomStream(seed, "flash"),
  });
  return { flash, power };
}

function open(flash: FlashChip, maxRecordLength = MAX_RECORD): FlashRecordLog {
  return new FlashRecordLog({ flash, maxRecordLength });
}

/** The content that record `number` has in attempt `attempt` to write it; its length depends on both. */
function content(number: number, attempt: number, longest: number): Uint8Array {
  const random = new RandomStream(number * 1000 + attempt, "content");
  const bytes = new Uint8Array(random.below(longest + 1));
  random.fill(bytes);
  return bytes;
}

function readBack(log: FlashRecordLog, number: number): Uint8Array | undefined {
  const into = new Uint8Array(MAX_RECORD);
  const length = log.read(number, into);
  return length < 0 ? undefined : into.slice(0, length);
}

describe("FlashRecordLog (ports/storage.ts)", () => {
  it("gives running numbers from 0 and reads each record by its number, in any order", () => {
    const { flash } = chip(8);
    const log = open(flash);
    assert.deepEqual([log.oldest, log.next], [0, 0]);
    for (let n = 0; n < 100; n++) {
      const record = content(n, 0, MAX_RECORD);
      assert.equal(log.append(record, record.length), n);
    }
    for (const log2 of [log, open(flash)]) {
      assert.deepEqual([log2.oldest, log2.next], [0, 100]);
      for (let n = 99; n >= 0; n--) assert.deepEqual(readBack(log2, n), content(n, 0, MAX_RECORD));
      for (let n = 0; n < 100; n++) assert.deepEqual(readBack(log2, n), content(n, 0, MAX_RECORD));
      assert.equal(readBack(log2, 100), undefined);
      assert.equal(readBack(log2, -1), undefined);
      assert.equal(readBack(log2, 1.5), undefined);
    }
  });

  it("takes records of every length from 0 to the longest", () => {
    const { flash } = chip(32);
    const log = open(flash);
    for (let length = 0; length <= MAX_RECORD; length++) {
      assert.equal(log.append(new Uint8Array(MAX_RECORD).fill(length), length), length);
    }
    for (let length = 0; length <= MAX_RECORD; length++) {
      assert.deepEqual(readBack(log, length), new Uint8Array(length).fill(length));
    }
    assert.throws(() => log.append(new Uint8Array(MAX_RECORD + 1), MAX_RECORD + 1), RangeError);
  });

  it("refuses an append when the ring is full and takes it again after a trim; what is kept stays readable", () => {
    for (const longest of [2, 40, MAX_RECORD]) {
      const { flash } = chip(3);
      const log = open(flash);
      let number = 0;
      const add = (): boolean => {
        const record = content(number, 0, longest);
        if (log.append(record, record.length) < 0) return false;
        number++;
        return true;
      };
      while (add());
      assert.ok(number > 20, `${number} records of up to ${longest} bytes in 12 KB`);
      for (let round = 0; round < 500; round++) {
        log.trim(log.oldest + 1);
        add();
        assert.equal(log.next, number);
        assert.deepEqual(readBack(log, log.oldest), content(log.oldest, 0, longest));
      }
      const again = open(flash);
      assert.deepEqual([again.oldest, again.next], [log.oldest, log.next]);
      for (let n = again.oldest; n < again.next; n++) assert.deepEqual(readBack(again, n), content(n, 0, longest));
    }
  });

  it("a trim of every single record of a full ring survives a restart each time", () => {
    for (const longest of [2, 40, MAX_RECORD]) {
      const { flash } = chip(3);
      let log = open(flash);
      for (let n = 0; ; n++) {
        const record = content(n, 0, longest);
        if (log.append(record, record.length) < 0) break;
      }
      const next = log.next;
      for (let n = 1; n <= next; n++) {
        log.trim(n);
        log = open(flash);
        assert.deepEqual([log.oldest, log.next], [n, next]);
        assert.equal(readBack(log, n - 1), undefined);
      }
    }
  });

  it("never uses a number twice, not even after all was trimmed and the power was lost", () => {
    const { flash } = chip(2);
    let log = open(flash);
    for (let n = 0; n < 2000; n++) {
      const record = content(n, 0, MAX_RECORD);
      assert.equal(log.append(record, record.length), n);
      log.trim(n + 1);
      log = open(flash);
      assert.deepEqual([log.oldest, log.next], [n + 1, n + 1]);
    }
  });

  it("clamps a trim beyond the next number and ignores one that goes back", () => {
    const log = open(chip(2).flash);
    for (let n = 0; n < 3; n++) log.append(new Uint8Array(4), 4);
    log.trim(99);
    assert.deepEqual([log.oldest, log.next], [3, 3]);
    log.trim(1);
    assert.equal(log.oldest, 3);
  });

  it("spreads wear: no sector is erased more than once oftener than another", () => {
    const { flash } = chip(8);
    const log = open(flash);
    const record = new Uint8Array(200);
    for (let n = 0; n < 5000; n++) {
      assert.equal(log.append(record, 200), n);
      log.trim(n + 1);
    }
    const erasures = [...flash.eraseCounts];
    assert.ok(Math.min(...erasures) > 20);
    assert.ok(Math.max(...erasures) - Math.min(...erasures) <= 1, erasures.join());
  });

  it("reading on from the last record costs a few flash reads, whatever the place in the sector", () => {
    const { flash } = chip(4);
    const log = open(flash);
    for (let n = 0; n < 150; n++) log.append(new Uint8Array(40), 40);
    let reads = 0;
    const original = flash.read.bind(flash);
    flash.read = (offset, into) => {
      reads++;
      original(offset, into);
    };
    readBack(log, 0);
    let most = 0;
    for (let n = 1; n < 150; n++) {
      const before = reads;
      readBack(log, n);
      most = Math.max(most, reads - before);
    }
    // Where a sector ends, the scan begins anew behind the next one's header: still one entry.
    assert.ok(most <= 8, `${most} reads`);
  });

  it("uses only its own sectors of a partition", () => {
    const { flash } = chip(6);
    const first = new FlashRecordLog({ flash, maxRecordLength: 100, firstSector: 0, sectorCount: 2 });
    const second = new FlashRecordLog({ flash, maxRecordLength: 100, firstSector: 2, sectorCount: 3 });
    for (let n = 0; n < 300; n++) {
      for (const log of [first, second]) {
        assert.equal(log.append(new Uint8Array(100).fill(n), 100), n);
        log.trim(n);
      }
    }
    assert.equal(flash.eraseCounts[5], 0);
    assert.deepEqual(readBack(first, 299), new Uint8Array(100).fill(299));
    assert.deepEqual(readBack(second, 299), new Uint8Array(100).fill(299));
  });

  it("a record with a turned bit reads as damaged, its neighbours do not, and the numbers go on", () => {
    const { flash } = chip(2);
    const log = open(flash);
    for (let n = 0; n < 5; n++) log.append(new Uint8Array(40).fill(n), 40);
    // The third entry begins at 32 + 2 * 64; its content 8 bytes later.
    flash.turnBit(32 + 2 * 64 + 20, 3);
    for (const log2 of [log, open(flash)]) {
      assert.equal(readBack(log2, 2), undefined);
      for (const n of [0, 1, 3, 4]) assert.deepEqual(readBack(log2, n), new Uint8Array(40).fill(n));
      assert.equal(log2.next, 5);
    }
  });

  it("a turned bit in any place of the flash never brings a number back that a later entry had", () => {
    const bytes = 32 + 6 * 64;
    for (let offset = 32; offset < bytes; offset++) {
      const { flash } = chip(2);
      const log = open(flash);
      for (let n = 0; n < 6; n++) log.append(new Uint8Array(40).fill(0x40 + n), 40);
      flash.turnBit(offset, offset % 8);
      const again = open(flash);
      const lastHit = offset >= bytes - 64;
      assert.ok(again.next >= (lastHit ? 5 : 6), `next ${again.next} after damage at ${offset}`);
      for (let n = 0; n < 6; n++) {
        const record = readBack(again, n);
        if (record !== undefined) assert.deepEqual(record, new Uint8Array(40).fill(0x40 + n));
      }
    }
  });

  it("an erased hole among the entries: numbers that may stand behind it are not given again", () => {
    const { flash } = chip(4);
    const log = open(flash);
    for (let n = 0; n < 6; n++) log.append(new Uint8Array(40).fill(n), 40);
    const line = new Uint8Array(64);
    flash.read(32 + 2 * 64, line);
    for (let i = 0; i < 64; i++) {
      for (let bit = 0; bit < 8; bit++) if (!(line[i] & (1 << bit))) flash.turnBit(32 + 2 * 64 + i, bit);
    }
    const again = open(flash);
    assert.ok(again.next >= 6, `next ${again.next}`);
    const number = again.append(new Uint8Array(40).fill(77), 40);
    assert.deepEqual(readBack(again, number), new Uint8Array(40).fill(77));
    const third = open(flash);
    assert.equal(third.next, number + 1);
    assert.deepEqual(readBack(third, number), new Uint8Array(40).fill(77));
  });

  it("refuses a layout that cannot work", () => {
    assert.throws(() => open(chip(1).flash), RangeError);
    assert.throws(() => open(chip(2).flash, 4096), RangeError);
  });

  it("power cut at every write and erasure of a long run: each record whole or absent, no number given twice, trims kept", () => {
    const cuts = counts(1200, 20_000);
    let cutsTaken = 0;
    for (const [sectors, longest] of [
      [2, 30],
      [3, 4],
      [3, MAX_RECORD],
      [5, 90],
    ]) {
      const { flash, power } = chip(sectors, sectors * 100 + longest, 1024);
      const random = new RandomStream(sectors, "what to do");
      // What the node knows: appended[n] is the content whose append returned n.
      const appended = new Map<number, Uint8Array>();
      let acknowledgedOldest = 0;
      let pendingTrim = 0;
      let pending: Uint8Array | undefined;
      let attempt = 0;
      for (let run = 0; run < cuts / 4; run++) {
        // The n-th operation from here on is cut, n = 1 being inside the mount itself.
        power.restore();
        power.cutAfter(1 + (run % 40));
        try {
          const log = open(flash);
          check(log);
          for (;;) {
            attempt++;
            const kind = random.below(10);
            if (kind === 0) {
              pendingTrim = log.oldest + random.below(log.next - log.oldest + 1);
              log.trim(pendingTrim);
              acknowledgedOldest = Math.max(acknowledgedOldest, pendingTrim);
              assert.equal(log.oldest, acknowledgedOldest);
            } else {
              pending = content(log.next, attempt, longest);
              const expected = log.next;
              const number = log.append(pending, pending.length);
              if (number < 0) {
                pending = undefined;
                pendingTrim = log.oldest + 1 + random.below(log.next - log.oldest);
                log.trim(pendingTrim);
                acknowledgedOldest = Math.max(acknowledgedOldest, pendingTrim);
                continue;
              }
              assert.equal(number, expected);
              assert.ok(!appended.has(number), `number ${number} given twice`);
              appended.set(number, pending);
              pending = undefined;
            }
          }
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
          cutsTaken++;
        }
        power.restore();
        const log = open(flash);
        check(log);
      }

      function check(log: FlashRecordLog): void {
        // A record whose append was cut is there whole, or not at all.
        const highest = appended.size;
        if (log.next === highest + 1) {
          assert.deepEqual(readBack(log, highest), pending);
          appended.set(highest, pending!);
        }
        pending = undefined;
        assert.equal(log.next, appended.size);
        // A trim that was cut is done or not done.
        assert.ok(log.oldest === acknowledgedOldest || log.oldest === pendingTrim, `${log.oldest}`);
        acknowledgedOldest = log.oldest;
        for (let n = log.oldest; n < log.next; n++) assert.deepEqual(readBack(log, n), appended.get(n));
      }
    }
    assert.ok(cutsTaken >= cuts * 0.95, `${cutsTaken} cuts`);
  });
});
