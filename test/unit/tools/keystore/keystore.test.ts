/** Keystores: what comes back, and that nothing else does. */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Keystore } from "../../../../tools/keystore/keystore.ts";
import { DEFAULT_COST, isReasonable, stretch } from "../../../../tools/keystore/keystore-crypto.ts";
import type { KeystoreError, KeystoreReason } from "../../../../tools/keystore/keystore-file.ts";

/** Of a test: one that takes no time. */
const COST = { N: 2, r: 8, p: 1 };
const PASSPHRASE = "correct horse battery staple";
const SECRET = "00112233445566778899aabbccddeeff";

const records = (count: number): { name: string; content: object }[] =>
  Array.from({ length: count }, (_, i) => ({ name: `node/${i}`, content: { key: `${SECRET}${i}` } }));

const because =
  (reason: KeystoreReason) =>
  (error: KeystoreError): boolean =>
    error.reason === reason;

describe("keystore", () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-keystore-"));
    path = join(folder, "keystore.db");
    await Keystore.create(path, PASSPHRASE, COST);
    const store = await Keystore.open(path, PASSPHRASE, true);
    store.add(records(3));
    store.add([{ name: "batch/a", content: { wifi: "hidden-password" } }]);
    store.close();
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  /** Changes the file behind the keystore's back, and says how it then opens and reads. */
  async function afterSql(sql: string): Promise<string> {
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    try {
      const store = await Keystore.open(path, PASSPHRASE);
      try {
        store.verify();
      } finally {
        store.close();
      }
    } catch (error) {
      return (error as KeystoreError).reason;
    }
    return "fine";
  }

  it("gives back what was put in, by name and in its order", async () => {
    const store = await Keystore.open(path, PASSPHRASE);
    deepEqual(store.names(), ["node/0", "node/1", "node/2", "batch/a"]);
    equal(store.count, 4);
    equal(store.get("node/1").key, `${SECRET}1`);
    ok(store.has("batch/a") && !store.has("batch/b"));
    throws(() => store.get("node/9"), because("name-unknown"));
    store.close();
  });

  it("the file is its owner's alone, and holds neither a secret nor the passphrase", () => {
    equal(statSync(path).mode & 0o777, 0o600);
    const bytes = readFileSync(path);
    for (const text of [SECRET, "hidden-password", PASSPHRASE]) equal(bytes.indexOf(text), -1);
    equal(bytes.indexOf(Buffer.from(SECRET, "hex")), -1);
  });

  it("the default cost of scrypt is N = 2^17, r = 8, p = 1 (OWASP Password Storage Cheat Sheet)", () => {
    deepEqual(DEFAULT_COST, { N: 131_072, r: 8, p: 1 });
  });

  it("RFC 7914 12: the passphrase goes through scrypt", async () => {
    const { key, check } = await stretch("pleaseletmein", Buffer.from("SodiumChloride"), { N: 16_384, r: 8, p: 1 });
    const expected =
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887";
    equal(Buffer.concat([key, check]).toString("hex"), expected);
  });

  it("a wrong passphrase is told from a damaged file", async () => {
    await rejects(Keystore.open(path, `${PASSPHRASE}.`), because("wrong-passphrase"));
    await rejects(Keystore.open(path, ""), because("wrong-passphrase"));
    equal(await afterSql("UPDATE header SET master = zeroblob(length(master))"), "tampered");
  });

  it("the same passphrase is the same in another spelling of Unicode (NFC)", async () => {
    const other = join(folder, "other.db");
    await Keystore.create(other, "stra\u00dfe \u00e4 lang genug", COST);
    (await Keystore.open(other, "stra\u00dfe a\u0308 lang genug")).close();
  });

  it("a record that was changed, renamed, moved, doubled or taken out is found", async () => {
    const original = readFileSync(path);
    for (const sql of [
      "UPDATE records SET sealed = zeroblob(length(sealed)) WHERE name = 'node/1'",
      "UPDATE records SET sealed = x'00' WHERE name = 'node/1'",
      "UPDATE records SET name = 'node/7' WHERE name = 'node/1'",
      "UPDATE records SET number = 9 WHERE number = 4",
      "UPDATE records SET sealed = (SELECT sealed FROM records WHERE name = 'node/0') WHERE name = 'node/1'",
      "UPDATE records SET number = -number; UPDATE records SET number = CASE number WHEN -1 THEN 2 WHEN -2 THEN 1 ELSE -number END",
      "DELETE FROM records WHERE number = 4",
      "DELETE FROM records WHERE number = 1",
      "INSERT INTO records SELECT 5, 'node/new', sealed FROM records WHERE number = 1",
      "DELETE FROM records",
      "UPDATE header SET head = zeroblob(length(head))",
      "UPDATE header SET n = 3",
      "DELETE FROM header",
    ]) {
      equal(await afterSql(sql), "tampered", sql);
      writeFileSync(path, original);
    }
    equal(await afterSql("SELECT 1"), "fine");
  });

  it("a record of another keystore under the same passphrase does not open here", async () => {
    const other = join(folder, "other.db");
    await Keystore.create(other, PASSPHRASE, COST);
    const store = await Keystore.open(other, PASSPHRASE, true);
    store.add(records(3));
    store.close();
    const sql = `ATTACH '${other}' AS o; UPDATE records SET sealed = (SELECT sealed FROM o.records WHERE number = 1) WHERE number = 1`;
    equal(await afterSql(sql), "tampered");
  });

  it("a header may not ask for any amount of memory", async () => {
    ok(isReasonable(DEFAULT_COST));
    for (const cost of [
      { N: 1 << 30, r: 8, p: 1 },
      { N: 3, r: 8, p: 1 },
      { N: 2, r: 8, p: 1000 },
      { N: 0, r: 8, p: 1 },
    ]) {
      ok(!isReasonable(cost));
    }
    equal(await afterSql("UPDATE header SET n = 1073741824"), "tampered");
  });

  it("adding is all or nothing, and no name is given twice", async () => {
    const store = await Keystore.open(path, PASSPHRASE, true);
    const list = [
      { name: "node/8", content: {} },
      { name: "node/1", content: {} },
    ];
    throws(() => store.add(list), because("name-taken"));
    ok(!store.has("node/8"));
    equal(store.count, 4);
    store.add([list[0]]);
    store.close();
    const again = await Keystore.open(path, PASSPHRASE);
    again.verify();
    equal(again.count, 5);
    again.close();
  });

  it("who adds has it alone", async () => {
    const store = await Keystore.open(path, PASSPHRASE, true);
    await rejects(Keystore.open(path, PASSPHRASE), because("in-use"));
    store.close();
    (await Keystore.open(path, PASSPHRASE)).close();
  });

  it("a new passphrase: the old one opens copies made before, and this no longer", async () => {
    const store = await Keystore.open(path, PASSPHRASE, true);
    const copy = join(folder, "copy.db");
    store.copyTo(copy);
    await store.changePassphrase("another one altogether", COST);
    store.close();
    await rejects(Keystore.open(path, PASSPHRASE), because("wrong-passphrase"));
    const changed = await Keystore.open(path, "another one altogether");
    changed.verify();
    equal(changed.count, 4);
    changed.close();
    const old = await Keystore.open(copy, PASSPHRASE);
    equal(old.get("node/2").key, `${SECRET}2`);
    old.close();
    equal(statSync(copy).mode & 0o777, 0o600);
  });

  it("copies and new keystores take nobody's place, unless that is asked for", async () => {
    const store = await Keystore.open(path, PASSPHRASE);
    const taken = join(folder, "taken.db");
    writeFileSync(taken, "something");
    throws(() => store.copyTo(taken), because("exists"));
    equal(readFileSync(taken, "utf8"), "something");
    await rejects(Keystore.create(path, PASSPHRASE, COST), because("exists"));
    store.replace(taken);
    store.close();
    (await Keystore.open(taken, PASSPHRASE)).close();
    equal(statSync(taken).mode & 0o777, 0o600);
  });

  it("what is no keystore, or is open to others, is refused", async () => {
    await rejects(Keystore.open(join(folder, "none.db"), PASSPHRASE), because("missing"));
    const text = join(folder, "text.db");
    writeFileSync(text, "no database, but long enough to be looked at ".repeat(40), { mode: 0o600 });
    await rejects(Keystore.open(text, PASSPHRASE), because("not-a-keystore"));
    const foreign = join(folder, "foreign.db");
    const database = new DatabaseSync(foreign);
    database.exec("CREATE TABLE t (a)");
    database.close();
    chmodSync(foreign, 0o600);
    await rejects(Keystore.open(foreign, PASSPHRASE), because("not-a-keystore"));
    chmodSync(path, 0o640);
    await rejects(Keystore.open(path, PASSPHRASE), because("open-to-others"));
  });

  it("a file cut short is found", async () => {
    const bytes = readFileSync(path);
    for (const part of [0.3, 0.6, 0.9]) {
      writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * part)));
      await rejects(async () => {
        const store = await Keystore.open(path, PASSPHRASE);
        store.verify();
      });
    }
  });
});
