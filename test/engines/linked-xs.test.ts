import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { buildLinked, describeFigures, type LinkedImage, runLinked } from "../../host-sim/xs/linked/run-linked.ts";
import { findSdk, type Sdk } from "../../host-sim/xs/linked/sdk.ts";
import { type LinkedImageReport, reportLinkedImage } from "../../tools/flashing/linked-image.ts";
import type { Summary } from "../../tools/simulation/summary.ts";
import { BUDGETS } from "../budgets.ts";
import { ATTESTATION_ENTRY, attestOnNode, runOnNode, SCENARIOS } from "./scenarios.ts";

/** The SDK that MODDABLE names; without one the caller's tests skip, with one visible line. */
function sdkOrSkip(context: Mocha.Context): Sdk {
  const sdk = findSdk();
  if (sdk === undefined) {
    console.log("    skipped: MODDABLE is not set (the folder of a Moddable SDK with its Linux tools built)");
    context.skip();
  }
  return sdk;
}

describe("linked XS ends in the same event hash as Node", function () {
  this.timeout(600_000);
  let image: LinkedImage;

  before(async function () {
    image = await buildLinked(sdkOrSkip(this));
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

interface Footprint {
  part: string;
  slotBytes: number;
  chunkBytes: number;
  stackSlots: number;
}

describe("the firmware's RAM on linked XS, preloaded, in 16-byte slots", function () {
  this.timeout(600_000);
  const measured = new Map<string, Footprint>();

  before(async function () {
    const image = await buildLinked(sdkOrSkip(this), "host-sim/xs/footprint-entry.ts");
    const { lines, errors } = await runLinked(image, {});
    for (const footprint of lines.map((line) => JSON.parse(line) as Footprint)) measured.set(footprint.part, footprint);
    assert.deepEqual(errors, []);
  });

  for (const [part, budget] of [
    ["whole node", BUDGETS.node],
    ["LoRaWAN machine", BUDGETS.lorawan],
    ["SX126x driver", BUDGETS.radio],
  ] as const) {
    it(`${part} at rest`, () => {
      const footprint = measured.get(part);
      assert.ok(footprint !== undefined);
      const { slotBytes, chunkBytes, stackSlots } = footprint;
      console.log(
        `      ${slotBytes} bytes of slots, ${chunkBytes} of chunks at rest; stack ${stackSlots} slots at most`,
      );
      assert.ok(slotBytes > 0 && slotBytes <= budget.slotBytes, "slots");
      assert.ok(chunkBytes > 0 && chunkBytes <= budget.chunkBytes, "chunks");
      assert.ok(stackSlots > 0 && stackSlots <= budget.stackSlots, "stack");
    });
  }
});

/** A line of attestation-entry.ts: what the two machines take at some moment. */
interface Moment {
  moment: string;
  slotBytes: number;
  chunkBytes: number;
  stackSlots: number;
}

describe("the device's half of an attestation on linked XS: batch, compact coder, fragments", function () {
  this.timeout(600_000);
  const { slotBytes, chunkBytes, stackSlots } = BUDGETS.attestation;

  it("sends the same frames as on Node, and keeps to its memory at rest and at work", async function () {
    const image = await buildLinked(sdkOrSkip(this), ATTESTATION_ENTRY);
    const { lines, errors } = await runLinked(image, {});
    assert.deepEqual(errors, []);
    assert.equal(lines.pop(), attestOnNode());
    const moments = lines.map((line) => JSON.parse(line) as Moment);
    assert.deepEqual(
      moments.map(({ moment }) => moment),
      ["at rest", "amid a batch", "amid its frames", "after a day"],
    );
    for (const figures of moments) {
      const { slotBytes: slots, chunkBytes: chunks, stackSlots: stack } = figures;
      console.log(
        `      ${figures.moment}: ${slots} bytes of slots, ${chunks} of chunks; stack ${stack} slots at most`,
      );
      assert.ok(slots > 0 && slots <= slotBytes && chunks > 0 && chunks <= chunkBytes && stack <= stackSlots);
    }
  });
});

describe("the LoRaWAN machine with one region in flash, linked", function () {
  this.timeout(600_000);
  const reports: LinkedImageReport[] = [];

  before(async function () {
    const sdk = sdkOrSkip(this);
    for (const entry of ["host-sim/xs/empty-entry.ts", "host-sim/xs/lorawan-entry.ts"]) {
      reports.push(reportLinkedImage(readFileSync((await buildLinked(sdk, entry)).source, "utf8")));
    }
  });

  it("the image with it less the image with nothing", () => {
    const [empty, lorawan] = reports as [LinkedImageReport, LinkedImageReport];
    assert.ok(lorawan.preloaded.some((name) => name.endsWith("firmware/core/lorawan/mac")));
    const slots = lorawan.slotBytes - empty.slotBytes;
    const text = lorawan.textBytes - empty.textBytes;
    const tables = lorawan.tableBytes - empty.tableBytes;
    console.log(`      ${slots} bytes of slots, ${text} of byte code and names, ${tables} of tables`);
    assert.ok(text > 0 && slots + text + tables <= BUDGETS.lorawan.linkedBytes);
  });
});
