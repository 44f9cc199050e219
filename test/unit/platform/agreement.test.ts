/** What is said twice, in C or a table and in TypeScript, is the same. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { STATE_BYTES_MAX } from "../../../firmware/core/bounds.ts";
import { KEY_SLOT } from "../../../firmware/wire/key-slot.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PLATFORM = join(ROOT, "firmware/platform/moddable");
const SECTOR = 4096;
const APP_ALIGNMENT = 0x10000;
/** Of the smallest board with a manifest. */
const FLASH_BYTES = 8 * 1024 * 1024;

const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const nativeText = (file: string): string => readFileSync(join(PLATFORM, "native", file), "utf8");

function defined(source: string, name: string): number {
  return Number(new RegExp(`#define ${name} (\\d+)`).exec(source)?.[1]);
}

describe("C and TypeScript agree", () => {
  it("key slots", () => {
    const header = nativeText("gt-keys.h");
    assert.deepEqual(
      {
        attestation: defined(header, "GT_SLOT_ATTESTATION"),
        appKey: defined(header, "GT_SLOT_APP_KEY"),
        nwkSKey: defined(header, "GT_SLOT_NWK_S_KEY"),
        appSKey: defined(header, "GT_SLOT_APP_S_KEY"),
        receiver: defined(header, "GT_SLOT_RECEIVER"),
        attestationNext: defined(header, "GT_SLOT_ATTESTATION_NEXT"),
      },
      KEY_SLOT,
    );
  });

  it("the algorithms have their COSE numbers, which are the port's", () => {
    const header = nativeText("gt-keys.h");
    const numbers = [...header.matchAll(/^#define GT_E\w+ \((-\d+)\)$/gm)].map((match) => Number(match[1]));
    const port = /SignatureAlgorithm = ([^;]+);/.exec(text("firmware/ports/crypto.ts"))?.[1] ?? "";
    assert.deepEqual(numbers, port.split(" | ").map(Number));
  });

  it("retained memory holds the node's state", () => {
    assert.equal(defined(nativeText("gt-power.c"), "GT_RETAINED_BYTES"), STATE_BYTES_MAX);
  });

  it("every function that TypeScript calls stands in C, and none is left over", () => {
    const files = (folder: string, end: string): string[] =>
      readdirSync(folder)
        .filter((name) => name.endsWith(end))
        .map((name) => readFileSync(join(folder, name), "utf8"));
    const called = files(PLATFORM, ".ts").flatMap((source) =>
      [...source.matchAll(/[nN]ative\("(\w+)"\)/g)].map((match) => match[1]),
    );
    const written = files(join(PLATFORM, "native"), ".c").flatMap((source) =>
      [...source.matchAll(/^void (xs_gt_\w+)\([^;)]*\)$/gm)].map((match) => match[1]),
    );
    assert.ok(called.length > 20);
    assert.deepEqual([...new Set(called)].sort(), [...new Set(written)].sort());
  });
});

interface Partition {
  name: string;
  type: string;
  subType: string;
  offset: number;
  size: number;
}

function partitions(): Partition[] {
  return text("manifests/partitions/8mb.csv")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => line.split(",").map((field) => field.trim()))
    .map(([name, type, subType, offset, size]) => ({
      name,
      type,
      subType,
      offset: Number(offset),
      size: Number(size),
    }));
}

describe("the flash's partitions", () => {
  it("follow each other without overlap, on sectors, within the flash", () => {
    // The boot loader and this table end here.
    let end = 0x9000;
    for (const { name, offset, size } of partitions()) {
      assert.ok(offset >= end, name);
      assert.ok(size > 0 && offset % SECTOR === 0 && size % SECTOR === 0, name);
      end = offset + size;
    }
    assert.ok(end <= FLASH_BYTES);
  });

  it("have two equal slots for the firmware, and no factory image", () => {
    const apps = partitions().filter(({ type }) => type === "app");
    assert.deepEqual(
      apps.map(({ subType }) => subType),
      ["ota_0", "ota_1"],
    );
    assert.equal(apps[0].size, apps[1].size);
    assert.ok(apps.every(({ offset }) => offset % APP_ALIGNMENT === 0));
    assert.ok(partitions().some(({ subType }) => subType === "ota"));
  });

  it("have the logs that the firmware opens", () => {
    const opened = [...readFileSync(join(PLATFORM, "start-node.ts"), "utf8").matchAll(/_PARTITION = "(\w+)"/g)];
    assert.equal(opened.length, 2);
    for (const [, name] of opened)
      assert.ok(partitions().some((partition) => partition.name === name && partition.type === "data"));
  });
});

describe("the boards", () => {
  for (const board of readdirSync(join(ROOT, "manifests/boards"))) {
    it(`${board}: the model is a hwmodel claim`, () => {
      const model = /model: "([^"]*)"/.exec(text(`manifests/boards/${board}/host/provider.ts`))?.[1] ?? "";
      assert.match(model, /^[\x20-\x7e]{1,32}$/);
      assert.equal(model, board);
    });
  }
});
