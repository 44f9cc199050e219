import { deepEqual, equal } from "node:assert/strict";
import {
  isTimeQuality,
  TIME_SOURCE,
  timeQuality,
  timeSource,
  timeSourceName,
  timeUncertaintyMs,
} from "../../../firmware/wire/time-quality.ts";

describe("time quality", () => {
  it("rounds the uncertainty up to a power of two, never finer than 1.024 s", () => {
    const sntp = TIME_SOURCE.sntp;
    const reach = [0, 1, 1024, 1025, 2048, 3000].map((ms) => timeUncertaintyMs(timeQuality(sntp, ms)));
    deepEqual(reach, [1024, 1024, 1024, 2048, 2048, 4096]);
  });

  it("keeps source and uncertainty apart", () => {
    const quality = timeQuality(TIME_SOURCE.deviceTime, 1500);
    equal(quality, (1 << 5) | 11);
    equal(timeSource(quality), TIME_SOURCE.deviceTime);
    equal(timeUncertaintyMs(quality), 2048);
  });

  it("is 0 when nothing is known: no source, no bound, or a bound of more than 2^31 ms", () => {
    equal(timeQuality(TIME_SOURCE.none, 5), 0);
    equal(timeQuality(TIME_SOURCE.gnss, Number.NaN), 0);
    equal(timeQuality(TIME_SOURCE.gnss, -1), 0);
    equal(timeQuality(TIME_SOURCE.gnss, Infinity), 0);
    equal(timeQuality(TIME_SOURCE.gnss, 2 ** 31 + 1), 0);
    equal(timeUncertaintyMs(timeQuality(TIME_SOURCE.gnss, 2 ** 31)), 2 ** 31);
    equal(timeUncertaintyMs(0), Infinity);
  });

  it("knows which bytes it can give: 4 sources with 22 classes, and 0", () => {
    let valid = 0;
    for (let byte = 0; byte < 300; byte++) if (isTimeQuality(byte)) valid++;
    equal(valid, 1 + 4 * 22);
    equal(isTimeQuality((1 << 5) | 9), false);
    equal(isTimeQuality((5 << 5) | 10), false);
  });

  it("names the sources", () => {
    const names = [0, 1, 2, 3, 4].map((source) => timeSourceName((source << 5) | (source === 0 ? 0 : 10)));
    deepEqual(names, ["none", "lorawan", "sntp", "gnss", "receiver"]);
  });
});
