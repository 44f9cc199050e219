import assert from "node:assert/strict";
import { join } from "node:path";
import { bundleForXs } from "../../host-sim/xs/npm/bundle.ts";
import { EngineUnavailable, ensureNpmXs } from "../../host-sim/xs/npm/engine.ts";
import { runOnNpmXs } from "../../host-sim/xs/npm/run.ts";
import type { SimulationOptions } from "../../tools/simulation/options.ts";
import type { Summary } from "../../tools/simulation/summary.ts";
import { ATTESTATION_ENTRY, attestOnNode, runOnNode, SCENARIOS } from "./scenarios.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "build", "xs");

describe("XS from npm ends in the same event hash as Node", function () {
  this.timeout(300_000);
  let engine: string;
  const bundle = join(FOLDER, "simulation.js");

  before(async function () {
    try {
      engine = ensureNpmXs(join(FOLDER, "engine"), (text) => console.log(`    ${text}`));
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error;
      console.log(`    skipped: ${error.message}`);
      this.skip();
    }
    await bundleForXs(join(ROOT, "tools/simulation/xs-entry.ts"), bundle);
  });

  async function runOnXs(options: SimulationOptions): Promise<Summary> {
    let summary: Summary | undefined;
    await runOnNpmXs({
      engine,
      bundle,
      folder: FOLDER,
      argument: { ...options, engine: "xs" },
      onLine: (line) => {
        if (line.startsWith("summary ")) summary = JSON.parse(line.slice("summary ".length));
      },
    });
    assert.ok(summary !== undefined, "the run gave no summary");
    return summary;
  }

  for (const { title, options } of SCENARIOS) {
    it(title, async () => {
      const expected = runOnNode(options);
      assert.ok(expected.complete && expected.readingsVerified > 0);
      assert.deepEqual({ ...(await runOnXs(options)), engine: "node" }, expected);
    });
  }

  it("the device's half of an attestation: the same frames", async () => {
    const half = join(FOLDER, "attestation.js");
    await bundleForXs(join(ROOT, ATTESTATION_ENTRY), half);
    const lines: string[] = [];
    await runOnNpmXs({ engine, bundle: half, folder: FOLDER, argument: {}, onLine: (line) => lines.push(line) });
    assert.deepEqual(lines, [attestOnNode()]);
  });
});
