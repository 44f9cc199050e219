/**
 * Makes the nodes of a batch, so that a crash at any moment loses and doubles nothing. DevEUIs are promised in the registry before anything else; then,
 * some nodes at a time:
 *
 *   keys made and tried (worker) -> none of them known? (registry) -> keystore -> registry: made -> files (worker) -> log -> registry: filed
 *
 * Each arrow is one transaction or can be gone through again. Whoever goes on after a crash finds a node reserved (its keys may be in the keystore
 * already: then they are taken from there), made (its files are written again) or filed.
 */
import { join } from "node:path";
import type { Keystore } from "../keystore/keystore.ts";
import { bytesToHex, hexToBytes } from "../receiver/hex.ts";
import { BatchLog } from "./batch-log.ts";
import { type BatchPlan, identityOf, parseSecret, type SecretRecord, secretName } from "./batch-plan.ts";
import { FactoryWorker } from "./factory-pool.ts";
import type { FileJob, MadeKeys } from "./factory-work.ts";
import { hasFiles, makeFolders } from "./node-files.ts";
import { ALGORITHMS, publicKeyOf } from "./node-keys.ts";
import { didKey } from "./public-forms.ts";
import { WeakRandom, weakness } from "./random-source.ts";
import { type Batch, type NewNode, NODE_STATE, type RegisteredNode, type Registry } from "./registry.ts";

/** The keystore and the registry do not fit together. */
export class Mismatch extends Error {}

/** Nodes in one transaction: a fifth of a second of work, so that a crash costs little and syncing is rare. */
const NODES_AT_ONCE = 100;
export const LOG_FILE = "provision.log";

export interface FactoryRun {
  registry: Registry;
  keystore: Keystore;
  batch: Batch;
  plan: BatchPlan;
  /** What the batch's nodes are told besides who they are: what goes into the images. */
  settings: object;
  jobs: number;
  /** Nodes that are done, of all; called often. */
  progress(done: number, total: number): void;
  /** Asked between nodes: stop here? */
  isStopped(): boolean;
}

/** Makes what is missing. Returns how many nodes this run finished; fewer than were missing when it was stopped. */
export async function runFactory(run: FactoryRun): Promise<number> {
  const { registry, batch, plan } = run;
  makeFolders(batch.folder, plan);
  const missing = registry
    .nodesOf(batch)
    .filter(({ state, devEui }) => state !== NODE_STATE.filed || !hasFiles(batch.folder, devEui, plan));
  const log = new BatchLog(join(batch.folder, LOG_FILE));
  const jobs = Math.max(1, Math.min(run.jobs, Math.ceil(missing.length / NODES_AT_ONCE)));
  const workers = missing.length === 0 ? [] : Array.from({ length: jobs }, () => new FactoryWorker());
  let next = 0;
  let done = 0;
  let hasFailed = false;
  const before = plan.count - missing.length;
  run.progress(before, plan.count);
  const work = async (worker: FactoryWorker): Promise<void> => {
    while (next < missing.length && !hasFailed && !run.isStopped()) {
      const nodes = missing.slice(next, next + NODES_AT_ONCE);
      next += nodes.length;
      try {
        await makeSome(run, worker, nodes, log);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
      done += nodes.length;
      run.progress(before + done, plan.count);
    }
  };
  try {
    // Each ends what it is at before the first failure is reported: nothing runs on behind a closed keystore.
    const ends = await Promise.allSettled(workers.map(work));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    log.close();
    await Promise.all(workers.map((worker) => worker.close()));
  }
  return done;
}

async function makeSome(run: FactoryRun, worker: FactoryWorker, nodes: RegisteredNode[], log: BatchLog): Promise<void> {
  const { registry, keystore, batch, plan, settings } = run;
  const reserved = nodes.filter(({ state }) => state === NODE_STATE.reserved);
  const keyless = reserved.filter(({ devEui }) => !keystore.has(secretName(devEui)));
  const withNvsKeys = plan.nvs?.kind === "encrypted";
  const made = keyless.length === 0 ? [] : await worker.keys(plan.algorithm, keyless.length, withNvsKeys);
  const records = keyless.map((node, i) => secretOf(node, made[i], plan, batch));
  registry.checkNew(records.map(newNodeOf));
  keystore.add(records.map((record) => ({ name: secretName(record.devEui), content: record })));
  const secrets = nodes.map(({ devEui }) => readSecret(keystore, devEui, batch));
  const isReserved = new Set(reserved.map(({ devEui }) => devEui));
  registry.setMade(secrets.filter(({ devEui }) => isReserved.has(devEui)).map(newNodeOf));
  const jobs: FileJob[] = secrets.map((secret) => {
    const node = registry.node(secret.devEui)!;
    return {
      node: identityOf(node, plan)!,
      serial: node.serial,
      secret: plan.nvs === undefined ? undefined : secret,
    };
  });
  await worker.files(batch.folder, plan, settings, jobs);
  const at = new Date().toISOString();
  log.add(
    jobs.map(({ node, serial }) => ({
      at,
      devEui: node.devEui,
      kid: bytesToHex(node.kid),
      did: didKey(node.alg, node.publicKey),
      ...(serial === undefined ? {} : { serial }),
    })),
  );
  registry.setFiled(nodes.map(({ devEui }) => devEui));
}

function secretOf({ devEui, serial }: RegisteredNode, keys: MadeKeys, plan: BatchPlan, batch: Batch): SecretRecord {
  for (const key of [keys.privateKey, keys.appKey, keys.receiverKey]) {
    const reason = weakness(key);
    if (reason !== undefined) throw new WeakRandom(reason);
  }
  const { joinEui, algorithm, region, subBand } = plan;
  return {
    devEui,
    joinEui,
    batch: batch.name,
    algorithm,
    privateKey: bytesToHex(keys.privateKey),
    appKey: bytesToHex(keys.appKey),
    receiverKey: bytesToHex(keys.receiverKey),
    ...(keys.nvsKeys === undefined ? {} : { nvsKeys: bytesToHex(keys.nvsKeys) }),
    ...(region === undefined ? {} : { region }),
    ...(subBand === undefined ? {} : { subBand }),
    ...(serial === undefined ? {} : { serial }),
  };
}

function newNodeOf({ devEui, algorithm, privateKey, appKey, receiverKey }: SecretRecord): NewNode {
  const alg = ALGORITHMS[algorithm];
  const publicKey = publicKeyOf(alg, hexToBytes(privateKey));
  return { devEui, alg, publicKey, secretKeys: [hexToBytes(appKey), hexToBytes(receiverKey)] };
}

/** The record of a node of this batch. Throws Mismatch for another's, KeystoreError where there is none. */
function readSecret(keystore: Keystore, devEui: string, batch: Batch): SecretRecord {
  const secret = parseSecret(keystore.get(secretName(devEui)));
  if (secret === undefined || secret.devEui !== devEui || secret.batch !== batch.name) {
    throw new Mismatch(`the keystore has secrets of another batch for ${devEui}`);
  }
  return secret;
}
