/** `groundtruth provision --offline` from outside: what it makes, that a crash loses and doubles nothing, and that no secret gets anywhere else. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseProvisioning } from "../../firmware/platform/moddable/provisioning.ts";
import { RandomStream } from "../../host-sim/random-stream.ts";
import { ALGORITHMS, publicKeyOf } from "../../tools/provisioning/node-keys.ts";
import { readKeysImage } from "../../tools/provisioning/nvs/nvs-decipher.ts";
import { readNvsImage } from "../../tools/provisioning/nvs/nvs-reader.ts";
import { hexToBytes } from "../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { parseNodeRecord } from "../../tools/receiver/node-registry.ts";
import { counts } from "../counts.ts";
import { BLOCK, FactoryFloor, JOIN, PASSPHRASE, WIFI_PASSWORD } from "./factory-floor.ts";

const SEED = 20261120;

/** Every spelling in which a secret could be written. */
function spellings(hex: string): Buffer[] {
  const bytes = Buffer.from(hex, "hex");
  const texts = [hex, hex.toUpperCase(), bytes.toString("base64").replace(/=+$/, ""), bytes.toString("base64url")];
  return [bytes, ...texts.map((text) => Buffer.from(text))];
}

describe("provision --offline: a batch", () => {
  const floor = new FactoryFloor();
  const all = ["--count", "3", ...BLOCK, ...JOIN, "--serial-prefix", "GT-"];

  before(() => {
    equal(floor.createKeystore().status, 0);
    const made = floor.provision("batch", ...all, "--nvs", "encrypted", "--node-config", floor.settings, "--json");
    equal(made.status, 0, made.err);
    const result = JSON.parse(made.out);
    deepEqual([result.nodes, result.madeNow, result.lastDevEui], [3, 3, "70b3d57ed0050002"]);
  });

  after(() => floor.remove());

  it("identities are those that the receiver reads, and their keys those in the keystore", async () => {
    const secrets = await floor.secrets();
    equal(secrets.size, 3);
    for (const name of readdirSync(floor.path("batch/nodes"))) {
      const parsed = parseNodeRecord(readFileSync(floor.path(`batch/nodes/${name}`), "utf8"), NODE_CRYPTO);
      ok(parsed.ok, name);
      const { devEui, privateKey, algorithm } = secrets.get(parsed.node.devEui)!;
      equal(name, `${devEui}.json`);
      deepEqual(parsed.node.publicKey, publicKeyOf(ALGORITHMS[algorithm], hexToBytes(privateKey)));
      equal(parsed.node.protection, "encrypted-flash");
    }
  });

  it("NVS images hold what the firmware reads at its first boot, and are their owner's alone", async () => {
    for (const { devEui, joinEui, privateKey, appKey, receiverKey } of (await floor.secrets()).values()) {
      const paths = [floor.path(`batch/nvs/${devEui}.bin`), floor.path(`batch/nvs-keys/${devEui}.bin`)];
      for (const path of paths) equal(floor.mode(path), 0o600);
      const keys = readKeysImage(new Uint8Array(readFileSync(paths[1])));
      ok(keys.ok);
      const image = readNvsImage(new Uint8Array(readFileSync(paths[0])), keys.keys);
      ok(image.ok);
      const held = new Map(image.records.map(({ namespace, key, value }) => [`${namespace}/${key}`, value.value]));
      deepEqual(
        [...held.keys()],
        ["gt-provision/config", "gt-inbox/attestation", "gt-inbox/appKey", "gt-inbox/receiver"],
      );
      deepEqual(held.get("gt-inbox/attestation"), hexToBytes(privateKey));
      deepEqual(held.get("gt-inbox/appKey"), hexToBytes(appKey));
      deepEqual(held.get("gt-inbox/receiver"), hexToBytes(receiverKey));
      const settings = parseProvisioning(held.get("gt-provision/config") as string);
      ok(settings.ok);
      deepEqual(settings.provisioning.devEui, hexToBytes(devEui));
      deepEqual(settings.provisioning.joinEui, hexToBytes(joinEui));
      equal(settings.provisioning.wifi?.password, WIFI_PASSWORD);
    }
  });

  it("the names in the image are those in the firmware's sources", () => {
    const keys = readFileSync(new URL("../../firmware/platform/moddable/keys.ts", import.meta.url), "utf8");
    for (const name of ["attestation", "appKey", "receiver"]) {
      match(keys, new RegExp(`KEY_SLOT\\.${name}, name: "${name}"`));
    }
    const native = readFileSync(
      new URL("../../firmware/platform/moddable/native/gt-crypto.c", import.meta.url),
      "utf8",
    );
    match(native, /GT_INBOX_NAMESPACE "gt-inbox"/);
  });

  it("the log has a line a node; a folder with a batch is not begun again", () => {
    deepEqual(floor.logged("batch"), ["70b3d57ed0050000", "70b3d57ed0050001", "70b3d57ed0050002"]);
    const again = floor.provision("batch", ...all);
    equal(again.status, 2);
    match(again.err, /--resume/);
  });

  it("--resume with nothing left makes nothing; with other flags it is refused, and files that are gone come back the same", () => {
    const path = floor.path("batch/nvs/70b3d57ed0050001.bin");
    const image = readFileSync(path);
    writeFileSync(path, "");
    const more = floor.provision("batch", "--resume", "--json");
    equal(more.status, 0, more.err);
    equal(JSON.parse(more.out).madeNow, 1);
    deepEqual(readFileSync(path), image);
    equal(floor.logged("batch").length, 3);
    for (const flags of [
      ["--count", "4"],
      ["--join-eui", "70b3d57ed0000002"],
      ["--serial-prefix", "X"],
    ]) {
      const other = floor.provision("batch", "--resume", ...flags);
      equal(other.status, 2, flags.join(" "));
      match(other.err, /begun otherwise/);
    }
  });

  it("the next batch goes on in the block; DevEUIs and serial numbers that are taken have an exit code of their own", () => {
    const list = floor.path("list");
    writeFileSync(list, "70b3d57ed0060001\n70b3d57ed0050001\n");
    const taken = floor.provision("taken", "--dev-eui-list", list, ...JOIN, "--oemid", "70b3d5");
    equal(taken.status, 13);
    match(taken.err, /70b3d57ed0050001/);
    equal(floor.provision("serial", ...BLOCK, ...JOIN, "--serial-prefix", "GT-").status, 13);
    const next = floor.provision("next", ...BLOCK, ...JOIN, "--algorithm", "EdDSA", "--labels", "none", "--json");
    equal(next.status, 0, next.err);
    equal(JSON.parse(next.out).firstDevEui, "70b3d57ed0050003");
    const small = floor.provision("small", "--dev-eui-block", "70b3d57ed0070000/63", "--count", "3", ...JOIN);
    equal(small.status, 2);
    match(small.err, /2 DevEUIs left/);
  });

  it("DevEUIs from MAC addresses, and what the flags must say", () => {
    const list = floor.path("macs");
    writeFileSync(list, "# a chip\n24:0A:C4:12:34:56\n");
    equal(floor.provision("mac", "--mac-list", list, ...JOIN).status, 2);
    const made = floor.provision("mac", "--mac-list", list, ...JOIN, "--oemid", "70b3d5", "--json");
    equal(JSON.parse(made.out).firstDevEui, "240ac4fffe123456");
    for (const [flags, word] of [
      [[...BLOCK], /--join-eui/],
      [[...JOIN], /--dev-eui-block/],
      [[...BLOCK, ...JOIN, "--nvs", "plain"], /--node-config/],
      [[...BLOCK, ...JOIN, "--nvs", "plain", "--node-config", floor.settings, "--algorithm", "ES256K"], /ES256/],
      [[...BLOCK, ...JOIN, "--nvs", "plain", "--node-config", floor.passphraseFile], /not a JSON object/],
    ] as [string[], RegExp][]) {
      const refused = floor.provision("refused", ...flags);
      equal(refused.status, 2, flags.join(" "));
      match(refused.err, word);
      ok(!refused.err.includes(PASSPHRASE));
    }
  });

  it("a wrong passphrase, a foreign registry and another keystore: distinct exit codes", () => {
    const wrong = floor.path("wrong");
    writeFileSync(wrong, "not the passphrase\n", { mode: 0o600 });
    const args = floor.provisionArgs("other", ...BLOCK, ...JOIN);
    const swap = (flag: string, value: string): string[] => args.map((arg, i) => (args[i - 1] === flag ? value : arg));
    const status = (list: string[]): number | null => floor.provision("x", ...list.slice(4)).status;
    equal(status(swap("--passphrase-file", wrong)), 10);
    const foreign = floor.path("foreign.db");
    const database = new DatabaseSync(foreign);
    database.exec("CREATE TABLE t (a)");
    database.close();
    equal(status(swap("--registry", foreign)), 12);
    equal(status(swap("--registry", floor.passphraseFile)), 12);
    const other = new FactoryFloor();
    other.createKeystore();
    equal(floor.provision("batch", "--resume", "--keystore", other.keystore).status, 12);
    other.remove();
  });
});

