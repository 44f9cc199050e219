/** The closed loop in every region: node, network server and receiver agree on channels, data rates, windows and payloads. */
import assert from "node:assert/strict";
import { REGION_NAMES } from "../../host-sim/network/network-plan.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import type { SimulationSink } from "../../tools/simulation/sink.ts";

const NOTHING = (): void => {};
const SINK: SimulationSink = {
  nodeFile: NOTHING,
  truth: NOTHING,
  reading: NOTHING,
  token: NOTHING,
  capture: NOTHING,
  progress: NOTHING,
};

function run(change: Partial<SimulationOptions>): ClosedLoop {
  const options = { ...ONE_DAY, durationS: 3 * 3600, batchReadings: 12, nodes: 3, ...change };
  const loop = new ClosedLoop(options, SINK, NODE_CRYPTO, "node");
  assert.ok(loop.run().complete, `${options.region}: every reading verified`);
  return loop;
}

describe("the closed loop in every region", () => {
  for (const region of REGION_NAMES) {
    it(`RP002-1.0.4: ${region}: joins, readings, acknowledgements`, () => {
      const { network } = run({ region }).field;
      const { joinsAccepted, uplinksAccepted, refused } = network!.server.counters;
      assert.ok(joinsAccepted >= 3 && uplinksAccepted > 10);
      assert.deepEqual(refused, {});
      assert.ok(network!.server.downlinks.counters.rx1 > 0, "answers in RX1");
    });
  }

  it("a sub-band that the nodes know: no join is lost on other banks", () => {
    const known = run({ region: "US915", subBand: 3 });
    // Every second request is on the channel of 500 kHz, which the simulated gateway does not hear.
    assert.ok(known.field.framesLost <= 3, `${known.field.framesLost}`);
  });
});
