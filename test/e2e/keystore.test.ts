/** `groundtruth keystore` from outside. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { loadNodes } from "../../tools/receiver/service/node-folder.ts";
import { BLOCK, FactoryFloor, JOIN, PASSPHRASE } from "./factory-floor.ts";
import { groundtruth } from "./simulation.ts";

describe("keystore", () => {
  const floor = new FactoryFloor();
  const second = floor.path("second");

  before(() => {
    equal(floor.createKeystore().status, 0);
    equal(
      floor.provision("batch", "--count", "3", ...BLOCK, ...JOIN, "--region", "EU868", "--labels", "none").status,
      0,
    );
    writeFileSync(second, "another passphrase\n", { mode: 0o600 });
  });

  after(() => floor.remove());

  it("create: not twice, not under a short passphrase, and not without one where nobody can be asked", () => {
    match(floor.createKeystore().err, /already/);
    const short = floor.path("short");
    writeFileSync(short, "short\n", { mode: 0o600 });
    const refused = groundtruth("keystore", "create", "--keystore", floor.path("k"), "--passphrase-file", short);
    equal(refused.status, 2);
    match(refused.err, /fewer than 12/);
    const asked = groundtruth("keystore", "create", "--keystore", floor.path("k"));
    equal(asked.status, 2);
    match(asked.err, /no terminal/);
    ok(!existsSync(floor.path("k")));
  });

  it("no command takes a passphrase as an argument", () => {
    for (const name of ["create", "passwd", "backup", "restore", "export"]) {
      const { out } = groundtruth("keystore", name, "--help");
      ok(!/--(new-)?passphrase[ =<]/.test(out), name);
      match(out, /--passphrase-file/);
    }
    equal(floor.keystoreCommand("backup", "--to", floor.path("c"), "--passphrase", PASSPHRASE).status, 2);
  });

  it("export receiver: what the receiver reads beside the identities, its owner's alone", () => {
    const out = floor.path("secrets");
    const made = floor.keystoreCommand("export", "--format", "receiver", "--out", out, "--json");
    deepEqual(JSON.parse(made.out), { out, format: "receiver", nodes: 3 });
    for (const name of readdirSync(out)) equal(floor.mode(`${out}/${name}`), 0o600);
    const { nodes, warnings } = loadNodes(floor.path("batch/nodes"), out, NODE_CRYPTO);
    equal(nodes.length, 3);
    ok(nodes.every(({ receiverKey }) => receiverKey?.length === 16));
    deepEqual(warnings, []);
  });

  it("export for networks: one file, its owner's alone, of the nodes that were asked for; nothing is written over", () => {
    const out = floor.path("tts.json");
    const args = ["export", "--format", "tts-json", "--node", "70B3D57ED0050001", "--out", out];
    equal(floor.keystoreCommand(...args).status, 0);
    equal(floor.mode(out), 0o600);
    equal(JSON.parse(readFileSync(out, "utf8")).ids.device_id, "eui-70b3d57ed0050001");
    equal(floor.keystoreCommand(...args).status, 2);
    const bare = floor.keystoreCommand("export", "--format", "chirpstack-csv", "--out", floor.path("cs.csv"));
    equal(bare.status, 2);
    match(bare.err, /--application-id/);
    ok(!existsSync(floor.path("cs.csv")));
    equal(
      floor.keystoreCommand("export", "--format", "helium-csv", "--batch", "none", "--out", floor.path("h")).status,
      2,
    );
    equal(
      floor.keystoreCommand("export", "--format", "helium-csv", "--node", "70b3d57ed0059999", "--out", floor.path("h"))
        .status,
      12,
    );
  });

  it("backup, passwd, restore: each passphrase opens what it is of", () => {
    const copy = floor.path("copy.db");
    equal(floor.keystoreCommand("backup", "--to", copy).status, 0);
    equal(floor.mode(copy), 0o600);
    equal(floor.keystoreCommand("backup", "--to", copy).status, 2);
    equal(floor.keystoreCommand("passwd", "--new-passphrase-file", second).status, 0);
    equal(floor.keystoreCommand("backup", "--to", floor.path("copy2.db")).status, 10);
    equal(floor.keystoreCommand("restore", "--from", copy).status, 2);
    const restored = floor.keystoreCommand("restore", "--from", copy, "--replace", "--json");
    equal(JSON.parse(restored.out).records, 4);
    equal(floor.keystoreCommand("backup", "--to", floor.path("copy2.db")).status, 0);
  });

  it("a passphrase out of an environment variable", () => {
    process.env.GROUNDTRUTH_TEST_WORDS = PASSPHRASE;
    const args = ["backup", "--to", floor.path("copy3.db"), "--keystore", floor.keystore];
    equal(groundtruth("keystore", ...args, "--passphrase-env", "GROUNDTRUTH_TEST_WORDS").status, 0);
    delete process.env.GROUNDTRUTH_TEST_WORDS;
    equal(groundtruth("keystore", ...args, "--passphrase-env", "GROUNDTRUTH_TEST_WORDS").status, 2);
  });

  it("tampered with: an exit code of its own, and a backup is not made of it", () => {
    const database = new DatabaseSync(floor.keystore);
    database.exec("UPDATE records SET sealed = zeroblob(length(sealed)) WHERE number = 2");
    database.close();
    const backup = floor.keystoreCommand("backup", "--to", floor.path("copy4.db"));
    equal(backup.status, 11);
    match(backup.err, /changed/);
    ok(!existsSync(floor.path("copy4.db")));
    const args = [
      "backup",
      "--keystore",
      floor.registry,
      "--passphrase-file",
      floor.passphraseFile,
      "--to",
      floor.path("c5"),
    ];
    equal(groundtruth("keystore", ...args).status, 2);
  });
});
