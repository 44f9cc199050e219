/**
 * How long a factory takes: `node bench/provision.ts [nodes] [--nvs plain|encrypted]`, 10,000 unless told. The command itself, with its keystore,
 * registry, identities, labels as PNG and SVG and, where asked for, NVS images of 64 KB, in a temporary folder.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

const LAUNCHER = join(import.meta.dirname, "../tools/cli/groundtruth.js");
const SETTINGS = {
  uplink: "lorawan",
  region: "EU868",
  sampleIntervalS: 300,
  batchReadings: 36,
  sensors: [{ kind: "sht4x" }],
};

function main(nodes: number, nvs: string | undefined): void {
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-bench-"));
  const path = (name: string): string => join(folder, name);
  const run = (...args: string[]): number => {
    const begun = performance.now();
    const { status } = spawnSync(process.execPath, [LAUNCHER, ...args], { stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error(`${args[0]} ended with ${status}`);
    return (performance.now() - begun) / 1000;
  };
  try {
    writeFileSync(path("passphrase"), "a passphrase of 5 words\n", { mode: 0o600 });
    writeFileSync(path("settings.json"), JSON.stringify(SETTINGS));
    const keystore = ["--keystore", path("keystore.db"), "--passphrase-file", path("passphrase")];
    run("keystore", "create", ...keystore);
    const ids = ["--dev-eui-block", "70b3d57ed0000000/36", "--join-eui", "70b3d57ed0000001"];
    const images = nvs === undefined ? [] : ["--nvs", nvs, "--node-config", path("settings.json")];
    const batch = ["--count", `${nodes}`, "--out", path("out"), "--registry", path("registry.db")];
    const seconds = run("provision", "--offline", ...batch, ...ids, ...images, ...keystore);
    const rate = (nodes / seconds).toFixed(0);
    console.log(
      `${nodes} nodes (images: ${nvs ?? "none"}) in ${seconds.toFixed(1)} s on ${availableParallelism()} cores: ${rate} a second`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const at = process.argv.indexOf("--nvs");
main(Number(process.argv[2] ?? 10_000) || 10_000, at < 0 ? undefined : process.argv[at + 1]);
