import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { FIRMWARE } from "../../../firmware/app/firmware-version.ts";

describe("the firmware's version", () => {
  it("is the package's", () => {
    const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
    const { name, version } = JSON.parse(text) as { name: string; version: string };
    assert.deepEqual(FIRMWARE, { name, version });
  });
});
