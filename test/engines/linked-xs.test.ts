import assert from "node:assert/strict";
import { buildLinked, describeFigures, type LinkedImage, runLinked } from "../../host-sim/xs/linked/run-linked.ts";
import { findSdk } from "../../host-sim/xs/linked/sdk.ts";
import type { Summary } from "../../tools/simulation/summary.ts";
import { runOnNode, SCENARIOS } from "./scenarios.ts";

describe("linked XS ends in the same event hash as Node", function () {
  this.timeout(600_000);
  let image: LinkedImage;

  before(async function () {
    const sdk = findSdk();
    if (sdk === undefined) {
      console.log("    skipped: MODDABLE is not set (the folder of a Moddable SDK with its Linux tools built)");
      this.skip();
    }
    image = await buildLinked(sdk);
    assert.ok(image.preloaded.includes("firmware/app/node-app"), "the firmware is preloaded");
  });

  for (const { title, options } of SCENARIOS) {
    it(title, async () => {
      const expected = runOnNode(options);
      assert.ok(expected.complete && expected.readingsVerified > 0);
      const { lines, errors, figures } = await runLinked(image, { ...options, engine: "linked" });
      const line = lines.find((text) => text.startsWith("summary "));
      assert.ok(line !== undefined, `the run gave no summary: ${errors.join("; ")}`);
      assert.deepEqual({ ...(JSON.parse(line.slice("summary ".length)) as Summary), engine: "node" }, expected);
      if (figures !== undefined) console.log(describeFigures(figures).replace(/^/gm, "      "));
    });
  }
});
