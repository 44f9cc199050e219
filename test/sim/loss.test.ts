/**
 * docs/loss.md in the closed loop: the real node and the real receiver, with a fifth of all frames lost both ways. What the bench counts for compact tokens
 * alone stands here beside joins, boot tokens, digests and requests for the time.
 */
import assert from "node:assert/strict";
import { Outbox } from "../../firmware/core/outbox.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";
import { counts } from "../counts.ts";

const DAYS = counts(30, 150);
const LOSS = 0.2;
/** At just that loss: of some thousand frames of a run one or two in a hundred more or less are lost. */
const FACTOR_MAX = counts(1.35, 1.3);
const FIRST_TRY_MIN = 0.98;

interface Outcome {
  tokens: number;
  airtimeMs: number;
  lostUp: number;
  lostDown: number;
  firstTry: number;
}

function run(change: Partial<SimulationOptions>): Outcome {
  const again = new Map<Outbox, Set<number>>();
  const { pollCommand } = Outbox.prototype;
  Outbox.prototype.pollCommand = function () {
    const command = pollCommand.call(this);
    if (command?.kind !== "deliver" || command.tries === 0) return command;
    if (!again.has(this)) again.set(this, new Set());
    again.get(this)!.add(command.seq);
    return command;
  };
  try {
    const options = { ...ONE_DAY, durationS: DAYS * 86_400, seed: 2, ...change };
    const loop = new ClosedLoop(options, SILENT_SINK, NODE_CRYPTO, "node");
    const summary = loop.run();
    const { tokensSent, tokensVerified, statementsSent, statementsVerified } = summary;
    assert.deepEqual(
      [summary.complete, summary.gaps, tokensVerified, statementsVerified],
      [true, [], tokensSent, statementsSent],
      "every reading, in the end",
    );
    const tokens = tokensVerified + statementsVerified;
    const { rx1, rx2 } = loop.field.network!.server.downlinks.counters;
    const lostUp = summary.framesLost / summary.framesUp;
    // What was received and is no uplink is a downlink.
    const heardDown = loop.field.channel!.counts.received - (summary.framesUp - summary.framesLost);
    const lostDown = 1 - heardDown / (rx1 + rx2);
    const second = [...again.values()].reduce((sum, seqs) => sum + seqs.size, 0);
    return { tokens, airtimeMs: summary.airtimeMs, lostUp, lostDown, firstTry: 1 - second / tokens };
  } finally {
    Outbox.prototype.pollCommand = pollCommand;
  }
}

describe("the closed loop with a fifth of all frames lost", () => {
  for (const [region, dataRate] of [
    ["EU868", 0],
    ["EU868", 3],
    ["EU868", 5],
    ["US915", 1],
  ] as const) {
    it(`loss.md: ${region} DR${dataRate}: everything arrives, nearly all at first try, for little more airtime than loss itself costs`, function () {
      this.timeout(600_000);
      const change = { region, subBand: region === "US915" ? 2 : undefined, fixedDataRate: dataRate };
      const clear = run(change);
      const lossy = run({ ...change, lossProbability: LOSS });
      assert.equal(clear.firstTry, 1);
      const measured = lossy.airtimeMs / lossy.tokens / (clear.airtimeMs / clear.tokens);
      const factor = (measured * (1 - lossy.lostUp)) / (1 - LOSS);
      const said = `factor ${measured.toFixed(3)}, at 20 % ${factor.toFixed(3)}, with ${(100 * lossy.lostUp).toFixed(1)} % lost up and ${(100 * lossy.lostDown).toFixed(1)} % down`;
      if (process.env.GROUNDTRUTH_LONG !== undefined)
        console.log(`      ${said}, ${(100 * lossy.firstTry).toFixed(2)} % at first try`);
      assert.ok(lossy.firstTry >= FIRST_TRY_MIN, `${lossy.firstTry}`);
      assert.ok(factor <= FACTOR_MAX, said);
      assert.ok(Math.abs(lossy.lostDown - LOSS) < 0.06, `downlinks are lost, too: ${said}`);
    });
  }
});
