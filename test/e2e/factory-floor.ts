/** A folder with a keystore and a registry, and the commands that work on them. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Keystore } from "../../tools/keystore/keystore.ts";
import { parseSecret, type SecretRecord } from "../../tools/provisioning/batch-plan.ts";
import { groundtruth, LAUNCHER, type Outcome } from "./simulation.ts";

export const PASSPHRASE = "a passphrase of 5 words";
export const WIFI_PASSWORD = "wifi-Passw0rd-of-the-site";
export const BLOCK = ["--dev-eui-block", "70b3d57ed0050000/48"];
export const JOIN = ["--join-eui", "70b3d57ed0000001"];

const SETTINGS = {
  uplink: "both",
  region: "EU868",
  sampleIntervalS: 300,
  batchReadings: 36,
  sensors: [{ kind: "sht4x" }, { kind: "bmp280" }],
  wifi: { ssid: "site", password: WIFI_PASSWORD },
  mqtt: { host: "broker.example", user: "node", password: `${WIFI_PASSWORD}-mqtt` },
};

export class FactoryFloor {
  readonly folder = mkdtempSync(join(tmpdir(), "groundtruth-factory-"));
  readonly registry = this.path("registry.db");
  readonly keystore = this.path("keystore.db");
  readonly passphraseFile = this.path("passphrase");
  readonly settings = this.path("node-config.json");

  constructor() {
    writeFileSync(this.passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
    writeFileSync(this.settings, JSON.stringify(SETTINGS), { mode: 0o600 });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  get withKeystore(): string[] {
    return ["--keystore", this.keystore, "--passphrase-file", this.passphraseFile];
  }

  createKeystore(): Outcome {
    return groundtruth("keystore", "create", ...this.withKeystore);
  }

  provisionArgs(out: string, ...args: string[]): string[] {
    return [
      "provision",
      "--offline",
      "--out",
      this.path(out),
      "--registry",
      this.registry,
      ...this.withKeystore,
      ...args,
    ];
  }

  provision(out: string, ...args: string[]): Outcome {
    return groundtruth(...this.provisionArgs(out, ...args));
  }

  nodes(...args: string[]): Outcome {
    return groundtruth("nodes", ...args, "--registry", this.registry);
  }

  keystoreCommand(...args: string[]): Outcome {
    return groundtruth("keystore", ...args, ...this.withKeystore);
  }

  /** The same command under way. */
  start(args: readonly string[]): { child: ChildProcess; outcome: Promise<Outcome> } {
    const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    const outcome = new Promise<Outcome>((resolve) => {
      child.once("close", (status) => resolve({ status, out, err }));
    });
    return { child, outcome };
  }

  /** Secrets of all nodes, by DevEUI. */
  async secrets(): Promise<Map<string, SecretRecord>> {
    const store = await Keystore.open(this.keystore, PASSPHRASE);
    const found = store.names().filter((name) => name.startsWith("node/"));
    const secrets = found.map((name) => parseSecret(store.get(name))!);
    store.close();
    return new Map(secrets.map((secret) => [secret.devEui, secret]));
  }

  /** Files of a batch, by their path in its folder. */
  files(out: string): string[] {
    return readdirSync(this.path(out), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  }

  /** DevEUIs in the log's whole lines. */
  logged(out: string): string[] {
    const log = this.path(`${out}/provision.log`);
    const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [];
    return lines.map((line) => JSON.parse(line).devEui);
  }

  mode(path: string): number {
    return statSync(path).mode & 0o777;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
