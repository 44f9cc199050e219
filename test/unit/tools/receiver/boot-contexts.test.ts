import assert from "node:assert/strict";
import type { BootClaims, Claims } from "../../../../firmware/wire/eat-token.ts";
import { WEATHER } from "../../../../firmware/wire/profiles/weather.ts";
import { BootContexts, MAX_BOOTS, MAX_NEIGHBOURS } from "../../../../tools/receiver/boot-contexts.ts";
import { batchOf, bootOf, STEP_S, T0_S, TestNode } from "./fixture.ts";

const { record } = new TestNode(1);

function boot(bootCount: number, dbgstat = 2): BootClaims {
  const { ueid, oemid, hwmodel } = record;
  return { ...bootOf({ bootCount, dbgstat }), ueid, oemid, hwmodel };
}

function batch(changes: Partial<Claims> = {}): Claims {
  const { ueid, oemid, hwmodel } = record;
  return { ...batchOf(changes), kind: "batch", ueid, oemid, hwmodel, dbgstat: 2, ...changes };
}

describe("contexts of a node's boots", () => {
  it("knows each boot by its boot token or else by its batches", () => {
    const contexts = new BootContexts();
    contexts.addBoot(boot(4));
    contexts.addBatch(batch({ bootCount: 6 }));
    assert.equal(contexts.latestBoot, 6);
    assert.deepEqual(
      contexts.of(4).map(({ announced }) => announced),
      [true],
    );
    assert.deepEqual(
      contexts.of(6).map(({ announced, entity }) => [announced, entity.dbgstat]),
      [[false, 2]],
    );
    contexts.addBoot(boot(6));
    assert.deepEqual(
      contexts.of(6).map(({ announced }) => announced),
      [true],
      "the boot token says the same",
    );
    assert.deepEqual(contexts.of(5), []);
    assert.deepEqual(
      contexts.nearest(3).map(({ bootCount }) => bootCount),
      [4, 6],
    );
  });

  it("keeps a change of configuration within a boot beside what was before, the latest first", () => {
    const contexts = new BootContexts();
    contexts.addBoot(boot(1, 0));
    contexts.addBoot(boot(1, 3));
    assert.deepEqual(
      contexts.of(1).map(({ entity }) => entity.dbgstat),
      [3, 0],
    );
  });

  it("three bits of the boot count: known boots first, then the next, then the one before", () => {
    const contexts = new BootContexts();
    assert.deepEqual(contexts.candidates(3), [3, 11]);
    assert.deepEqual(contexts.candidates(0), [8, 0]);
    contexts.addBoot(boot(20));
    assert.deepEqual(contexts.candidates(4), [20, 12]);
    assert.deepEqual(contexts.candidates(5), [21, 13]);
    contexts.addBoot(boot(13));
    assert.deepEqual(contexts.candidates(5), [13, 21]);
    const young = new BootContexts();
    young.addBoot(boot(2));
    assert.deepEqual(young.candidates(1), [9, 1]);
    assert.deepEqual(young.candidates(2), [2]);
  });

  it("gives the value nearest in time, from either side, of the same boot where there is one", () => {
    const contexts = new BootContexts();
    const column = (value: number): Int32Array[] =>
      batchOf().columns.map((values, c) => values.map(() => (c === 1 ? value : values[0])));
    contexts.addBatch(batch({ columns: column(100) }));
    contexts.addBatch(batch({ seq: 5, t0: T0_S + 40 * STEP_S, columns: column(200) }));
    const at = (slot: number, bootCount = 1): number | undefined =>
      contexts.knownAt(WEATHER, bootCount, T0_S + slot * STEP_S)[0];
    assert.equal(at(3), 100);
    assert.equal(at(20), 100);
    assert.equal(at(22), 200);
    assert.equal(at(99), 200);
    contexts.addBatch(batch({ seq: 6, bootCount: 2, t0: T0_S + 80 * STEP_S, columns: column(-7) }));
    assert.equal(at(3, 2), -7);
    assert.equal(at(3, 9), 100);
    assert.equal(new BootContexts().knownAt(WEATHER, 1, T0_S)[0], undefined);
  });

  it("passes over missing values, one field from here and another from there", () => {
    const contexts = new BootContexts();
    const columns = batchOf().columns;
    columns[1].set([0, 0, 70]);
    columns[0].set([1, 1, 0]);
    contexts.addBatch(batch({ columns }));
    const all = batchOf({ t0: T0_S + 4 * STEP_S }).columns;
    all[0].fill(1);
    all[1].fill(0);
    all[2].fill(33);
    contexts.addBatch(batch({ seq: 1, t0: T0_S + 4 * STEP_S, columns: all }));
    assert.deepEqual(contexts.knownAt(WEATHER, 1, T0_S + 9 * STEP_S).slice(0, 2), [70, 33]);
  });

  it("is bounded: the latest boots and batches stay", () => {
    const contexts = new BootContexts();
    for (let i = 0; i < 100; i++) contexts.addBatch(batch({ bootCount: i, seq: i, t0: T0_S + i * 3 * STEP_S }));
    assert.equal(contexts.nearest(0).length, MAX_BOOTS);
    assert.equal(contexts.of(99).length, 1);
    assert.ok(MAX_NEIGHBOURS <= MAX_BOOTS);
  });
});
