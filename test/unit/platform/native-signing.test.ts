/** The C glue's three signature algorithms against noble, against published vectors, and at the edges where implementations differ. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { bytesOf, NATIVE, NativeProgram } from "./native-program.ts";

const SLOT = 1;
const NEXT_SLOT = 6;
const ES256 = -7;
const EDDSA = -8;
const ES256K = -47;
const BAD_ARGUMENT = "error 2";
const UNSUPPORTED = "error 5";
const MESSAGES = 1000;
/** A key signs so many messages before the next is imported. */
const MESSAGES_PER_KEY = 20;

const ECDSA = [
  { name: "ES256", algorithm: ES256, curve: p256 },
  { name: "ES256K", algorithm: ES256K, curve: secp256k1 },
] as const;

type Curve = (typeof ECDSA)[number]["curve"];

const COMPACT = { prehash: false, lowS: true, format: "compact" } as const;

const hexOf = (value: bigint): string => value.toString(16).padStart(64, "0");

/** By noble, of a digest. */
function ecdsa(curve: Curve, digest: Uint8Array, key: Uint8Array): string {
  return `ok ${bytesToHex(curve.sign(digest, key, COMPACT))}`;
}

describe("signatures by the C glue, on this machine's PSA Crypto and libsodium", function () {
  this.timeout(120_000);
  const program = new NativeProgram();

  before(function () {
    const lacking = program.build();
    if (lacking !== undefined) {
      console.log(`      skipped: ${lacking}`);
      this.skip();
    }
  });

  after(() => program.remove());

  /** Lines that sign `MESSAGES` messages, and what noble has for each. */
  function compare(algorithm: number, byNoble: (message: Uint8Array, key: Uint8Array) => Uint8Array): void {
    const lines: string[] = [];
    const expected: string[] = [];
    let key: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < MESSAGES; i++) {
      if (i % MESSAGES_PER_KEY === 0) {
        key = bytesOf(`key ${algorithm} ${i}`, 32);
        lines.push(`import ${SLOT} ${algorithm} ${bytesToHex(key)}`);
        expected.push("ok ");
      }
      const message = bytesOf(`message ${algorithm} ${i}`, i % 400);
      lines.push(`sign ${SLOT} ${bytesToHex(message) || "-"}`);
      expected.push(`ok ${bytesToHex(byNoble(message, key))}`);
    }
    assert.deepEqual(program.run(lines), expected);
  }

  for (const { name, algorithm, curve } of ECDSA) {
    it(`RFC 6979: ${MESSAGES} signatures by ${name} are noble's, bit for bit`, () => {
      compare(algorithm, (message, key) => curve.sign(sha256(message), key, COMPACT));
    });

    it(`${name} at the edges: digests around 0 and the order, keys at both ends`, () => {
      const n = curve.Point.Fn.ORDER;
      const top = 1n << 256n;
      const digests = [
        0n,
        1n,
        n - 1n,
        n,
        n + 1n,
        n / 2n,
        n / 2n + 1n,
        top - 1n,
        top - 2n,
        1n << 255n,
        (1n << 128n) - 1n,
      ];
      const keys = [1n, 2n, n - 1n, n - 2n, n / 2n, n / 2n + 1n, 1n << 128n];
      const lines: string[] = [];
      const expected: string[] = [];
      for (const key of keys) {
        const material = hexToBytes(hexOf(key));
        lines.push(`import ${SLOT} ${algorithm} ${hexOf(key)}`, `public ${SLOT}`);
        expected.push("ok ", `ok ${bytesToHex(curve.getPublicKey(material, false)).slice(2)}`);
        for (const digest of digests) {
          lines.push(`digest ${SLOT} ${hexOf(digest)}`);
          expected.push(ecdsa(curve, hexToBytes(hexOf(digest)), material));
        }
      }
      assert.deepEqual(program.run(lines), expected);
    });

    it(`${name}: a scalar that is no private key is refused, and the slot is empty then`, () => {
      const n = curve.Point.Fn.ORDER;
      for (const scalar of [0n, n, n + 1n, (1n << 256n) - 1n]) {
        const answers = program.run([`import ${SLOT} ${algorithm} ${hexOf(scalar)}`, `find ${SLOT}`]);
        assert.deepEqual(answers, [BAD_ARGUMENT, "error 1"]);
      }
    });
  }

  it("no key signs by the rule of the other curve: s is lowered by its own order", () => {
    const key = bytesOf("both", 32);
    const digest = bytesOf("digest", 32);
    const lines = ECDSA.flatMap(({ algorithm }) => [
      `import ${SLOT} ${algorithm} ${bytesToHex(key)}`,
      `algorithm ${SLOT}`,
      `digest ${SLOT} ${bytesToHex(digest)}`,
    ]);
    const expected = ECDSA.flatMap(({ algorithm, curve }) => ["ok ", `ok ${algorithm}`, ecdsa(curve, digest, key)]);
    assert.deepEqual(program.run(lines), expected);
  });

  it("RFC 8032 5.1.6: 1000 signatures by EdDSA are noble's, bit for bit", () => {
    compare(EDDSA, (message, key) => ed25519.sign(message, key));
  });

  it("RFC 8032 7.1: tests 1 to 3 and SHA(abc)", () => {
    const vectors = [
      {
        seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        message: "-",
        signature:
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
      },
      {
        seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        message: "72",
        signature:
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
      },
      {
        seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        message: "af82",
        signature:
          "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
      },
      {
        seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        message:
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        signature:
          "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
      },
    ];
    const lines = vectors.flatMap(({ seed, message }) => [
      `import ${SLOT} ${EDDSA} ${seed}`,
      `public ${SLOT}`,
      `sign ${SLOT} ${message}`,
    ]);
    const expected = vectors.flatMap(({ publicKey, signature }) => ["ok ", `ok ${publicKey}`, `ok ${signature}`]);
    assert.deepEqual(program.run(lines), expected);
  });

  it("EdDSA at the edges: seeds of one kind of bit, and messages around SHA-512's blocks", () => {
    const seeds = [0x00, 0xff, 0x80, 0x01].map((byte) => new Uint8Array(32).fill(byte));
    const lengths = [0, 1, 31, 32, 33, 47, 48, 63, 64, 65, 79, 80, 111, 112, 127, 128, 129, 600];
    const lines: string[] = [];
    const expected: string[] = [];
    for (const seed of seeds) {
      lines.push(`import ${SLOT} ${EDDSA} ${bytesToHex(seed)}`, `public ${SLOT}`);
      expected.push("ok ", `ok ${bytesToHex(ed25519.getPublicKey(seed))}`);
      for (const length of lengths) {
        const message = bytesOf(`edge ${length}`, length);
        lines.push(`sign ${SLOT} ${bytesToHex(message) || "-"}`);
        expected.push(`ok ${bytesToHex(ed25519.sign(message, seed))}`);
      }
    }
    assert.deepEqual(program.run(lines), expected);
  });

  it("keys of every algorithm are made inside their slots, one beside the other, and survive a restart", () => {
    const message = utf8ToBytes("batch");
    for (const algorithm of [ES256, ES256K, EDDSA]) {
      const made = program.run([
        `generate ${SLOT} ${algorithm}`,
        `generate ${NEXT_SLOT} ${ES256}`,
        `public ${SLOT}`,
        `sign ${SLOT} ${bytesToHex(message)}`,
      ]);
      assert.deepEqual(made.slice(0, 2), ["ok ", "ok "]);
      const [publicKey, signature] = made.slice(2).map((answer) => hexToBytes(answer.slice(3)));
      const curve = algorithm === ES256 ? p256 : secp256k1;
      if (algorithm === EDDSA) assert.ok(ed25519.verify(signature, message, publicKey));
      else assert.ok(curve.verify(signature, sha256(message), Uint8Array.of(4, ...publicKey), COMPACT));
      const later = program.run([`algorithm ${SLOT}`, `algorithm ${NEXT_SLOT}`, `public ${SLOT}`]);
      assert.deepEqual(later, [`ok ${algorithm}`, `ok ${ES256}`, made[2]]);
      const other = program.run([`generate ${SLOT} ${algorithm}`, `public ${SLOT}`])[1];
      assert.notEqual(other, made[2]);
    }
  });

  it("a slot takes only what it is for", () => {
    const key = bytesToHex(bytesOf("key", 32));
    const answers = program.run([
      `import ${SLOT} 0 ${key}`,
      `import ${SLOT} -8 ${key.slice(2)}`,
      `import ${SLOT} -8 ${key}00`,
      `import ${SLOT} -37 ${key}`,
      `import 2 -8 ${key}`,
      `import 2 -7 ${key.slice(32)}`,
      `generate 2 -8`,
      `generate ${SLOT} 0`,
      `import ${SLOT} -8 ${key}`,
      `digest ${SLOT} ${key}`,
      `block ${SLOT} ${key}`,
      `cmac ${SLOT} ${key}`,
      `import 5 0 ${key.slice(32)}`,
      `sign 5 ${key}`,
      `public 5`,
      `algorithm 5`,
    ]);
    const refused = answers.filter((answer) => !answer.startsWith("ok"));
    assert.equal(refused.length, 13, answers.join("; "));
    assert.deepEqual([answers[8], answers[12], answers[15]], ["ok ", "ok ", "ok 0"]);
  });

  it("without libsodium Ed25519 is refused by name", () => {
    const without = new NativeProgram();
    try {
      without.build("without-ed25519");
      const seed = bytesToHex(bytesOf("seed", 32));
      const answers = without.run([
        `import ${SLOT} ${EDDSA} ${seed}`,
        `generate ${SLOT} ${EDDSA}`,
        `generate ${SLOT} -47`,
      ]);
      assert.deepEqual(answers, [UNSUPPORTED, UNSUPPORTED, "ok"]);
    } finally {
      without.remove();
    }
  });
});

