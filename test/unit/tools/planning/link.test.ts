/** What a planner takes for a node's link, against the region's documents and the table that was measured. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasLiftableDwell, NODE_HABITS, nodeLink, uplinkDataRates, windowMs } from "../../../../host-sim/node-link.ts";

const TIMING = join(import.meta.dirname, "../../../../docs/radio-timing.md");

describe("planning: a node's link", () => {
  it("RP002-1.0.4: longest payload N without options, by region and data rate", () => {
    const payloads = (region: string, dwellLifted: boolean): number[] =>
      uplinkDataRates(region).map((dataRate) => nodeLink(region, dataRate, dwellLifted)!.maxPayload);
    assert.deepEqual(payloads("EU868", false), [51, 51, 51, 115, 222, 222, 222]);
    assert.deepEqual(payloads("US915", false), [11, 53, 125, 222, 222]);
    assert.deepEqual(
      payloads("AS923-1", false).map((n) => Math.max(n, 0)),
      [0, 0, 11, 53, 125, 222, 222],
    );
    assert.deepEqual(payloads("AS923-1", true), [51, 51, 115, 115, 222, 222, 222]);
  });

  it("EN 300 220, RP002: duty cycle of the default channels, and power through an antenna of 2 dB", () => {
    const of = (region: string, dataRate: number): unknown[] => {
      const { dutyCyclePermille, powerDbm } = nodeLink(region, dataRate, false)!;
      return [dutyCyclePermille, powerDbm];
    };
    assert.deepEqual(of("EU868", 0), [10, 14]);
    assert.deepEqual(of("US915", 0), [undefined, 19]);
    assert.deepEqual(of("US915", 4), [undefined, 22]);
    assert.deepEqual(of("IN865", 0), [undefined, 22]);
    assert.deepEqual(of("KR920", 0), [undefined, 12]);
  });

  it("there is no link where there is no uplink", () => {
    assert.equal(nodeLink("EU868", 7, false), undefined);
    assert.equal(nodeLink("US915", 8, false), undefined);
    assert.equal(nodeLink("XX000", 0, false), undefined);
    assert.deepEqual(uplinkDataRates("XX000"), []);
    assert.deepEqual([hasLiftableDwell("AU915"), hasLiftableDwell("EU868")], [true, false]);
  });

  it("windows last as long as the longest that were measured (docs/radio-timing.md, SX1262), to a millisecond", () => {
    const rows = [...readFileSync(TIMING, "utf8").matchAll(/^\| sx1262 \| (\S+) \| DR(\d) \| (RX[12]) \|.*$/gm)];
    assert.equal(rows.length, 22);
    for (const [row, region, dataRate, window] of rows) {
      const longestMs = Number(row.split("|")[10]);
      const { rx1, rx2 } = nodeLink(region, Number(dataRate), false)!;
      const reckoned = window === "RX1" ? windowMs(rx1, 1000) : windowMs(rx2, 2000);
      assert.ok(Math.abs(reckoned - longestMs) < 1.1, `${reckoned}: ${row}`);
    }
  });

  it("the time that a node claims: 2 s awake, 66 s with the clock of deep sleep", () => {
    assert.deepEqual([NODE_HABITS.timeQuality, NODE_HABITS.sleepingTimeQuality], [(1 << 5) | 11, (1 << 5) | 16]);
  });
});
