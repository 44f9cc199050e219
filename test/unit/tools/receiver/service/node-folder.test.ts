import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesToHex } from "../../../../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../../../../tools/receiver/node-crypto.ts";
import { nodeFileContent } from "../../../../../tools/receiver/node-registry.ts";
import { type LoadedNodes, loadNodes, NodeFileError } from "../../../../../tools/receiver/service/node-folder.ts";
import { RECEIVER_KEY, TestNode } from "../fixture.ts";

describe("a receiver's folder of nodes", () => {
  const node = new TestNode(1);
  let folder: string;
  let nodes: string;
  let secrets: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-nodes-"));
    nodes = join(folder, "nodes");
    secrets = join(folder, "secrets");
    mkdirSync(nodes);
    mkdirSync(secrets);
    publish(node);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function publish({ devEui, record }: TestNode, name = `${devEui}.json`): void {
    writeFileSync(join(nodes, name), JSON.stringify(nodeFileContent(record)));
  }

  function keep(content: object, mode = 0o600): string {
    const path = join(secrets, `${node.devEui}.secrets.json`);
    writeFileSync(path, JSON.stringify(content));
    chmodSync(path, mode);
    return path;
  }

  const load = (from: string | undefined = secrets): LoadedNodes => loadNodes(nodes, from, NODE_CRYPTO);
  const key = bytesToHex(RECEIVER_KEY);

  function fails(expected: RegExp, work: () => unknown = load): void {
    assert.throws(work, (error) => {
      assert.ok(error instanceof NodeFileError);
      assert.match(`${error.message} | ${error.where} | ${error.next}`, expected);
      return true;
    });
  }

  it("has identities and keys", () => {
    keep({ devEui: node.devEui, receiverKey: key });
    const loaded = load();
    assert.deepEqual(loaded, { nodes: [{ record: node.record, receiverKey: RECEIVER_KEY }], warnings: [] });
  });

  it("may lack keys: it says what that means", () => {
    assert.match(load().warnings.join(), /1 of 1 nodes have no .*never acknowledged/);
    const without = loadNodes(nodes, undefined, NODE_CRYPTO);
    assert.match(without.warnings.join(), /without --secrets .*never acknowledged/);
    assert.equal(without.nodes[0].receiverKey, undefined);
  });

  it("secrets that everyone may read or write are refused, those of a group warned of", function () {
    if (process.platform === "win32") this.skip();
    for (const mode of [0o604, 0o602, 0o644]) {
      keep({ devEui: node.devEui, receiverKey: key }, mode);
      fails(/open to everyone .* \| chmod 600 .*70b3d57ed0000001\.secrets\.json/);
    }
    keep({ devEui: node.devEui, receiverKey: key }, 0o640);
    assert.match(load().warnings.join(), /open to their group/);
  });

  it("names the file and the place of what is wrong", () => {
    keep({ devEui: "70b3d57ed0000002", receiverKey: key });
    fails(/about another node \| .*secrets\.json, at devEui/);
    keep({ devEui: node.devEui, receiverKey: key.slice(2) });
    fails(/not 16 bytes of hexadecimal \| .*at receiverKey/);
    writeFileSync(join(secrets, `${node.devEui}.secrets.json`), "{");
    fails(/not usable: not-json/);
    rmSync(join(secrets, `${node.devEui}.secrets.json`));
    writeFileSync(join(nodes, "a.json"), JSON.stringify({ ...nodeFileContent(new TestNode(2).record), kid: "00" }));
    fails(/not-the-thumbprint-of-the-key \| .*a\.json, at kid/);
    rmSync(join(nodes, "a.json"));
    publish(node, "copy.json");
    fails(/has two files/);
    fails(/cannot be read: ENOENT/, () => loadNodes(join(folder, "none"), undefined, NODE_CRYPTO));
    fails(/there are no nodes/, () => loadNodes(secrets, undefined, NODE_CRYPTO));
  });
});
