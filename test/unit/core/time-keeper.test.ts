import assert from "node:assert/strict";
import { SLEEPING_CLOCK_DRIFT_PPM, SLEEPING_TIME_REFRESH_MS, TIME_REFRESH_MS } from "../../../firmware/core/bounds.ts";
import { gpsToUnixMs, TimeKeeper } from "../../../firmware/core/time-keeper.ts";
import { TIME_SOURCE, timeQuality, timeSource, timeUncertaintyMs } from "../../../firmware/wire/time-quality.ts";
import { throughSavedState } from "./saved-state.ts";

const UNIX_MS = 1_717_200_000_000;
const { deviceTime, sntp } = TIME_SOURCE;

describe("time keeper", () => {
  it("TS001-1.0.4 5.9: GPS time is 18 leap seconds ahead of UTC and begins in 1980", () => {
    // 2018-10-18T07:00:00Z is 1223881218 s since the GPS epoch.
    assert.equal(gpsToUnixMs(1_223_881_218_000), Date.UTC(2018, 9, 18, 7));
  });

  it("never claims a time that nobody told", () => {
    const time = new TimeKeeper();
    assert.equal(time.quality(1_000_000), 0);
    assert.equal(time.offsetMs, undefined);
    assert.equal(time.learn(sntp, 86_400_000, 0, 100), false, "1970");
    assert.equal(time.learn(sntp, UNIX_MS, 0, 2 ** 40), false, "uncertain by years");
    assert.equal(time.known, false);
  });

  it("maps uptime to wall time", () => {
    const time = new TimeKeeper();
    assert.equal(time.learn(deviceTime, UNIX_MS + 0.4, 5_000, 1_000), true);
    assert.equal(time.offsetMs, UNIX_MS - 5_000);
  });

  it("lets the uncertainty grow with 40 ppm", () => {
    const time = new TimeKeeper();
    time.learn(deviceTime, UNIX_MS, 5_000, 100);
    assert.equal(time.uncertaintyMs(5_000), 100);
    assert.equal(time.uncertaintyMs(5_000 + 1_000_000), 140);
  });

  it("of a node that sleeps on an RC oscillator: 1 %, and what that makes of an hour", () => {
    const time = new TimeKeeper(SLEEPING_CLOCK_DRIFT_PPM, SLEEPING_TIME_REFRESH_MS);
    time.learn(deviceTime, UNIX_MS, 5_000, 100);
    assert.equal(time.uncertaintyMs(5_000 + 1_000_000), 10_100);
    assert.equal(timeUncertaintyMs(time.quality(5_000)), 65_536);
  });

  it("states one class until the time is refreshed, then a coarser one if it is not", () => {
    const time = new TimeKeeper();
    time.learn(deviceTime, UNIX_MS, 0, 1_000);
    const first = time.quality(0);
    assert.equal(timeSource(first), deviceTime);
    assert.equal(timeUncertaintyMs(first), 2048);
    assert.equal(time.quality(TIME_REFRESH_MS), first);
    assert.equal(timeUncertaintyMs(time.quality(3 * TIME_REFRESH_MS)), 4096);
  });

  it("follows a better time, and not a worse one", () => {
    const time = new TimeKeeper();
    time.learn(deviceTime, UNIX_MS, 0, 500);
    assert.equal(time.learn(sntp, UNIX_MS + 5_000, 5_000, 600), false);
    assert.equal(time.offsetMs, UNIX_MS);
    assert.equal(time.learn(sntp, UNIX_MS + 5_300, 5_000, 40), true);
    assert.equal(time.offsetMs, UNIX_MS + 300);
    assert.equal(time.quality(5_000), timeQuality(sntp, 1_000));
  });

  it("takes the same source's answer again when it is due", () => {
    const time = new TimeKeeper();
    time.learn(deviceTime, UNIX_MS, 0, 1_000);
    assert.equal(time.learn(deviceTime, UNIX_MS + TIME_REFRESH_MS - 700, TIME_REFRESH_MS, 1_000), true);
    assert.equal(time.offsetMs, UNIX_MS - 700);
  });

  it("saves and restores", () => {
    const time = new TimeKeeper();
    throughSavedState(time, () => new TimeKeeper());
    time.learn(sntp, UNIX_MS, 123_456, 40);
    const copy = throughSavedState(time, () => new TimeKeeper());
    assert.equal(copy.offsetMs, time.offsetMs);
    assert.equal(copy.quality(9e9), time.quality(9e9));
  });
});
