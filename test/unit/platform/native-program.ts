/** Builds the C glue that needs no board for this machine, and talks to it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");
const NATIVE = join(ROOT, "firmware/platform/moddable/native");

export class NativeProgram {
  /** PSA's persistent keys are files in here. */
  readonly folder = mkdtempSync(join(tmpdir(), "groundtruth-native-"));
  #program = join(this.folder, "host");

  /** Returns why the program cannot be built on this machine, or undefined; throws when the code is at fault. */
  build(): string | undefined {
    const compiler = process.env.CC || "cc";
    const probe = spawnSync(compiler, ["-E", "-x", "c", "-"], { input: "#include <psa/crypto.h>\n", encoding: "utf8" });
    if (probe.error) return `no C compiler (${compiler})`;
    if (probe.status !== 0) return "no PSA Crypto headers (on Debian: libmbedtls-dev)";
    const sources = [
      join(import.meta.dirname, "native-host.c"),
      join(NATIVE, "gt-keys.c"),
      join(NATIVE, "gt-pulses.c"),
    ];
    const options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", `-I${NATIVE}`];
    const result = spawnSync(compiler, [...options, ...sources, "-o", this.#program, "-lmbedcrypto"], {
      encoding: "utf8",
    });
    if (result.status !== 0) throw new Error(`${compiler}: ${result.stderr}`);
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
