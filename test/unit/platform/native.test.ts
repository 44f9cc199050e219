import assert from "node:assert/strict";
import { cmac, ecb } from "@noble/ciphers/aes.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { bytesOf, NativeProgram } from "./native-program.ts";

const ATTESTATION = 1;
const ATTESTATION_NEXT = 6;
const APP_KEY = 2;
const NWK_S_KEY = 3;
const APP_S_KEY = 4;
const RECEIVER = 5;
/** A COSE algorithm number; 0 stands for an AES key. */
const ES256 = -7;
const NO_KEY = "error 1";
const BAD_ARGUMENT = "error 2";

function block(key: Uint8Array, input: Uint8Array): Uint8Array {
  return ecb(key, { disablePadding: true }).encrypt(input);
}

describe("the C glue for keys, on this machine's PSA Crypto", function () {
  this.timeout(60_000);
  const program = new NativeProgram();

  before(function () {
    const lacking = program.build();
    if (lacking !== undefined) {
      console.log(`      skipped: ${lacking}`);
      this.skip();
    }
  });

  after(() => program.remove());

  it("RFC 6979 A.2.5: P-256 with SHA-256, s in the lower half", () => {
    const n = p256.Point.Fn.ORDER;
    const vectors = [
      {
        message: "sample",
        r: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        s: "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
      },
      {
        message: "test",
        r: "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
        s: "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
      },
    ];
    const key = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    const publicKey =
      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    const lines = vectors.map(({ message }) => `digest ${ATTESTATION} ${bytesToHex(sha256(utf8ToBytes(message)))}`);
    const answers = program.run([`import ${ATTESTATION} ${ES256} ${key}`, `public ${ATTESTATION}`, ...lines]);
    const expected = vectors.map(({ r, s }) => {
      const value = BigInt(`0x${s}`);
      const low = value > n / 2n ? n - value : value;
      return `ok ${r}${low.toString(16).padStart(64, "0")}`;
    });
    assert.deepEqual(answers, ["ok ", `ok ${publicKey}`, ...expected]);
  });

  it("makes a key inside its slot whose signatures noble verifies", () => {
    const digest = bytesOf("digest", 32);
    const [made, publicKey, signature] = program.run([
      `generate ${ATTESTATION} ${ES256}`,
      `public ${ATTESTATION}`,
      `digest ${ATTESTATION} ${bytesToHex(digest)}`,
    ]);
    assert.equal(made, "ok ");
    const point = hexToBytes(`04${publicKey.slice(3)}`);
    const options = { prehash: false, lowS: true, format: "compact" } as const;
    assert.ok(p256.verify(hexToBytes(signature.slice(3)), digest, point, options));
    const other = program.run([`generate ${ATTESTATION} ${ES256}`, `public ${ATTESTATION}`])[1];
    assert.notEqual(other, publicKey);
  });

  it("two attestation keys stand side by side, each with signatures of its own", () => {
    const digest = bytesOf("digest", 32);
    const lines = [ATTESTATION, ATTESTATION_NEXT].flatMap((slot) => [`generate ${slot} ${ES256}`, `public ${slot}`]);
    const answers = program.run([
      ...lines,
      `digest ${ATTESTATION} ${bytesToHex(digest)}`,
      `digest ${ATTESTATION_NEXT} ${bytesToHex(digest)}`,
    ]);
    const options = { prehash: false, lowS: true, format: "compact" } as const;
    const points = [answers[1], answers[3]].map((answer) => hexToBytes(`04${answer.slice(3)}`));
    assert.notDeepEqual(points[0], points[1]);
    for (const [i, point] of points.entries()) {
      assert.ok(p256.verify(hexToBytes(answers[4 + i].slice(3)), digest, point, options));
      assert.ok(!p256.verify(hexToBytes(answers[5 - i].slice(3)), digest, point, options));
    }
  });

  it("RFC 4493 4: AES-CMAC", () => {
    const key = "2b7e151628aed2a6abf7158809cf4f3c";
    const message =
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    const expected = [
      [0, "bb1d6929e95937287fa37d129b756746"],
      [16, "070a16b46b4d4144f79bdd9dd04a287c"],
      [40, "dfa66747de9ae63030ca32611497c827"],
      [64, "51f0bebf7e3b9d92fc49741779363cfe"],
    ] as const;
    for (const slot of [APP_KEY, NWK_S_KEY, RECEIVER]) {
      const lines = expected.map(([length]) => `cmac ${slot} ${message.slice(0, 2 * length) || "-"}`);
      const answers = program.run([`import ${slot} 0 ${key}`, ...lines]);
      assert.deepEqual(
        answers.slice(1),
        expected.map(([, mac]) => `ok ${mac}`),
      );
    }
  });

  it("CMACs of all lengths up to 300 bytes are noble's", () => {
    const key = bytesOf("cmac", 16);
    const messages = Array.from({ length: 301 }, (_, length) => bytesOf(`message ${length}`, length));
    const lines = messages.map((message) => `cmac ${RECEIVER} ${bytesToHex(message) || "-"}`);
    const answers = program.run([`import ${RECEIVER} 0 ${bytesToHex(key)}`, ...lines]);
    assert.deepEqual(
      answers.slice(1),
      messages.map((message) => `ok ${bytesToHex(cmac(message, key))}`),
    );
  });

  it("FIPS 197 C.1: AES-128 of one block", () => {
    for (const slot of [APP_KEY, NWK_S_KEY, APP_S_KEY]) {
      const answers = program.run([
        `import ${slot} 0 000102030405060708090a0b0c0d0e0f`,
        `block ${slot} 00112233445566778899aabbccddeeff`,
      ]);
      assert.deepEqual(answers, ["ok ", "ok 69c4e0d86a7b0430d8cdb78070b4c55a"]);
    }
  });

  it("TS001-1.0.4 6.2.5: session keys are blocks encrypted under the AppKey, and stay behind the port", () => {
    const appKey = bytesOf("app key", 16);
    const input = bytesOf("nonces", 16);
    const derived = block(appKey, input);
    const frame = bytesOf("frame", 29);
    const answers = program.run([
      `import ${APP_KEY} 0 ${bytesToHex(appKey)}`,
      `derive ${APP_KEY} ${bytesToHex(input)} ${NWK_S_KEY}`,
      `derive ${APP_KEY} ${bytesToHex(input)} ${APP_S_KEY}`,
      `cmac ${NWK_S_KEY} ${bytesToHex(frame)}`,
      `block ${APP_S_KEY} ${bytesToHex(input)}`,
      `derive ${APP_KEY} ${bytesToHex(input)} ${ATTESTATION}`,
    ]);
    assert.deepEqual(answers.slice(3), [
      `ok ${bytesToHex(cmac(frame, derived))}`,
      `ok ${bytesToHex(block(derived, input))}`,
      BAD_ARGUMENT,
    ]);
  });

  it("FIPS 180-4: SHA-256 of all lengths around a block's end", () => {
    const messages = Array.from({ length: 131 }, (_, length) => bytesOf(`hash ${length}`, length));
    assert.deepEqual(
      program.run(messages.map((message) => `sha256 ${bytesToHex(message) || "-"}`)),
      messages.map((message) => `ok ${bytesToHex(sha256(message))}`),
    );
  });

  it("keys survive a restart, and a slot that was emptied stays empty", () => {
    const key = bytesOf("kept", 16);
    program.run([`import ${RECEIVER} 0 ${bytesToHex(key)}`, `import ${APP_S_KEY} 0 ${bytesToHex(key)}`]);
    program.run([`destroy ${APP_S_KEY}`, `destroy ${APP_S_KEY}`]);
    const answers = program.run([
      `find ${RECEIVER}`,
      `cmac ${RECEIVER} -`,
      `find ${APP_S_KEY}`,
      `block ${APP_S_KEY} -`,
    ]);
    assert.deepEqual(answers, ["ok ", `ok ${bytesToHex(cmac(new Uint8Array(0), key))}`, NO_KEY, NO_KEY]);
  });

  it("a key does only what its slot is for", () => {
    const key = "000102030405060708090a0b0c0d0e0f";
    const answers = program.run([
      `import ${RECEIVER} 0 ${key}`,
      `block ${RECEIVER} ${key}`,
      `import ${APP_S_KEY} 0 ${key}`,
      `cmac ${APP_S_KEY} ${key}`,
      `digest ${APP_S_KEY} ${key}${key}`,
      `import ${ATTESTATION} ${ES256} ${key}`,
      `import ${RECEIVER} 0 ${key}${key}`,
      `import 0 0 ${key}`,
      `import 6 0 ${key}`,
      `generate ${APP_KEY} ${ES256}`,
    ]);
    assert.deepEqual(
      answers.map((answer) => answer.startsWith("ok")),
      [true, false, true, false, false, false, false, false, false, false],
    );
  });

  it("random numbers differ", () => {
    const answers = program.run(Array.from({ length: 100 }, () => "random 16"));
    assert.equal(new Set(answers).size, 100);
    assert.match(answers[0], /^ok [0-9a-f]{32}$/);
  });

  describe("pulses", () => {
    const GATE_US = 3_000_000;
    const QUIET_US = 2_000;
    const begin = `pulses ${GATE_US} ${QUIET_US} 1000000`;
    /** A closure of 5 ms that begins at `atUs`. */
    const closure = (atUs: number): string[] => [`edge 1 ${atUs}`, `edge 0 ${atUs + 5_000}`];
    const numbers = (lines: string[]): number[] =>
      program
        .run([begin, ...lines])
        .slice(1)
        .map((line) => Number(line.slice(3)));

    it("counts closures, not what bounces at closing and at opening", () => {
      const bounces = [
        `edge 1 1100000`,
        `edge 0 1100150`,
        `edge 1 1100300`,
        `edge 0 1140000`,
        `edge 1 1140200`,
        `edge 0 1140350`,
        `edge 1 1180000`,
      ];
      assert.deepEqual(numbers(bounces), [1, 1, 1, 1, 1, 1, 2]);
    });

    it("WMO-No. 8 5.1.1: the peak is the most in one finished gate of 3 s, and begins anew", () => {
      const lines = [
        ...closure(1_500_000),
        // Second gate, from 4 s on: three closures.
        ...closure(4_100_000),
        ...closure(5_000_000),
        ...closure(6_900_000),
        // Third gate: two so far.
        ...closure(7_100_000),
        ...closure(7_200_000),
        "peak 8000000",
        ...closure(9_900_000),
        "peak 10000000",
        "peak 20000000",
      ];
      const answers = numbers(lines);
      assert.equal(answers[12], 3, "the second gate");
      assert.equal(answers[15], 3, "the third, with what was in it at the first call");
      assert.equal(answers[16], 0, "nothing since");
    });

    it("gates stay where they began after hours of calm", () => {
      const hours = 7 * 3_600_000_000;
      // 1 s + k * 3 s: the gate that begins 2 s after this closure.
      const lines = [
        ...closure(hours),
        ...closure(hours + 3_900_000),
        ...closure(hours + 4_200_000),
        `peak ${hours + 9_000_000}`,
      ];
      assert.equal((hours - 1_000_000) % GATE_US, 2_000_000);
      assert.equal(numbers(lines)[6], 1);
    });
  });
});
