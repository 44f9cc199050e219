/** `groundtruth provision --offline`: a batch of nodes for a factory, made so that a second run finishes what a first one left. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Command } from "commander";
import type { Keystore } from "../keystore/keystore.ts";
import { type BatchPlan, parsePlan, serialOf, settingsName } from "../provisioning/batch-plan.ts";
import { labelTerminal, labelText } from "../provisioning/device-label.ts";
import { devEuiProblem, formatEui } from "../provisioning/eui.ts";
import { LOG_FILE, Mismatch, runFactory } from "../provisioning/factory.ts";
import { SettingsError, settingsText } from "../provisioning/node-image.ts";
import { type Batch, NODE_STATE, Registry } from "../provisioning/registry.ts";
import { CommandError } from "./command-error.ts";
import { ProgressLine } from "./progress-line.ts";
import {
  listedDevEuis,
  missing,
  type ProvisionFlags,
  planOf,
  provisionCommand,
  readSettings,
} from "./provision-flags.ts";
import { openKeystore, SECRET_EXIT, secretErrors } from "./secret-options.ts";

interface Begun {
  batch: Batch;
  plan: BatchPlan;
  settings: object;
}

export function registerProvision(program: Command): void {
  provisionCommand(program).action(provision);
}

async function provision(flags: ProvisionFlags): Promise<void> {
  if (!flags.offline) throw missing("provision", "this version makes nodes without a board only", "add --offline");
  const { keystore: keystorePath, registry: registryPath } = flags;
  if ((flags.nvs === undefined) !== (flags.nodeConfig === undefined) && !flags.resume) {
    throw missing("--nvs, --node-config", "an image needs both", "add the other one, or leave both out");
  }
  const keystore = await openKeystore(flags, true);
  try {
    await secretErrors({ keystore: keystorePath, registry: registryPath }, async () => {
      const registry = Registry.openOrMake(registryPath);
      try {
        await make(flags, registry, keystore);
      } finally {
        registry.close();
      }
    });
  } finally {
    keystore.close();
  }
}

async function make(flags: ProvisionFlags, registry: Registry, keystore: Keystore): Promise<void> {
  const folder = resolve(flags.out);
  const known = registry.batchIn(folder);
  if (known !== undefined && !flags.resume) {
    throw missing(`--out ${flags.out}`, "this folder has a batch already", "add --resume, or name another folder");
  }
  const begun =
    known === undefined
      ? registry.exclusively(() => begin(flags, folder, registry, keystore))
      : goOn(flags, known, registry, keystore);
  const { batch, plan } = begun;
  const line = new ProgressLine(process.stderr, "nodes");
  const stop = listenForStop();
  const started = performance.now();
  const made = await runFactory({
    registry,
    keystore,
    ...begun,
    jobs: flags.jobs,
    progress: (done, total) => line.show(done, total),
    isStopped: stop.isStopped,
  }).finally(() => {
    stop.end();
    line.end();
  });
  const left = registry.nodesOf(batch).filter(({ state }) => state !== NODE_STATE.filed).length;
  if (left > 0) {
    const next = `the same command with --resume, or: groundtruth provision --offline --resume --out ${flags.out}`;
    throw new CommandError(
      `stopped: ${left} of ${plan.count} nodes are still to be made`,
      flags.out,
      next,
      SECRET_EXIT.stopped,
    );
  }
  await report(flags, registry, begun, made, (performance.now() - started) / 1000);
}

/** Promises DevEUIs to a new batch, and keeps what its nodes are told. */
function begin(flags: ProvisionFlags, folder: string, registry: Registry, keystore: Keystore): Begun {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw missing(
      `--out ${flags.out}`,
      "the folder is not empty, and no batch of this registry",
      "name another folder",
    );
  }
  const devEuis = listedDevEuis(flags) ?? blockDevEuis(flags, registry);
  const settings = flags.nodeConfig === undefined ? undefined : readSettings(flags.nodeConfig);
  const plan = planOf(flags, devEuis.length, devEuis[0], undefined, settings);
  if (settings !== undefined) checkSettings(flags, settings, plan, devEuis[0]);
  const name = randomBytes(8).toString("hex");
  const { serialPrefix } = plan;
  const serials = serialPrefix === undefined ? undefined : devEuis.map((_, i) => serialOf(serialPrefix, i));
  mkdirSync(folder, { recursive: true });
  // First what the images need: a batch without it could not be gone on with.
  keystore.add([{ name: settingsName(name), content: settings ?? {} }]);
  const row = { name, folder, keystore: keystore.id, plan: JSON.stringify(plan) };
  return { batch: registry.beginBatch(row, devEuis, serials), plan, settings: settings ?? {} };
}

