/** Linked XS with the firmware's own C for cryptography (PSA Crypto, libsodium), as a board has it, in place of noble. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cmac } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { hostCreation } from "../../host-sim/xs/linked/manifest.ts";
import type { CryptoEntryArgument } from "../../host-sim/xs/linked/native/crypto-argument.ts";
import { missingLibrary, NATIVE_VARIANT } from "../../host-sim/xs/linked/native.ts";
import { buildLinked, defaultEntry, type LinkedImage, runLinked } from "../../host-sim/xs/linked/run-linked.ts";
import { findCompiler, findSdk, projectRoot, type Sdk } from "../../host-sim/xs/linked/sdk.ts";
import type { Summary } from "../../tools/simulation/summary.ts";
import { dayOf, runOnNode } from "./scenarios.ts";

function sdkOrSkip(context: Mocha.Context): Sdk {
  const sdk = findSdk();
  const lacking =
    sdk === undefined
      ? "MODDABLE is not set (the folder of a Moddable SDK with its Linux tools built)"
      : missingLibrary(findCompiler(sdk.env));
  if (sdk === undefined || lacking !== undefined) {
    console.log(`    skipped: ${lacking}`);
    context.skip();
  }
  return sdk;
}

/** The lines of a run in a folder of its own: PSA's persistent keys are files there. */
async function linesOf(image: LinkedImage, argument: unknown): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-linked-"));
  try {
    const { lines, errors, exitCode } = await runLinked(image, argument, undefined, folder);
    assert.deepEqual([exitCode, errors], [0, []]);
    return lines;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("linked XS with the native glue ends in the same event hash as Node", function () {
  this.timeout(600_000);
  let image: LinkedImage;

  before(async function () {
    image = await buildLinked(sdkOrSkip(this), defaultEntry, hostCreation, NATIVE_VARIANT);
    assert.ok(image.loaded.includes("host-sim/xs/linked/native/device-crypto"), "the stand-in is in the image");
    assert.ok(!image.loaded.includes("host-sim/device-crypto"), "noble does not sign there");
  });

  for (const { title, options } of [
    { title: "a day, ES256", options: dayOf(1) },
    { title: "six hours, ES256K", options: dayOf(2, { durationS: 21_600, algorithm: -47 }) },
    {
      title: "six hours, EdDSA, a fifth of the frames lost",
      options: dayOf(3, { durationS: 21_600, algorithm: -8, lossProbability: 0.2 }),
    },
    { title: "six hours on Wi-Fi", options: dayOf(5, { durationS: 21_600, uplink: "wifi" }) },
  ]) {
    it(title, async () => {
      const expected = runOnNode(options);
      assert.ok(expected.complete && expected.readingsVerified > 0);
      const lines = await linesOf(image, { ...options, engine: "linked" });
      const summary = lines.find((line) => line.startsWith("summary "));
      assert.ok(summary !== undefined);
      assert.deepEqual({ ...(JSON.parse(summary.slice("summary ".length)) as Summary), engine: "node" }, expected);
    });
  }
});

describe("the crypto port as on a board, on linked XS", function () {
  this.timeout(600_000);
  let image: LinkedImage;

  before(async function () {
    const entry = "host-sim/xs/linked/native/crypto-entry.ts";
    image = await buildLinked(sdkOrSkip(this), entry, hostCreation, NATIVE_VARIANT);
  });

  const key = sha256(utf8ToBytes("attestation"));
  const receiverKey = sha256(utf8ToBytes("receiver")).subarray(0, 16);
  const messages = Array.from({ length: 20 }, (_, i) => sha256(utf8ToBytes(`${i}`)).subarray(0, i));
  const ecdsa = (curve: typeof p256) => ({
    publicKey: () => curve.getPublicKey(key, false).subarray(1),
    sign: (message: Uint8Array) => curve.sign(message, key, { lowS: true, format: "compact" }),
  });

  for (const [name, algorithm, noble] of [
    ["ES256", -7, ecdsa(p256)],
    ["ES256K", -47, ecdsa(secp256k1)],
    ["EdDSA", -8, { publicKey: () => ed25519.getPublicKey(key), sign: (m: Uint8Array) => ed25519.sign(m, key) }],
  ] as const satisfies readonly (readonly [string, SignatureAlgorithm, object])[]) {
    it(`${name}: signatures come in later turns, from a task of their own, and are noble's`, async () => {
      const argument: CryptoEntryArgument = {
        algorithm,
        key: bytesToHex(key),
        receiverKey: bytesToHex(receiverKey),
        messages: messages.map(bytesToHex),
      };
      const expected = messages.flatMap((message) => [
        `cmac ${bytesToHex(cmac(message, receiverKey))} sha256 ${bytesToHex(sha256(message))}`,
        `signature ${bytesToHex(noble.sign(message))}`,
      ]);
      assert.deepEqual(await linesOf(image, argument), [
        "taken true",
        `algorithm ${algorithm}`,
        `public ${bytesToHex(noble.publicKey())}`,
        "taken true",
        "taken again false",
        ...expected,
        "without a key: no-key",
      ]);
    });
  }
});

describe("the glue between the engine and the keys", function () {
  this.timeout(60_000);

  it("compiles without a warning against the SDK's headers", function () {
    const sdk = sdkOrSkip(this);
    const native = join(projectRoot, "firmware/platform/moddable/native");
    const board = join(projectRoot, "host-sim/xs/linked/native");
    const engine = ["includes", "platforms", "sources"].flatMap((part) => ["-isystem", join(sdk.root, "xs", part)]);
    const glib = spawnSync("pkg-config", ["--cflags-only-I", "gio-2.0"], { encoding: "utf8" }).stdout.trim();
    // The linker writes it anew for each image: the names that C uses. Here there are none.
    const names = mkdtempSync(join(tmpdir(), "groundtruth-names-"));
    try {
      spawnSync("touch", [join(names, "mc.xs.h")]);
      for (const file of [join(native, "gt-crypto.c"), join(board, "board.c")]) {
        const result = spawnSync(
          findCompiler(sdk.env),
          [
            ...[
              "-std=gnu11",
              "-O2",
              "-Wall",
              "-Wextra",
              "-Werror",
              "-DINCLUDE_XSPLATFORM=1",
              '-DXSPLATFORM="lin_xs.h"',
            ],
            ...[
              ...engine,
              ...glib.split(" "),
              `-I${names}`,
              `-I${native}`,
              `-I${board}`,
              "-c",
              file,
              "-o",
              "/dev/null",
            ],
          ],
          { encoding: "utf8" },
        );
        assert.equal(result.stderr, "");
        assert.equal(result.status, 0);
      }
    } finally {
      rmSync(names, { recursive: true, force: true });
    }
  });
});
