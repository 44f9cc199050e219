import assert from "node:assert/strict";
import { gpsMsFromUnixMs, isoTime } from "../../../host-sim/calendar.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";

describe("calendar", () => {
  it("RFC 3339 5.6: agrees with Date for 5,000 moments between 1970 and 2380", () => {
    const random = new RandomStream(1, "calendar");
    for (let i = 0; i < 5000; i++) {
      const unixMs = Math.floor(random.unit() * 12_938_000_000_000);
      const withMs = new Date(unixMs).toISOString().replace("Z", "+00:00");
      assert.equal(isoTime(unixMs), unixMs % 1000 === 0 ? withMs.replace(".000", "") : withMs);
    }
  });

  it("knows leap days, turns of the year and fractions of microseconds", () => {
    assert.equal(isoTime(0), "1970-01-01T00:00:00+00:00");
    assert.equal(isoTime(951_782_400_000), "2000-02-29T00:00:00+00:00");
    assert.equal(isoTime(1_735_689_599_999), "2024-12-31T23:59:59.999+00:00");
    assert.equal(isoTime(1_658_136_855_775.023), "2022-07-18T09:34:15.775023+00:00");
    assert.equal(isoTime(1_658_136_855_999.9998), "2022-07-18T09:34:16+00:00");
  });

  it("TS001-1.0.4 5.11: GPS time is 18 s ahead of UTC, from 6 January 1980", () => {
    // GPS week 2185 began on 21 November 2021, 00:00:00 GPS time.
    assert.equal(gpsMsFromUnixMs(Date.UTC(2021, 10, 21) - 18_000), 2185 * 7 * 86_400_000);
  });
});