/** Checks that the batch is the one that the flags ask for. */
function goOn(flags: ProvisionFlags, batch: Batch, registry: Registry, keystore: Keystore): Begun {
  if (batch.keystore !== keystore.id || !keystore.has(settingsName(batch.name))) {
    throw new Mismatch(
      "the batch of this folder was begun with another keystore, or an older copy of this one is here",
    );
  }
  const before = parsePlan(batch.plan);
  const settings = keystore.get(settingsName(batch.name));
  const given = flags.nodeConfig === undefined ? settings : readSettings(flags.nodeConfig);
  const nodes = registry.nodesOf(batch);
  const listed = listedDevEuis(flags);
  const plan = planOf(flags, flags.count ?? listed?.length ?? before.count, nodes[0].devEui, before, given);
  const names = [...new Set([...Object.keys(before), ...Object.keys(plan)])] as (keyof BatchPlan)[];
  const differing: string[] = names.filter((name) => !isDeepStrictEqual(before[name], plan[name]));
  if (!isDeepStrictEqual({ ...given }, { ...settings })) differing.push("node-config");
  if (
    listed !== undefined &&
    !isDeepStrictEqual(
      listed,
      nodes.map(({ devEui }) => devEui),
    )
  )
    differing.push("DevEUIs");
  const { devEuiBlock: block } = flags;
  const isOutside =
    block !== undefined &&
    nodes.some(({ devEui }) => devEui < formatEui(block.first) || devEui > formatEui(block.last));
  if (isOutside) differing.push("DevEUI block");
  if (differing.length > 0) {
    const what = `the batch of this folder was begun otherwise: ${differing.join(", ")}`;
    throw missing(`--resume, --out ${flags.out}`, what, "leave these flags out, or name another folder");
  }
  return { batch, plan: before, settings };
}

function blockDevEuis(flags: ProvisionFlags, registry: Registry): string[] {
  if (flags.devEuiBlock === undefined) {
    const next = "add --dev-eui-block, --dev-eui-list or --mac-list";
    throw missing("--dev-eui-block", "nothing says which DevEUIs the nodes get", next);
  }
  const devEuis = registry.nextOf(flags.devEuiBlock, flags.count ?? 1);
  const problem = devEuis.map(devEuiProblem).find((found) => found !== undefined);
  if (problem !== undefined) throw missing("--dev-eui-block", `this names no node: ${problem}`, "name another block");
  return devEuis;
}

function checkSettings(flags: ProvisionFlags, settings: object, plan: BatchPlan, devEui: string): void {
  try {
    settingsText(settings, { devEui, joinEui: plan.joinEui, oemid: plan.oemid });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw missing(
      `--node-config ${flags.nodeConfig}, at ${error.message}`,
      "the firmware would not take this",
      "mend it",
    );
  }
}

async function report(
  flags: ProvisionFlags,
  registry: Registry,
  { batch, plan }: Begun,
  made: number,
  seconds: number,
): Promise<void> {
  const nodes = registry.nodesOf(batch);
  const result = {
    batch: batch.name,
    nodes: plan.count,
    madeNow: made,
    seconds: Math.round(seconds * 10) / 10,
    firstDevEui: nodes[0].devEui,
    lastDevEui: nodes[nodes.length - 1].devEui,
    out: batch.folder,
    log: join(batch.folder, LOG_FILE),
    registry: resolve(flags.registry),
    keystore: resolve(flags.keystore),
  };
  if (flags.json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(
    `Done: ${plan.count} nodes, ${made} of them now in ${result.seconds} s, in ${flags.out}; batch ${batch.name}.`,
  );
  if (plan.count === 1) {
    const { devEui, serial } = nodes[0];
    console.log(await labelTerminal(labelText({ joinEui: plan.joinEui, devEui, profileId: plan.profileId, serial })));
  }
  console.log(`Next: groundtruth keystore export --format chirpstack-json --batch ${batch.name} --out FILE`);
}

/** The first Ctrl-C ends the work between two nodes; a second one ends the program. */
function listenForStop(): { isStopped(): boolean; end(): void } {
  let isStopped = false;
  const names = ["SIGINT", "SIGTERM"] as const;
  const stop = (): void => {
    isStopped = true;
    end();
  };
  const end = (): void => {
    for (const name of names) process.removeListener(name, stop);
  };
  for (const name of names) process.on(name, stop);
  return { isStopped: () => isStopped, end };
}
