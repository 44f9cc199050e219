import assert from "node:assert/strict";
import { parsePartition, partitionOf } from "../../../../tools/receiver/partition.ts";

describe("partition of nodes", () => {
  it("is the same everywhere and for ever: a change would part nodes from their past", () => {
    const devEuis = ["70b3d57ed0000001", "70b3d57ed0000002", "0247540000000001", "ffffffffffffffff"];
    assert.deepEqual(
      [2, 3, 64].map((count) => devEuis.map((devEui) => partitionOf(devEui, count))),
      [
        [1, 2, 2, 2],
        [3, 2, 1, 1],
        [63, 20, 40, 10],
      ],
    );
    assert.equal(partitionOf("70b3d57ed0000001", 1), 1);
  });

  it("spreads DevEUIs that differ in their last digits only", () => {
    for (const count of [2, 3, 5, 8]) {
      const sizes = new Array<number>(count).fill(0);
      for (let i = 0; i < 4000; i++) sizes[partitionOf(`70b3d57ed00${i.toString(16).padStart(5, "0")}`, count) - 1]++;
      for (const size of sizes) assert.ok(Math.abs(size / (4000 / count) - 1) < 0.15, `${count}: ${sizes}`);
    }
  });

  it("reads i/n, and nothing else", () => {
    assert.deepEqual(parsePartition("2/3"), { index: 2, count: 3 });
    assert.deepEqual(parsePartition("64/64"), { index: 64, count: 64 });
    for (const text of ["0/2", "3/2", "1/65", "1", "1/", "/2", "1/2/3", " 1/2", "a/b", "1.5/2", "01/2", "-1/2"]) {
      assert.equal(parsePartition(text), undefined, text);
    }
  });
});
