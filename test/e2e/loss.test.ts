/** Frames are lost, time runs out: what is verified is right all the same, and what is not verified stands in `gaps`. */
import assert from "node:assert/strict";
import { counts } from "../counts.ts";
import { type ReadingLine, Simulation, type TruthLine } from "./simulation.ts";
import { distance, tolerances } from "./tolerance.ts";

/** The samples of one node, and how long the mean of each lasted. */
interface Sample extends TruthLine {
  unixS: number;
  intervalS: number;
}

function samplesOf(truth: TruthLine[], node: string): Sample[] {
  const own = truth.filter((line) => line.node === node);
  return own.map((line, index) => ({
    ...line,
    unixS: Date.parse(line.time) / 1000,
    intervalS: line.uptime - (index === 0 ? 0 : own[index - 1].uptime),
  }));
}

/** The sample that a reading must be: the one at its uptime, or the one at its time as well as the node knew it. */
function sampleOf(reading: ReadingLine, samples: Sample[]): Sample {
  const unixS = reading.time === null ? 0 : Date.parse(reading.time) / 1000;
  // The truth's time is cut to whole seconds.
  const reachS = (reading.timeQuality.uncertaintyMs ?? 0) / 1000 + 1;
  const fitting = samples.filter((sample) =>
    reading.time === null
      ? sample.uptime === reading.uptime && sample.bootCount === reading.bootCount
      : Math.abs(sample.unixS - unixS) <= reachS,
  );
  assert.equal(fitting.length, 1, `one sample for ${JSON.stringify(reading)}`);
  return fitting[0];
}

/** Every verified reading is what the world showed; none stands twice. Returns how many there were. */
function checkReadings(run: Simulation): number {
  const { readings, truth } = run;
  const byNode = new Map(run.devEuis.map((node) => [node, samplesOf(truth, node)]));
  const seen = new Set<Sample>();
  for (const reading of readings) {
    const sample = sampleOf(reading, byNode.get(reading.node)!);
    assert.ok(!seen.has(sample), "verified once");
    seen.add(sample);
    const tolerance: Record<string, number> = tolerances(sample.intervalS);
    for (const [quantity, value] of Object.entries(reading.values)) {
      const shown = sample.values[quantity];
      assert.ok(value !== null && shown !== null, "the generator's station misses nothing");
      const apart = distance(quantity, value, shown);
      assert.ok(apart <= tolerance[quantity], `${reading.time} ${quantity}: ${value} for ${shown}`);
    }
  }
  return readings.length;
}

/** readings.jsonl, truth.jsonl, tokens/ and gaps tell one story. */
function checkAccount(run: Simulation): void {
  const { summary, tokens, truth } = run;
  assert.equal(run.outcome.status, 0, run.outcome.err);
  assert.equal(summary.complete, true);
  assert.equal(truth.length, summary.readingsTaken);
  assert.equal(checkReadings(run), summary.readingsVerified);
  assert.equal(tokens.length, summary.tokensVerified + summary.statementsVerified);
  const missing = summary.gaps.reduce((sum, { readings }) => sum + readings, 0);
  assert.equal(summary.readingsTaken, summary.readingsVerified + missing);
  const there = new Set(tokens.map(({ devEui, seq }) => `${devEui} ${seq}`));
  const absent = summary.gaps.filter(({ seq }) => seq !== null);
  for (const { node, seq } of absent) assert.ok(!there.has(`${node} ${seq}`));
  assert.equal(summary.tokensSent, summary.tokensVerified + absent.length);
}

function withRun(args: string[], check: (run: Simulation) => void): void {
  const run = new Simulation(...args);
  try {
    check(run);
  } finally {
    run.remove();
  }
}

describe("groundtruth simulate --loss", () => {
  for (let seed = 1; seed <= counts(3, 30); seed++) {
    it(`--loss 0.2 --uplink lorawan --seed ${seed}: no verified reading is wrong, each missing one is accounted for`, () => {
      withRun(["--loss", "0.2", "--uplink", "lorawan", "--nodes", "4", "--hours", "12", "--seed", `${seed}`], (run) => {
        checkAccount(run);
        assert.ok(run.summary.framesLost > run.summary.framesUp / 10);
        assert.ok(run.summary.readingsVerified > 0.9 * run.summary.readingsTaken);
      });
    });
  }

  it("--loss 0.6: readings from before the time was known are right too", () => {
    withRun(["--loss", "0.6", "--nodes", "4", "--hours", "2", "--sample-interval", "60", "--batch", "10"], (run) => {
      checkAccount(run);
      const untimed = run.readings.filter(({ time }) => time === null).length;
      assert.ok(untimed > 0 && untimed < run.readings.length);
    });
  });

  it("--loss 0.2 --uplink wifi: no verified reading is wrong, and all come through", () => {
    withRun(["--loss", "0.2", "--uplink", "wifi", "--nodes", "4", "--hours", "12"], (run) => {
      checkAccount(run);
      assert.ok(run.summary.framesLost > 0);
      assert.equal(run.summary.readingsVerified, run.summary.readingsTaken);
    });
  });

  it("--loss 0.95: what never came through stands in gaps, token by token", () => {
    withRun(["--loss", "0.95", "--nodes", "2", "--hours", "6", "--batch", "12"], (run) => {
      checkAccount(run);
      assert.ok(run.summary.gaps.length > 0);
      for (const { node, seq, readings, reason } of run.summary.gaps) {
        assert.ok(run.devEuis.includes(node));
        assert.ok(Number.isInteger(seq) && readings > 0 && readings <= 12);
        assert.equal(reason, "in-outbox");
      }
    });
  });

  it("more than the slowest data rate carries in a day: the rest stays in the outbox, and in gaps", () => {
    withRun(["--sample-interval", "4", "--hours", "16", "--data-rate", "0"], (run) => {
      checkAccount(run);
      const { readingsVerified, readingsTaken, gaps } = run.summary;
      assert.ok(readingsVerified > 0 && readingsVerified < readingsTaken);
      const seqs = gaps.map(({ seq }) => seq!);
      // Newest and oldest go by turns.
      const last = run.summary.tokensSent + run.summary.statementsSent - 1;
      assert.ok(
        seqs[0] > 1 && seqs[seqs.length - 1] < last,
        "what lies between the oldest and the newest is still there",
      );
      assert.ok(gaps.every(({ reason }) => reason === "in-outbox"));
    });
  });
});
