/** Expectations under loss against many trials of the same. */
import assert from "node:assert/strict";
import { type NodeFrame, nodeFrames } from "../../../../host-sim/node-frames.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { deliveryChance, expectedRounds, repairWithAnswers } from "../../../../tools/planning/loss.ts";
import { counts } from "../../../counts.ts";

const TRIALS = counts(40_000, 1_000_000);

/** Mean of `trial` over many, and whether `expected` is within five standard errors of it. */
function agrees(expected: number, seed: number, trial: (isLost: (loss: number) => boolean) => number): void {
  const random = new RandomStream(seed, "loss");
  const isLost = (loss: number): boolean => random.u32() < loss * 0x100000000;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < TRIALS; i++) {
    const value = trial(isLost);
    sum += value;
    squares += value * value;
  }
  const mean = sum / TRIALS;
  const error = Math.sqrt(Math.max(squares / TRIALS - mean * mean, 0) / TRIALS);
  assert.ok(Math.abs(mean - expected) <= 5 * error + 1e-12, `${expected} expected, ${mean} +- ${error} found`);
}

describe("planning: loss", () => {
  for (const loss of [0, 0.05, 0.2, 0.5]) {
    it(`rounds until each of 1, 4 and 12 frames has come, at ${loss}`, () => {
      for (const frames of [1, 4, 12]) {
        agrees(expectedRounds(frames, loss), frames, (isLost) => {
          let missing = frames;
          let rounds = 0;
          for (; missing > 0; rounds++) {
            let still = 0;
            for (let i = 0; i < missing; i++) if (isLost(loss)) still++;
            missing = still;
          }
          return rounds;
        });
      }
    });
  }

  it("without loss a token costs its frames and one acknowledgement, compact or whole", () => {
    const once = { transmissions: 1, questions: 0, downlinks: 1, heard: 1, waits: 0 };
    for (const frames of [1, 4, 12]) {
      assert.deepEqual(repairWithAnswers(frames, 0, true), once);
      assert.deepEqual(repairWithAnswers(frames, 0, false), once);
    }
  });

  it("RFC 9011 ACK-on-Error, whole tokens: questions are repeated until each round is answered", () => {
    const loss = 0.2;
    agrees(repairWithAnswers(5, loss, false).questions, 7, (isLost) => {
      let questions = -1;
      for (let missing = 5; missing > 0; ) {
        let still = 0;
        for (let i = 0; i < missing; i++) if (isLost(loss)) still++;
        missing = still;
        let isAnswered = false;
        while (!isAnswered) {
          questions++;
          isAnswered = !isLost(loss) && !isLost(loss);
        }
      }
      return questions;
    });
  });

  for (const [bytes, maxPayload] of [
    [40, 51],
    [180, 51],
    [266, 51],
    [250, 115],
    [109, 11],
  ]) {
    it(`no downlinks, ${bytes} bytes in frames of ${maxPayload}: any tiles, as many as there are, and one frame that names them`, () => {
      const frames = nodeFrames(bytes, maxPayload, true, false);
      const tiles = Math.ceil(bytes / 10);
      for (const loss of [0.1, 0.3]) {
        agrees(deliveryChance(frames, loss), bytes, (isLost) => {
          const came = frames.filter(() => !isLost(loss));
          if (came.some(({ kind }) => kind === "whole")) return 1;
          const isNamed = came.some(({ kind, bare }) => kind === "all-1" || (kind === "parity" && !bare));
          return isNamed && came.reduce((sum, frame) => sum + frame.tiles, 0) >= tiles ? 1 : 0;
        });
      }
      assert.ok(Math.abs(deliveryChance(frames, 0) - 1) < 1e-12);
    });
  }
});

describe("planning: frames, as the node's own sender makes them", () => {
  const shape = (frames: readonly NodeFrame[]): string[] =>
    frames.map(({ kind, payload, tiles, bare }) => `${kind} ${payload} ${tiles}${bare ? "" : " named"}`);

  it("a compact token that fits goes whole, and again where nobody answers", () => {
    assert.deepEqual(shape(nodeFrames(51, 51, true, true)), ["whole 51 0"]);
    assert.deepEqual(shape(nodeFrames(51, 51, true, false)), ["whole 51 0", "whole 51 0"]);
  });

  it("a longer one goes in whole tiles; without answers as many parity tiles follow, in full frames", () => {
    assert.deepEqual(shape(nodeFrames(180, 51, true, false)), [
      "tiles 51 5",
      "tiles 51 5",
      "tiles 51 5",
      "all-1 37 3",
      ...new Array(5).fill("parity 47 4 named"),
    ]);
  });

  it("US915's slowest data rate: one tile a frame, parity with a header in its midst and behind it", () => {
    const frames = nodeFrames(100, 11, true, false);
    assert.equal(frames.filter(({ kind }) => kind === "tiles").length, 10);
    const half = [...new Array(5).fill("parity 11 1"), "parity 7 0 named"];
    assert.deepEqual(shape(frames.slice(10)), ["all-1 7 0", ...half, ...half]);
  });

  it("where no frame can carry it there are none", () => {
    assert.deepEqual(nodeFrames(180, 8, true, true), []);
  });
});
