/** The factory's own promises: what a run finds of an earlier one, and what it refuses. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProgressLine } from "../../../../tools/cli/progress-line.ts";
import { Keystore } from "../../../../tools/keystore/keystore.ts";
import { BatchLog } from "../../../../tools/provisioning/batch-log.ts";
import type { BatchPlan } from "../../../../tools/provisioning/batch-plan.ts";
import { LOG_FILE, Mismatch, runFactory } from "../../../../tools/provisioning/factory.ts";
import { makeKeys } from "../../../../tools/provisioning/factory-work.ts";
import { publicKeyOf } from "../../../../tools/provisioning/node-keys.ts";
import { RandomSource } from "../../../../tools/provisioning/random-source.ts";
import { type Batch, Registry } from "../../../../tools/provisioning/registry.ts";
import { RegistryError } from "../../../../tools/provisioning/registry-file.ts";
import { bytesToHex } from "../../../../tools/receiver/hex.ts";

const DEV_EUIS = ["70b3d57ed0050001", "70b3d57ed0050002"];
const PLAN: BatchPlan = {
  count: 2,
  algorithm: "ES256",
  joinEui: "70b3d57ed0000001",
  oemid: "70b3d5",
  model: "board",
  profile: "tag:groundtruth,2026:weather:1",
  profileId: "00000000",
  labels: ["png", "svg"],
};

describe("factory", () => {
  let folder: string;
  let registry: Registry;
  let keystore: Keystore;
  let batch: Batch;

  const run = (): Promise<number> =>
    runFactory({
      registry,
      keystore,
      batch,
      plan: PLAN,
      settings: {},
      jobs: 1,
      progress: () => {},
      isStopped: () => false,
    });

  /** What a crash leaves between the keystore and the registry. */
  function leaveInKeystore(devEui: string, batchName: string): Uint8Array {
    const [{ privateKey, publicKey, appKey, receiverKey }] = makeKeys("ES256", 1, false, new RandomSource());
    const content = {
      devEui,
      joinEui: PLAN.joinEui,
      batch: batchName,
      algorithm: "ES256",
      privateKey: bytesToHex(privateKey),
      appKey: bytesToHex(appKey),
      receiverKey: bytesToHex(receiverKey),
    };
    keystore.add([{ name: `node/${devEui}`, content }]);
    deepEqual(publicKeyOf(-7, privateKey), publicKey);
    return publicKey;
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-factory-"));
    const path = join(folder, "keystore.db");
    await Keystore.create(path, "passphrase", { N: 2, r: 8, p: 1 });
    keystore = await Keystore.open(path, "passphrase", true);
    registry = Registry.openOrMake(join(folder, "registry.db"));
    const row = { name: "b1", folder: join(folder, "out"), keystore: keystore.id, plan: JSON.stringify(PLAN) };
    batch = registry.beginBatch(row, DEV_EUIS, undefined);
  });

  afterEach(() => {
    registry.close();
    keystore.close();
    rmSync(folder, { recursive: true });
  });

  it("keys that a crash left in the keystore are the node's keys: none is made anew", async () => {
    const publicKey = leaveInKeystore(DEV_EUIS[0], "b1");
    equal(await run(), 2);
    deepEqual(new Uint8Array(registry.node(DEV_EUIS[0])!.publicKey!), publicKey);
    equal(keystore.count, 2);
    equal(await run(), 0);
  });

  it("secrets of another batch under a node's name are not taken", async () => {
    leaveInKeystore(DEV_EUIS[1], "another");
    await rejects(run(), Mismatch);
    equal(registry.node(DEV_EUIS[1])!.publicKey, undefined);
  });

  it("a key in the keystore that the registry knows as another node's is refused", async () => {
    leaveInKeystore(DEV_EUIS[0], "b1");
    keystore.add([
      { name: `node/${DEV_EUIS[1]}`, content: { ...keystore.get(`node/${DEV_EUIS[0]}`), devEui: DEV_EUIS[1] } },
    ]);
    await rejects(run(), RegistryError);
    equal(registry.node(DEV_EUIS[0])!.publicKey, undefined);
  });

  it("the log: a line that was torn is taken off, and each node has one", async () => {
    await run();
    const path = join(folder, "out", LOG_FILE);
    const whole = readFileSync(path, "utf8");
    appendFileSync(path, '{"at":"2026-');
    const log = new BatchLog(path);
    log.add(DEV_EUIS.map((devEui) => ({ devEui })));
    log.close();
    equal(readFileSync(path, "utf8"), whole);
    const again = new BatchLog(path);
    again.add([{ devEui: "70b3d57ed0050003" }]);
    again.close();
    ok(readFileSync(path, "utf8").endsWith('}\n{"devEui":"70b3d57ed0050003"}\n'));
  });
});

describe("progress", () => {
  it("says what is done, the rate and the time left; on a terminal in one line", () => {
    let nowMs = 0;
    let shown = "";
    const to = {
      isTTY: true,
      write: (text: string): boolean => {
        shown += text;
        return true;
      },
    };
    const line = new ProgressLine(to as never, "nodes", () => nowMs);
    line.show(100, 1000);
    nowMs = 50;
    line.show(101, 1000);
    nowMs = 2000;
    line.show(300, 1000);
    nowMs = 9000;
    line.show(1000, 1000);
    line.end();
    deepEqual(shown.split("\r\x1b[K").slice(1), [
      "100 of 1000 nodes, 10 %",
      "300 of 1000 nodes, 30 %, 100 a second, 7 s left",
      "1000 of 1000 nodes, 100 %, 100 a second\n",
    ]);
  });
});