describe("provision --offline: killed at random moments (SIGKILL), gone on with by --resume", () => {
  const floor = new FactoryFloor();
  const random = new RandomStream(SEED, "kills");

  before(() => {
    equal(floor.createKeystore().status, 0);
  });

  after(() => floor.remove());

  it(`no node is missing or made twice, and no key or DevEUI doubled (${counts(8, 100)} kills)`, async function () {
    this.timeout(counts(300_000, 1_800_000));
    const nodesEach = 500;
    let kills = 0;
    let batches = 0;
    let [cut, longest] = [0, 3_000];
    while (kills < counts(8, 100)) {
      const out = `batch${batches++}`;
      const args = floor.provisionArgs(
        out,
        "--count",
        `${nodesEach}`,
        ...BLOCK,
        ...JOIN,
        "--labels",
        "none",
        "--resume",
      );
      for (let isDone = false; !isDone; ) {
        const begun = performance.now();
        const { child, outcome } = floor.start(args);
        const afterMs = random.unit() * longest;
        const timer = setTimeout(() => child.kill("SIGKILL"), kills < counts(8, 100) ? afterMs : 1_000_000);
        const { status, err } = await outcome;
        clearTimeout(timer);
        if (status === null) {
          kills++;
          if (floor.logged(out).length > 0 && floor.logged(out).length < nodesEach) cut++;
          continue;
        }
        equal(status, 0, err);
        longest = Math.min(longest, performance.now() - begun);
        isDone = true;
      }
      deepEqual([...new Set(floor.logged(out))].length, nodesEach);
      equal(floor.logged(out).length, nodesEach);
      equal(readdirSync(floor.path(`${out}/nodes`)).length, nodesEach);
    }
    const secrets = await floor.secrets();
    equal(secrets.size, batches * nodesEach);
    for (const member of ["privateKey", "appKey", "receiverKey", "devEui"] as const) {
      equal(new Set([...secrets.values()].map((secret) => secret[member])).size, secrets.size, member);
    }
    const listed = floor.nodes("list", "--json").out.trimEnd().split("\n");
    equal(listed.length, secrets.size);
    ok(listed.every((line) => JSON.parse(line).state === "made"));
    for (let i = 0; i < batches; i++) {
      for (const name of readdirSync(floor.path(`batch${i}/nodes`))) {
        const parsed = parseNodeRecord(readFileSync(floor.path(`batch${i}/nodes/${name}`), "utf8"), NODE_CRYPTO);
        ok(parsed.ok);
        const { algorithm, privateKey } = secrets.get(parsed.node.devEui)!;
        deepEqual(parsed.node.publicKey, publicKeyOf(ALGORITHMS[algorithm], hexToBytes(privateKey)));
      }
    }
    // So many cannot all have hit its beginning or its end.
    ok(cut > 0 || kills < 100, "no kill hit a batch half made");
  });

  it("Ctrl-C ends between two nodes, says how to go on, and has an exit code of its own", async () => {
    const args = floor.provisionArgs("stopped", "--count", "5000", ...BLOCK, ...JOIN, "--labels", "none");
    const { child, outcome } = floor.start(args);
    child.stderr!.once("data", () => child.kill("SIGINT"));
    const { status, err } = await outcome;
    equal(status, 16, err);
    match(err, /--resume/);
    ok(floor.logged("stopped").length < 5000);
  });
});

