/** The registry of all nodes ever made: nothing is given twice. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEuiBlock } from "../../../../tools/provisioning/eui.ts";
import { type Batch, type NewNode, NODE_STATE, Registry } from "../../../../tools/provisioning/registry.ts";
import type { RegistryError, RegistryReason } from "../../../../tools/provisioning/registry-file.ts";

const BLOCK = parseEuiBlock("70b3d57ed0050000/60")!;

const because =
  (reason: RegistryReason) =>
  (error: RegistryError): boolean =>
    error.reason === reason;

const key = (number: number, length = 64): Uint8Array =>
  new Uint8Array(createHash("sha512").update(`${number}`).digest()).slice(0, length);

const made = (devEui: string, number: number, shared?: Uint8Array): NewNode => ({
  devEui,
  alg: -7,
  publicKey: key(number),
  secretKeys: [shared ?? key(number + 100, 16), key(number + 200, 16)],
});

describe("registry of nodes", () => {
  let folder: string;
  let path: string;
  let registry: Registry;
  let batches = 0;

  const begin = (devEuis: readonly string[], serials?: readonly string[]): Batch => {
    const name = `batch${batches++}`;
    return registry.beginBatch({ name, folder: join(folder, name), keystore: "k", plan: "{}" }, devEuis, serials);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-registry-"));
    path = join(folder, "registry.db");
    registry = Registry.openOrMake(path);
  });

  afterEach(() => {
    registry.close();
    rmSync(folder, { recursive: true });
  });

  it("a block's DevEUIs are given from its first on, never twice, until it is used up", () => {
    const first = registry.nextOf(BLOCK, 10);
    equal(first[0], "70b3d57ed0050000");
    begin(first);
    const second = registry.nextOf(BLOCK, 6);
    equal(second[0], "70b3d57ed005000a");
    equal(second.at(-1), "70b3d57ed005000f");
    throws(() => registry.nextOf(BLOCK, 7), because("block-used-up"));
    begin(second);
    throws(() => registry.nextOf(BLOCK, 1), because("block-used-up"));
    equal(registry.nextOf(parseEuiBlock("70b3d57ed0050010/60")!, 1)[0], "70b3d57ed0050010");
  });

  it("a DevEUI or serial number that is promised is promised: the batch that wants it again is not begun at all", () => {
    begin(["70b3d57ed0050001"], ["S1"]);
    throws(() => begin(["70b3d57ed0050002", "70b3d57ed0050001"]), because("duplicate"));
    throws(() => begin(["70b3d57ed0050002", "70b3d57ed0050002"]), because("duplicate"));
    throws(() => begin(["70b3d57ed0050002"], ["S1"]), because("duplicate"));
    equal(registry.node("70b3d57ed0050002"), undefined);
    equal(registry.batches().length, 1);
  });

  it("a key that is any other node's is refused, whatever it is there for, and nothing of that lot is entered", () => {
    const [a, b, c] = ["70b3d57ed0050001", "70b3d57ed0050002", "70b3d57ed0050003"];
    const batch = begin([a, b, c]);
    registry.setMade([made(a, 1)]);
    throws(() => registry.setMade([made(b, 2), made(c, 1)]), because("duplicate"));
    throws(() => registry.setMade([made(b, 2, key(101, 16))]), because("duplicate"), "an AppKey");
    throws(() => registry.setMade([made(b, 2, key(201, 16))]), because("duplicate"), "a receiver key as an AppKey");
    throws(() => registry.setMade([made(b, 2, key(202, 16))]), because("duplicate"), "its own receiver key");
    throws(() => registry.setMade([made(b, 2), made(c, 3, key(102, 16))]), because("duplicate"), "among the new ones");
    throws(() => registry.setMade([made(a, 4)]), because("duplicate"), "a second key");
    equal(registry.nodesOf(batch, NODE_STATE.made).length, 1);
    registry.setMade([made(b, 2), made(c, 3)]);
    equal(registry.nodesOf(batch, NODE_STATE.made).length, 3);
  });

  it("keys of retired nodes stay theirs, and so do their DevEUIs", () => {
    const [a, b] = ["70b3d57ed0050001", "70b3d57ed0050002"];
    begin([a, b]);
    registry.setMade([made(a, 1)]);
    registry.retire(a, "stolen");
    registry.retire(a, "again");
    equal(registry.node(a)?.retiredWhy, "stolen");
    throws(() => begin([a]), because("duplicate"));
    throws(() => registry.setMade([made(b, 1)]), because("duplicate"));
    throws(() => registry.retire("70b3d57ed0050009", "?"), because("unknown"));
  });

  it("what is entered is there when it is opened again, and no secret is in it", () => {
    const batch = begin(["70b3d57ed0050001"], ["S1"]);
    const node = made("70b3d57ed0050001", 1);
    registry.setMade([node]);
    registry.setFiled([node.devEui]);
    registry.close();
    for (const secret of node.secretKeys) equal(readFileSync(path).indexOf(secret), -1);
    registry = Registry.open(path);
    deepEqual(registry.batchIn(batch.folder), batch);
    const found = registry.node(node.devEui)!;
    deepEqual([found.state, found.serial, found.alg], [NODE_STATE.filed, "S1", -7]);
    deepEqual(new Uint8Array(found.publicKey!), node.publicKey);
  });

  it("two factory lines on one registry: the second waits, and gets other DevEUIs", () => {
    const other = Registry.openOrMake(path);
    const mine = registry.exclusively(() => {
      const devEuis = registry.nextOf(BLOCK, 2);
      begin(devEuis);
      return devEuis;
    });
    const theirs = other.nextOf(BLOCK, 2);
    other.close();
    ok(theirs.every((devEui) => !mine.includes(devEui)));
  });

  it("what is no registry is refused, and so is one that is not there", () => {
    const text = join(folder, "text.db");
    writeFileSync(text, "no database, but long enough to be looked at ".repeat(40));
    throws(() => Registry.openOrMake(text), because("foreign"));
    throws(() => Registry.open(join(folder, "none.db")), because("missing"));
  });
});
