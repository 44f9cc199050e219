/** Builds the C glue that needs no board for this machine, and talks to it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

const ROOT = join(import.meta.dirname, "../../..");
export const NATIVE = join(ROOT, "firmware/platform/moddable/native");

/** How a program is built. */
export type Build =
  /** AddressSanitizer and UBSan watch it; what they see ends it with an error. */
  | "sanitized"
  /**
   * As a release would be: what is on the stack stays where it is. Bound at start, because the linker that looks for a function when it is called
   * first saves the registers, with pieces of keys in them, on the stack.
   */
  | "optimised"
  | "without-ed25519";

const OPTIONS: Readonly<Record<Build, readonly string[]>> = {
  sanitized: [
    "-DGT_ED25519=1",
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
  ],
  optimised: ["-O2", "-DGT_ED25519=1", "-Wl,-z,now"],
  "without-ed25519": ["-O2"],
};

/** What of a compiler and libraries this machine lacks for the C glue, in words, or undefined. */
export function nativeLacking(compiler = process.env.CC || "cc"): string | undefined {
  const probe = (source: string, ...options: string[]): boolean =>
    spawnSync(compiler, [...options, "-x", "c", "-o", "/dev/null", "-"], { input: source }).status === 0;
  if (spawnSync(compiler, ["--version"]).status !== 0) return `no C compiler (${compiler})`;
  if (!probe("#include <psa/crypto.h>\n", "-E")) return "no PSA Crypto headers (on Debian: libmbedtls-dev)";
  if (!probe("#include <sodium.h>\n", "-E")) return "no libsodium headers (on Debian: libsodium-dev)";
  if (!probe("int main(void) { return 0; }\n", "-fsanitize=address,undefined")) return "no sanitizers for the compiler";
  return undefined;
}

/** Returns what the compiler had to say when it failed. */
export function compile(compiler: string, options: readonly string[]): string | undefined {
  const result = spawnSync(compiler, options, { encoding: "utf8" });
  return result.status === 0 ? undefined : result.stderr;
}

export class NativeProgram {
  /** PSA's persistent keys are files in here. */
  readonly folder = mkdtempSync(join(tmpdir(), "groundtruth-native-"));
  #program = join(this.folder, "host");

  /**
   * Returns why the program cannot be built on this machine, or undefined; throws when the code is at fault. `keysSource` stands in for
   * gt-keys.c.
   */
  build(kind: Build = "sanitized", keysSource?: string): string | undefined {
    const compiler = process.env.CC || "cc";
    const lacking = nativeLacking(compiler);
    if (lacking !== undefined) return lacking;
    const keys = keysSource === undefined ? join(NATIVE, "gt-keys.c") : join(this.folder, "gt-keys.c");
    if (keysSource !== undefined) writeFileSync(keys, keysSource);
    const sources = [join(import.meta.dirname, "native-host.c"), keys, join(NATIVE, "gt-pulses.c")];
    const options = ["-std=c11", "-Wall", "-Wextra", "-Werror", `-I${NATIVE}`, ...OPTIONS[kind]];
    const result = compile(compiler, [...options, ...sources, "-o", this.#program, "-lmbedcrypto", "-lsodium"]);
    if (result !== undefined) throw new Error(`${compiler}: ${result}`);
    return undefined;
  }

  /** Runs the lines in one process and returns what it answered to each. */
  run(lines: readonly string[]): string[] {
    const result = spawnSync(this.#program, { cwd: this.folder, input: `${lines.join("\n")}\n`, encoding: "utf8" });
    if (result.status !== 0 || result.stderr !== "") throw new Error(`native host: ${result.status} ${result.stderr}`);
    return result.stdout.trimEnd().split("\n");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Pseudo-random bytes that are the same in every run. */
export function bytesOf(seed: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 32) {
    bytes.set(sha256(utf8ToBytes(`${seed}/${at}`)).subarray(0, Math.min(32, length - at)), at);
  }
  return bytes;
}