describe("provision --offline: secrets", () => {
  const floor = new FactoryFloor();
  after(() => floor.remove());

  it("are in nothing that a full run wrote or showed, nor in the process list while it ran", async function () {
    if (!existsSync("/proc/self/environ")) this.skip();
    const said: string[] = [];
    const keep = ({ out, err, status }: { out: string; err: string; status: number | null }): void => {
      said.push(out, err);
      ok(status !== 3);
    };
    keep(floor.createKeystore());
    const args = floor.provisionArgs("plain", "--count", "600", ...BLOCK, ...JOIN, "--serial-prefix", "S-");
    const { child, outcome } = floor.start(args);
    const seen: Buffer[] = [];
    const look = setInterval(() => {
      for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
        for (const part of ["cmdline", "environ"]) {
          try {
            if (Number(name) === child.pid || readFileSync(`/proc/${name}/cmdline`, "utf8").includes(floor.folder)) {
              seen.push(readFileSync(`/proc/${name}/${part}`));
            }
          } catch {
            // It ended meanwhile, or is not ours.
          }
        }
      }
    }, 100);
    keep(await outcome);
    clearInterval(look);
    ok(seen.length > 4 && seen.some((bytes) => bytes.includes("provision")), "the process was looked at");
    const images = ["--nvs", "plain", "--node-config", floor.settings];
    keep(floor.provision("images", "--count", "3", ...BLOCK, ...JOIN, ...images));
    keep(floor.provision("images", "--resume", "--count", "9"));
    keep(floor.provision("bad", ...BLOCK, ...JOIN, "--nvs", "plain", "--node-config", floor.passphraseFile));
    keep(floor.nodes("list"));
    keep(floor.nodes("show", "70b3d57ed0050000", "--qr"));
    keep(floor.nodes("export", "--format", "jwks", "--out", floor.path("jwks.json")));
    keep(floor.keystoreCommand("backup", "--to", floor.path("copy.db")));
    const secrets = await floor.secrets();
    equal(secrets.size, 603);
    const hidden = [...secrets.values()].flatMap(({ privateKey, appKey, receiverKey }) => [
      privateKey,
      appKey,
      receiverKey,
    ]);
    const needles = [...hidden.flatMap(spellings), ...[PASSPHRASE, WIFI_PASSWORD].map((text) => Buffer.from(text))];
    const own = new Set([floor.passphraseFile, floor.settings]);
    const files = floor.files(".").filter((path) => !own.has(path) && !path.includes("/nvs/"));
    const hay = Buffer.concat([
      ...files.map((path) => readFileSync(path)),
      ...said.map((text) => Buffer.from(text)),
      ...seen,
    ]);
    ok(files.length > 600 * 6);
    // By windows of the shortest needle, so that 9,000 needles are sought in one pass.
    const found = findAny(hay, needles);
    equal(found, undefined, `a secret is written: ${found}`);
    // The search itself finds what is there.
    const image = readFileSync(floor.path(`images/nvs/${[...secrets.keys()].at(-1)}.bin`));
    ok(findAny(image, needles) !== undefined);
    for (const path of floor.files(".").filter((name) => name.includes("/nvs/"))) {
      equal(floor.mode(path), 0o600, basename(path));
    }
    for (const name of ["keystore.db", "copy.db"]) equal(floor.mode(floor.path(name)), 0o600);
  });
});

/** Which of the needles is in the hay, all of at least 16 bytes: their first 16 bytes are looked up at every place. */
function findAny(hay: Buffer, needles: readonly Buffer[]): string | undefined {
  const length = 16;
  const starts = new Map<number, Buffer[]>();
  for (const needle of needles) {
    ok(needle.length >= length);
    const key = needle.readUInt32LE(0);
    starts.set(key, [...(starts.get(key) ?? []), needle]);
  }
  for (let at = 0; at + length <= hay.length; at++) {
    const hits = starts.get(hay.readUInt32LE(at));
    const hit = hits?.find((needle) => hay.subarray(at, at + needle.length).equals(needle));
    if (hit !== undefined) return createHash("sha256").update(hit).digest("hex");
  }
  return undefined;
}
