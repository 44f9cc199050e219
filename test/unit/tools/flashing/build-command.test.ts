import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findSdk } from "../../../../host-sim/xs/linked/sdk.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const BOARD = "esp32-c3-devkit-sx1262";

function build(args: string[], env: NodeJS.ProcessEnv = {}): { status: number | null; out: string; err: string } {
  const result = spawnSync(process.execPath, [join(ROOT, "tools/cli/groundtruth.js"), "build", ...args], {
    cwd: ROOT,
    env: { ...process.env, IDF_PATH: "", ...env },
    encoding: "utf8",
  });
  return { status: result.status, out: result.stdout, err: result.stderr };
}

describe("groundtruth build", function () {
  this.timeout(120_000);

  it("without a board, or with one that there is not: which there are, and exit code 2", () => {
    for (const args of [[], ["--board", "toaster"], ["--board", BOARD, "--all"]]) {
      const { status, err } = build(args);
      assert.equal(status, 2, err);
      assert.match(err, /next:.*esp32-c3-devkit-sx1262/);
    }
    assert.equal(build(["--board", BOARD, "--table"]).status, 2);
    assert.equal(build(["--board", BOARD, "--profile", "mystery"]).status, 2);
  });

  it("without an SDK: what is missing, the command that brings it, and exit code 2", () => {
    const { status, out, err } = build(["--board", BOARD], { MODDABLE: "" });
    assert.equal(status, 2);
    assert.equal(out, "");
    assert.match(err, /no Moddable SDK: MODDABLE is not set/);
    assert.match(err, /next: +npx xs-dev setup/);
  });

  describe("with an SDK and without ESP-IDF", () => {
    before(function () {
      if (findSdk() === undefined) {
        console.log("        skipped: MODDABLE is not set (the folder of a Moddable SDK with its tools built)");
        this.skip();
      }
    });

    it("builds and measures the JavaScript half, says what brings ESP-IDF, and exits 3", () => {
      const { status, out, err } = build(["--board", BOARD]);
      assert.equal(status, 3, err);
      assert.match(out, /^ {2}core\/lorawan +\d+\.\d KB$/m);
      assert.match(err, /no ESP-IDF v6\.0: IDF_PATH is not set\n +git clone -b v6\.0/);
    });

    it("leaves out what an owner leaves out, and says so in JSON", () => {
      const all = JSON.parse(build(["--board", BOARD, "--json"]).out);
      const { status, out } = build(["--board", BOARD, "--json", "--without", "sensor-bmp280,sensor-pyranometer"]);
      assert.equal(status, 3);
      const less = JSON.parse(out);
      assert.ok(less.totalBytes < all.totalBytes);
      assert.ok(!less.choice.features.includes("sensor-bmp280"));
      assert.deepEqual(less.overBudget, []);
    });

    it("refuses a choice that does not fit, with exit code 1", () => {
      const { status, err } = build(["--board", BOARD, "--without", "lora-sx126x"]);
      assert.equal(status, 1);
      assert.match(err, /need the driver of a radio/);
    });
  });
});
