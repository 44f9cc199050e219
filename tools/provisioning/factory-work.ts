/** What a factory's workers do: the work of a node that takes time, and touches neither the registry nor the keystore. */
import type { NodeRecord } from "../receiver/node-registry.ts";
import type { BatchPlan, SecretRecord } from "./batch-plan.ts";
import { writeImages, writePublicFiles } from "./node-files.ts";
import { ALGORITHMS, type AlgorithmName, isKeyPair, makeSecrets, publicKeyOf } from "./node-keys.ts";
import type { RandomSource } from "./random-source.ts";

/** Bytes of the keys of an encrypted NVS partition. */
const NVS_KEY_BYTES = 32;

export interface MadeKeys {
  publicKey: Uint8Array;
  privateKey: Uint8Array;
  appKey: Uint8Array;
  receiverKey: Uint8Array;
  nvsKeys: Uint8Array | undefined;
}

export interface FileJob {
  node: NodeRecord;
  serial: string | undefined;
  /** Where images are asked for. */
  secret: SecretRecord | undefined;
}

/** Makes the keys of `count` nodes, each pair of them tried. Throws WeakRandom. */
export function makeKeys(
  algorithm: AlgorithmName,
  count: number,
  withNvsKeys: boolean,
  random: RandomSource,
): MadeKeys[] {
  const alg = ALGORITHMS[algorithm];
  return Array.from({ length: count }, () => {
    const { privateKey, appKey, receiverKey } = makeSecrets(alg, random);
    const publicKey = publicKeyOf(alg, privateKey);
    if (!isKeyPair(alg, privateKey, publicKey)) throw new Error("a new key does not verify its own signature");
    const nvsKeys = withNvsKeys
      ? Uint8Array.from([...random.key(NVS_KEY_BYTES), ...random.key(NVS_KEY_BYTES)])
      : undefined;
    return { publicKey, privateKey, appKey, receiverKey, nvsKeys };
  });
}

/** Writes all files of some nodes. */
export function writeFiles(folder: string, plan: BatchPlan, settings: object, jobs: readonly FileJob[]): void {
  for (const { node, serial, secret } of jobs) {
    writePublicFiles(folder, node, plan, serial);
    if (secret !== undefined) writeImages(folder, secret, plan, settings);
  }
}
