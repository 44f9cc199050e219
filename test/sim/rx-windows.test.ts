/** Every downlink is heard, and not for longer than need be: the real driver on the modelled chip, with late JavaScript and a wrong clock. */
import { equal, ok } from "node:assert/strict";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import type { Region } from "../../firmware/core/lorawan/region/region.ts";
import { US915 } from "../../firmware/core/lorawan/region/us915.ts";
import type { RadioKind } from "../../host-sim/node-radio.ts";
import { leastListeningUs, RxWindowTrial } from "../../host-sim/scenarios/rx-windows.ts";
import { counts } from "../counts.ts";

const DOWNLINKS = counts(300, 10_000);
const TIMING = { clockPpm: 40, latencyMs: 15 };
/** Of the theoretical minimum. */
const MOST_LISTENING = 2;

function assertWindows(region: Region, dataRate: number, radio: RadioKind): void {
  const { sent, heard, empty, modulations, violations, errors } = new RxWindowTrial({
    seed: 1 + dataRate,
    region,
    radio,
    dataRate,
    downlinks: DOWNLINKS,
    timing: TIMING,
  }).run();
  ok(sent[0] > DOWNLINKS / 3 && sent[1] > DOWNLINKS / 3);
  for (const window of [0, 1]) {
    equal(heard[window], sent[window], `RX${window + 1}`);
    const { windows, longestUs } = empty[window];
    ok(windows > DOWNLINKS / 6);
    const least = leastListeningUs(window, modulations[window]!, TIMING);
    ok(longestUs <= MOST_LISTENING * least, `RX${window + 1}: ${longestUs} us where ${least} are needed`);
  }
  equal(violations, 0);
  equal(errors, 0);
}

describe("receive windows with 40 ppm and 0 to 15 ms of latency", () => {
  for (const radio of ["sx1262", "sx1276"] as const) {
    for (let dataRate = 0; dataRate <= 5; dataRate++) {
      it(`TS001-1.0.4 3.3: ${radio}, EU868 DR${dataRate}: ${DOWNLINKS} downlinks, all heard`, () =>
        assertWindows(EU868, dataRate, radio));
    }

    for (let dataRate = 0; dataRate <= 4; dataRate++) {
      it(`TS001-1.0.4 3.3: ${radio}, US915 DR${dataRate}: ${DOWNLINKS} downlinks, all heard`, () =>
        assertWindows(US915, dataRate, radio));
    }
  }

  it("the check can fail: JavaScript that is later than the node allows for misses downlinks", () => {
    const { sent, heard } = new RxWindowTrial({
      seed: 1,
      region: EU868,
      dataRate: 5,
      downlinks: 100,
      timing: { clockPpm: 40, latencyMs: 60 },
    }).run();
    ok(heard[0] < sent[0]);
  });
});
