import assert from "node:assert/strict";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { DutyCycleLedger } from "../../../../host-sim/network/duty-cycle-ledger.ts";

const S = 1_000_000;
const HOUR = 3600 * S;
const G1 = 868_100_000;
const G3 = 869_525_000;

describe("duty cycle ledger (ETSI EN 300 220-2 annex B)", () => {
  it("allows 36 s an hour at 1 %, 360 s at 10 %, and not a microsecond more", () => {
    const ledger = new DutyCycleLedger(EU868.subBands);
    ledger.book(G1, 0, 35 * S);
    assert.ok(ledger.allows(G1, 40 * S, S));
    assert.ok(!ledger.allows(G1, 40 * S, S + 1));
    assert.ok(ledger.allows(867_100_000, 40 * S, 36 * S), "the next band has its own share");
    assert.ok(ledger.allows(G3, 0, 360 * S));
    assert.ok(!ledger.allows(G3, 0, 360 * S + 1));
  });

  it("the hour slides: what ended an hour before this one ends is over, what straddles counts in part", () => {
    const ledger = new DutyCycleLedger(EU868.subBands);
    ledger.book(G1, 0, 36 * S);
    assert.ok(!ledger.allows(G1, HOUR - 2 * S, S));
    assert.ok(ledger.allows(G1, HOUR, S));
    assert.equal(ledger.usedUs(G1, HOUR + 10 * S), 26 * S);
  });

  it("a frame that slips in before one already booked counts in that one's hour", () => {
    const ledger = new DutyCycleLedger(EU868.subBands);
    ledger.book(G1, 100 * S, 36 * S);
    assert.ok(!ledger.allows(G1, 50 * S, 1));
  });

  it("between the bands nothing is allowed", () => {
    const ledger = new DutyCycleLedger(EU868.subBands);
    assert.ok(!ledger.covers(868_650_000));
    assert.ok(!ledger.allows(868_650_000, 0, 1));
  });
});
