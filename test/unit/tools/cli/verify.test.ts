import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { nodeFileContent } from "../../../../tools/receiver/node-registry.ts";
import { T0_S, TestNode } from "../receiver/fixture.ts";

const LAUNCHER = join(import.meta.dirname, "../../../../tools/cli/groundtruth.js");

describe("groundtruth verify", () => {
  const node = new TestNode(1);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-verify-"));
    const put = (name: string, content: Uint8Array | string): void => writeFileSync(join(folder, name), content);
    put("node.json", JSON.stringify(nodeFileContent(node.record)));
    put("other.json", JSON.stringify(nodeFileContent(new TestNode(2).record)));
    put("broken.json", "{}");
    put("0.cbor", node.token({ seq: 0 }));
    put("1.cbor", node.token({ seq: 1, wallTime: false, timeQuality: 0, t0: 600 }));
    put("0-again.cbor", node.token({ seq: 0, bootCount: 2 }));
    const changed = node.token({ seq: 2 });
    changed[changed.length - 1] ^= 1;
    put("changed.cbor", changed);
    put("text.cbor", "not a token at all");
  });
  after(() => rmSync(folder, { recursive: true }));

  function verify(...args: string[]): { status: number | null; out: string; err: string } {
    const result = spawnSync(process.execPath, [LAUNCHER, "verify", ...args], { cwd: folder, encoding: "utf8" });
    return { status: result.status, out: result.stdout, err: result.stderr };
  }

  it("prints every reading of a good token and ends with 0", () => {
    const { status, out, err } = verify("0.cbor", "1.cbor", "--node", "node.json");
    assert.equal(err, "");
    assert.equal(status, 0);
    const lines = out.trimEnd().split("\n");
    assert.equal(lines.length, 8);
    assert.equal(
      lines[0],
      "0.cbor: verified, node 70b3d57ed0000001, seq 0, boot 1, readings 3, time by lorawan within 1.024 s",
    );
    assert.match(lines[2], /^ {2}2026-06-01T00:05:00Z {2}temperature 5 Cel, humidity 50 %RH, pressure 1013.2 hPa, /);
    assert.match(lines[4], /seq 1, boot 1, readings 3, time not known$/);
    assert.match(lines[5], /^ {2}uptime 600 s {2}temperature 5 Cel, /);
  });

  it("says why it refuses a token, checks the others all the same, and ends with 1", () => {
    const { status, out } = verify("changed.cbor", "0.cbor", "text.cbor", "--node", "node.json");
    assert.equal(status, 1);
    assert.match(out, /^changed\.cbor: REFUSED, signature-invalid \(.+\)\n0\.cbor: verified, /);
    assert.match(out, /\ntext\.cbor: REFUSED, [a-z-]+\n$/);
  });

  it("takes every kind of token, follows changes of keys, places uptimes and holds digests against what is given", () => {
    const next = new TestNode(1, 5, -8);
    const digest = new Uint8Array(
      [0, 1].flatMap((seq) => [...NODE_CRYPTO.sha256(readFileSync(join(folder, `${seq}.cbor`)))]),
    );
    const put = (name: string, content: Uint8Array): void => writeFileSync(join(folder, name), content);
    const rest = { wallTime: true, timeS: T0_S, bootCount: 1 };
    put("boot.cbor", node.boot({ seq: 2 }));
    put(
      "digest.cbor",
      node.statement({ kind: "digest", ...rest, seq: 3, firstSeq: 0, lastSeq: 1, digest: NODE_CRYPTO.sha256(digest) }),
    );
    put(
      "anchor.cbor",
      node.statement({
        kind: "anchor",
        wallS: T0_S,
        uptimeS: 900,
        timeQuality: 42,
        nonce: undefined,
        bootCount: 1,
        seq: 4,
      }),
    );
    put("key.cbor", node.statement({ kind: "key", wallS: 0, bootCount: 1, seq: 5, newKey: next.key(-8) }));
    put("6.cbor", next.token({ seq: 6 }));
    const { status, out } = verify(
      "6.cbor",
      "key.cbor",
      "anchor.cbor",
      "digest.cbor",
      "boot.cbor",
      "1.cbor",
      "0.cbor",
      "--node",
      "node.json",
    );
    assert.equal(status, 0, out);
    const heads = out.split("\n").filter((line) => /^\S/.test(line));
    assert.match(heads[0], /^6\.cbor: verified, .* seq 6, boot 1, readings 3/);
    assert.match(heads[1], /seq 5, a new key from seq 6 on$/);
    assert.match(heads[2], /seq 4, uptime 900 s of boot 1: 2026-06-01T00:00:00Z by lorawan within 1.024 s$/);
    assert.match(heads[3], /seq 3, digest of 0 to 1: the tokens given are those$/);
    assert.match(heads[4], /seq 2, boot 1 of weather-node 1\.2\.0, key in plain-flash$/);
    assert.match(heads[5], /time not known; by its boot's anchor the first at 2026-05-31T23:55:00Z within 2\.0\d+ s$/);
    assert.match(
      verify("digest.cbor", "0.cbor", "--node", "node.json").out,
      /digest of 0 to 1: not all of them are given/,
    );
    const json = verify("1.cbor", "anchor.cbor", "--node", "node.json", "--json").out.trimEnd().split("\n");
    assert.deepEqual(
      json.map((line) => JSON.parse(line).statement),
      [undefined, undefined, undefined, "placement", "anchor"],
    );
    assert.match(verify("6.cbor", "--node", "node.json").out, /REFUSED, kid-of-another-key/);
  });

  it("refuses a token of another key, a second token of one number, and a time in the future", () => {
    assert.match(verify("0.cbor", "--node", "other.json").out, /REFUSED, kid-of-another-key/);
    const reused = verify("0.cbor", "0.cbor", "0-again.cbor", "--node", "node.json");
    assert.equal(reused.status, 1);
    assert.match(reused.out, /^0-again\.cbor: REFUSED, seq-reused/m);
    const early = verify("0.cbor", "--node", "node.json", "--at", "2026-05-31T00:00:00Z");
    assert.equal(early.status, 1);
    assert.match(early.out, /REFUSED, time-in-the-future/);
  });

  it("--json: one line a reading, as in readings.jsonl, and one a refusal, with what the token says of itself", () => {
    const { status, out } = verify("0.cbor", "changed.cbor", "text.cbor", "--node", "node.json", "--json");
    assert.equal(status, 1);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ seq, index, file, refused }) => [seq, index, file, refused]),
      [
        [0, 0, undefined, undefined],
        [0, 1, undefined, undefined],
        [0, 2, undefined, undefined],
        [undefined, undefined, "changed.cbor", "signature-invalid"],
        [undefined, undefined, "text.cbor", lines[4].refused],
      ],
    );
    assert.equal(lines[3].claims["-65537"], 2);
    assert.equal(lines[3].claims["256"], "0270b3d57ed0000001");
    assert.equal(lines[4].claims, null);
  });

  it("ends quietly when its reader has seen enough", async () => {
    const args = [LAUNCHER, "verify", ...Array(200).fill("0.cbor"), "--node", "node.json"];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let err = "";
    child.stderr.on("data", (text) => {
      err += text;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    await new Promise((resolve) => child.once("close", resolve));
    assert.equal(err, "");
  });

  it("ends with 2 where a file cannot be read or an argument is wrong, and says what, where and what next", () => {
    const missing = verify("nowhere.cbor", "--node", "node.json");
    assert.equal(missing.status, 2);
    assert.equal(
      missing.err,
      "error: the file cannot be read: ENOENT\n  where: nowhere.cbor\n  next:  check the path and that you may read it\n",
    );
    const broken = verify("0.cbor", "--node", "broken.json");
    assert.equal(broken.status, 2);
    assert.match(broken.err, /not-16-lower-case-hex-digits\n {2}where: broken\.json, at devEui\n/);
    for (const args of [[], ["0.cbor"], ["--node", "node.json"], ["0.cbor", "--node", "node.json", "--at", "noon"]]) {
      assert.equal(verify(...args).status, 2, args.join(" "));
    }
  });
});