describe("secrets in the C glue", function () {
  this.timeout(60_000);
  const program = new NativeProgram();

  before(function () {
    const lacking = program.build("optimised");
    if (lacking !== undefined) {
      console.log(`      skipped: ${lacking}`);
      this.skip();
    }
  });

  after(() => program.remove());

  /** What each line left of `secret` on the stack. */
  function leftBy(secret: Uint8Array, lines: readonly string[]): string[] {
    const complement = secret.map((byte) => byte ^ 0xff);
    const answers = program.run([`watch ${bytesToHex(complement)}`, ...lines]).slice(1);
    assert.ok(answers.every((answer) => answer.startsWith("ok")));
    return answers.map((answer) => / (\d+) left$/.exec(answer)?.[1] ?? "none counted");
  }

  for (const [name, algorithm] of [
    ["ES256", ES256],
    ["ES256K", ES256K],
    ["EdDSA", EDDSA],
  ] as const) {
    it(`${name}: no piece of the private key stays on the stack`, () => {
      const key = bytesOf("secret", 32);
      program.run([`import ${SLOT} ${algorithm} ${bytesToHex(key)}`]);
      assert.deepEqual(leftBy(key, [`sign ${SLOT} 00`, `public ${SLOT}`, `find ${SLOT}`]), ["0", "0", "0"]);
    });
  }

  it("an import, and a session key that was derived, leave nothing either", () => {
    const key = bytesOf("imported", 32);
    for (const algorithm of [ES256, ES256K, EDDSA]) {
      assert.deepEqual(leftBy(key, [`import ${SLOT} ${algorithm} ${bytesToHex(key)}`]), ["0"]);
    }
    program.run([`import 2 0 000102030405060708090a0b0c0d0e0f`]);
    // FIPS 197 C.1: what that block becomes under that key.
    const derived = hexToBytes("69c4e0d86a7b0430d8cdb78070b4c55a");
    assert.deepEqual(leftBy(derived, [`derive 2 00112233445566778899aabbccddeeff 3`]), ["0"]);
  });

  it("the search sees keys that are not wiped, ours and those that Mbed TLS leaves", () => {
    const careless = new NativeProgram();
    try {
      const source = readFileSync(join(NATIVE, "gt-keys.c"), "utf8");
      const changed = source.replace("*byte++ = 0;", "byte++;");
      assert.notEqual(changed, source);
      careless.build("optimised", changed);
      const key = bytesOf("secret", 32);
      const complement = key.map((byte) => byte ^ 0xff);
      for (const algorithm of [ES256, ES256K, EDDSA]) {
        careless.run([`import ${SLOT} ${algorithm} ${bytesToHex(key)}`]);
        const answers = careless.run([`watch ${bytesToHex(complement)}`, `sign ${SLOT} 00`]);
        assert.match(answers[1], / [1-9]\d* left$/, `${algorithm}`);
      }
    } finally {
      careless.remove();
    }
  });
});
