/**
 * What the firmware's C buys: `node bench/native-crypto.ts`. A P-256 signature, an AES-CMAC and a SHA-256 of 64 bytes on linked XS by our C over
 * PSA Crypto, by the SDK's own modules (`ecdsa`, `crypt`; random nonces, no CMAC of its own, so one in JavaScript over its AES), and by noble.
 *
 * Ratios, because times are this machine's. And a PC is kinder than a chip: its limbs have 64 bits, so big numbers in C, ours and the SDK's, take
 * a quarter of the multiplications; Mbed TLS has assembly for x86-64, and AES instructions. On a chip the gap between interpreted and native code is wider
 * than here, that between the two native ones is whatever its accelerators make of it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostCreation } from "../host-sim/xs/linked/manifest.ts";
import { BENCH_VARIANT, missingLibrary } from "../host-sim/xs/linked/native.ts";
import { buildLinked, runLinked } from "../host-sim/xs/linked/run-linked.ts";
import { findCompiler, findSdk } from "../host-sim/xs/linked/sdk.ts";

type Times = Record<"ours" | "sdk" | "noble", number>;

async function main(): Promise<number> {
  const sdk = findSdk();
  const lacking = sdk === undefined ? "MODDABLE is not set" : missingLibrary(findCompiler(sdk.env));
  if (sdk === undefined || lacking !== undefined) {
    console.log(`skipped: ${lacking}`);
    return 0;
  }
  const image = await buildLinked(sdk, "host-sim/xs/linked/native/bench-entry.ts", hostCreation, BENCH_VARIANT);
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-bench-"));
  try {
    const { lines, errors, exitCode } = await runLinked(image, {}, undefined, folder);
    if (exitCode !== 0) throw new Error(errors.join("; "));
    const results = JSON.parse(lines[0]) as Record<string, Times>;
    console.log("| on linked XS | our C | the SDK | noble |\n| --- | ---: | ---: | ---: |");
    for (const [name, { ours, sdk: theirs, noble }] of Object.entries(results)) {
      const ratio = (time: number): string => `${(time / ours).toPrecision(2)} ×`;
      console.log(`| ${name} | 1 (${ours.toPrecision(2)} µs) | ${ratio(theirs)} | ${ratio(noble)} |`);
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
