import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "../../../../tools/flashing/bundle.ts";
import {
  type Choice,
  checkChoice,
  FEATURES,
  REGION_INDEX,
  regionFiles,
  standIns,
} from "../../../../tools/flashing/features.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const INDEX = readFileSync(join(ROOT, `${REGION_INDEX}.ts`), "utf8");
const REGIONS = regionFiles(INDEX);
const ALL: Choice = { features: FEATURES.map(({ name }) => name), regions: REGIONS };

async function modulesOf(choice: Choice): Promise<string[]> {
  const entry = "firmware/platform/moddable/start-node";
  const { modules } = await bundle({ root: ROOT, entry, standIns: standIns(choice, INDEX) });
  return [...modules].filter(([, bytes]) => bytes > 0).map(([name]) => name);
}

function without(...names: string[]): Choice {
  return { ...ALL, features: ALL.features.filter((name) => !names.includes(name)) };
}

describe("the features of an image", () => {
  it("everything has no stand-in", () => {
    assert.equal(standIns(ALL, INDEX).size, 0);
    assert.deepEqual(REGIONS, ["as923", "au915", "eu868", "in865", "kr920", "us915"]);
  });

  for (const [left, gone, kept] of [
    [["lora-sx127x"], "drivers/radio/sx127x-settings", "drivers/radio/sx126x-settings"],
    [["lora-sx126x"], "drivers/radio/sx126x-settings", "drivers/radio/sx127x-settings"],
    [["lorawan"], "core/lorawan/mac", "core/uplink/p2p-link"],
    [["p2p"], "core/uplink/p2p-link", "core/lorawan/mac"],
    [["wifi"], "core/uplink/wifi-uplink", "core/lorawan/mac"],
    [
      ["sensor-wind-vane", "sensor-pyranometer", "sensor-battery-gauge"],
      "drivers/sensors/analog-input",
      "drivers/sensors/sht4x",
    ],
  ] as const) {
    it(`without ${left.join(", ")} nothing is left of ${gone}`, async () => {
      const modules = await modulesOf(without(...left));
      assert.ok(!modules.includes(`firmware/${gone}`));
      assert.ok(modules.includes(`firmware/${kept}`));
    });
  }

  it("each feature that is left out makes the image smaller, and every class of a stand-in says what is lacking", async () => {
    const all = (await modulesOf(ALL)).length;
    assert.ok((await modulesOf(without("lorawan", "p2p", "lora-sx126x", "lora-sx127x"))).length < all);
    for (const { name, seams } of FEATURES) {
      const sources = standIns(without(name), INDEX);
      for (const { module } of seams) assert.match(sources.get(module) ?? "", new RegExp(`image-lacks-${name}`));
    }
  });

  it("an image with one region has the list of that one alone, and finds it by name", async () => {
    const source = standIns({ ...ALL, regions: ["as923"] }, INDEX).get(REGION_INDEX);
    assert.ok(source !== undefined);
    const { code, modules } = await bundle({
      root: ROOT,
      entry: REGION_INDEX,
      standIns: new Map([[REGION_INDEX, source]]),
    });
    assert.ok(!modules.has("firmware/core/lorawan/region/us915"));
    const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    assert.deepEqual(
      module.REGIONS.map((region: { name: string }) => region.name),
      ["AS923-1", "AS923-2", "AS923-3", "AS923-4"],
    );
    assert.equal(module.regionOf("AS923-2").name, "AS923-2");
    assert.equal(module.regionOf("EU868"), undefined);
  });

  it("what does not fit together is refused with what would", () => {
    const refused =
      (choice: Partial<Choice>): (() => void) =>
      () =>
        checkChoice({ ...ALL, ...choice }, REGIONS);
    checkChoice(ALL, REGIONS);
    assert.throws(refused({ features: ["lorawan"] }), /need the driver of a radio/);
    assert.throws(refused({ features: ["lora-sx126x"] }), /needs a way out/);
    assert.throws(refused({ features: ["wifi", "gnss"] }), /no feature gnss: there is lora-sx126x/);
    assert.throws(refused({ regions: ["eu433"] }), /no region eu433: there is as923/);
    assert.throws(refused({ regions: [] }), /needs a region/);
  });
});
