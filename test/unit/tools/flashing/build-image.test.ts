import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findSdk } from "../../../../host-sim/xs/linked/sdk.ts";
import { boardNames, readBoard } from "../../../../tools/flashing/boards.ts";
import { buildJavaScript, type ImageReport } from "../../../../tools/flashing/build-image.ts";
import { describeImage, overBudget, renewTable, sizeTable } from "../../../../tools/flashing/build-report.ts";
import { imageParts, SDK_PART } from "../../../../tools/flashing/image-parts.ts";
import { BUDGETS } from "../../../budgets.ts";

const ROOT = join(import.meta.dirname, "../../../..");
/** Every firmware is linked with GROUNDTRUTH_LONG; otherwise one of each chip, and the one without a radio. */
const SOME = [
  "esp32-c3-devkit-sx1262",
  "esp32-c6-devkit-sx1262",
  "heltec-wifi-lora-32-v3",
  "lilygo-t-beam-sx1276",
  "m5stack-atom-lite",
];
/** Modules that the chip loads when they are imported, and why they are not in ROM. */
const LOADED_AT_RUN_TIME: Record<string, string> = {
  main: "the entry runs at boot",
  "commodetto/Bitmap": "comes with the SDK's network modules, and nothing imports it",
};

function nativeSources(): string[] {
  return readdirSync(join(ROOT, "firmware/platform/moddable/native")).filter((name) => name.endsWith(".c"));
}

describe("the JavaScript half of a firmware build", function () {
  this.timeout(120_000);

  for (const board of process.env.GROUNDTRUTH_LONG ? boardNames(ROOT) : SOME) {
    describe(board, () => {
      let report: ImageReport;

      before(async function () {
        const sdk = findSdk();
        if (sdk === undefined) {
          console.log("        skipped: MODDABLE is not set (the folder of a Moddable SDK with its tools built)");
          this.skip();
        }
        report = await buildJavaScript(ROOT, sdk, { board });
      });

      it("links, with every module in ROM but those with a reason", () => {
        assert.ok(report.preloaded.includes("groundtruth"));
        assert.deepEqual(
          report.loaded.filter((name) => LOADED_AT_RUN_TIME[name] === undefined),
          [],
        );
      });

      it("keeps to its budget, and to its slot with room for ESP-IDF", () => {
        console.log(`        linked image: ${report.totalBytes} bytes`);
        assert.deepEqual(overBudget(report, BUDGETS.boards[board]), []);
        assert.ok(report.totalBytes < report.partitionBytes / 2);
      });

      it("accounts for every byte", () => {
        const sum = report.parts.reduce((bytes, part) => bytes + part.bytes, 0);
        assert.equal(sum, report.totalBytes);
        assert.ok(report.parts.every(({ bytes }) => bytes >= 0));
        assert.ok(report.parts[0].bytes > 40_000 && report.parts[0].bytes < report.totalBytes / 2);
      });

      it("would compile every C file of ours, and Wi-Fi's only with the feature", () => {
        assert.deepEqual(
          report.nativeObjects.filter((name) => name.startsWith("gt-")).sort(),
          nativeSources()
            .map((name) => `${name}.o`)
            .sort(),
        );
        const hasWifi = report.nativeObjects.some((name) => name.startsWith("wifi-"));
        assert.equal(hasWifi, readBoard(ROOT, board).features.includes("wifi"));
      });
    });
  }

  it("a board that there is not is refused", async () => {
    const sdk = { root: "", version: "", env: {} };
    await assert.rejects(buildJavaScript(ROOT, sdk, { board: "no-such-board" }), /no board no-such-board/);
  });
});

describe("a build's report", () => {
  const modules = new Map([
    ["firmware/wire/cbor", 300],
    ["firmware/wire/profiles/weather", 100],
    ["firmware/core/outbox", 200],
    ["firmware/core/lorawan/region/eu868", 400],
    ["firmware/drivers/radio/sx126x", 0],
  ]);
  const report: ImageReport = {
    board: "a-board",
    chip: "esp32",
    choice: { features: ["wifi"], regions: ["eu868"] },
    totalBytes: 102_400,
    slotBytes: 60_000,
    textBytes: 40_000,
    tableBytes: 2_400,
    preloaded: [],
    loaded: [],
    parts: imageParts(102_400, 51_200, modules),
    nativeObjects: ["gt-keys.c.o", "spi.c.o"],
    creation: { chunk: { initial: 32_768 }, heap: { initial: 1024 }, stack: 512 },
    creationBytes: 57_344,
    partitionBytes: 1_769_472,
  };

  it("shares the firmware's bytes out by folder, to the last one", () => {
    assert.deepEqual(report.parts, [
      { name: SDK_PART, bytes: 51_200 },
      { name: "core", bytes: 10_240 },
      { name: "core/lorawan", bytes: 20_480 },
      { name: "drivers/radio", bytes: 0 },
      { name: "wire", bytes: 20_480 },
    ]);
    const odd = imageParts(1001, 0, modules);
    assert.equal(
      odd.reduce((sum, { bytes }) => sum + bytes, 0),
      1001,
    );
  });

  it("names each budget that is broken, and a board that has none", () => {
    assert.deepEqual(overBudget(report, { linkedBytes: 102_400, ramBytes: 57_344 }), []);
    assert.deepEqual(overBudget(report, { linkedBytes: 102_399, ramBytes: 57_343 }), [
      "linked JavaScript takes 102400 bytes of flash, and its budget is 102399",
      "XS takes 57344 bytes of RAM at start, and its budget is 57343",
    ]);
    assert.match(overBudget(report, undefined)[0], /a-board has no budget/);
  });

  it("is text for a person: flash by part, RAM by kind, both beside the budget", () => {
    const text = describeImage(report, { linkedBytes: 204_800, ramBytes: 65_536 });
    assert.match(text, /linked JavaScript 100\.0 KB \(budget 200\.0 KB\), of a slot of 1728\.0 KB/);
    assert.match(text, /^ {2}core\/lorawan +20\.0 KB$/m);
    assert.match(text, /XS at start 56\.0 KB \(budget 64\.0 KB\)/);
    assert.match(text, /^ {2}chunks +32\.0 KB$/m);
    assert.match(text, /gt-keys\.c\.o\n/);
    assert.doesNotMatch(text, /spi\.c\.o/);
  });

  it("is a row of the table, which replaces the one before and nothing else", () => {
    const table = sizeTable([report]);
    assert.match(
      table,
      /\| \[a-board\]\(a-board\.md\) \| esp32 \| 50 \| 20 \| 10 \| 20 \| 0 \| 0 \| 0 \| 0 \| 100 \| 56 \|$/m,
    );
    const page = readFileSync(join(ROOT, "docs/boards/README.md"), "utf8");
    const renewed = renewTable(page, table);
    assert.equal(renewTable(renewed, table), renewed);
    assert.ok(renewed.startsWith(page.slice(0, page.indexOf("<!-- sizes"))));
    assert.ok(renewed.endsWith(page.slice(page.indexOf("<!-- end of sizes"))));
    assert.throws(() => renewTable("no place", table), /no <!-- sizes/);
  });
});
