/**
 * The files of one node in a batch's folder. All of them can be made again from the registry and the keystore, so they are written in place and
 * counted only when all are there.
 *
 *   nodes/<devEui>.json       public identity, as the receiver and `verify` read it
 *   did/<devEui>.json         DID document of its did:key
 *   keys/<devEui>.jwk.json    public key as JWK        keys/<devEui>.cose   as COSE_Key
 *   labels/<devEui>.png|svg   LoRaWAN QR code
 *   nvs/<devEui>.bin          NVS partition image: with the node's secrets, mode 0600
 *   nvs-keys/<devEui>.bin     keys partition of an encrypted one: mode 0600
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hexToBytes } from "../receiver/hex.ts";
import { type NodeRecord, nodeFileContent } from "../receiver/node-registry.ts";
import type { BatchPlan, SecretRecord } from "./batch-plan.ts";
import { labelModules, labelPng, labelSvg, labelText } from "./device-label.ts";
import { nodeImage, settingsText } from "./node-image.ts";
import { writeKeysImage } from "./nvs/nvs-cipher.ts";
import { coseKey, didDocument, publicJwk } from "./public-forms.ts";

const OWNER_ONLY = 0o600;
const OWNER_FOLDER = 0o700;

interface Kind {
  folder: string;
  ending: string;
  isSecret?: boolean;
}

const IDENTITY: Kind = Object.freeze({ folder: "nodes", ending: ".json" });
const DID: Kind = Object.freeze({ folder: "did", ending: ".json" });
const JWK: Kind = Object.freeze({ folder: "keys", ending: ".jwk.json" });
const COSE: Kind = Object.freeze({ folder: "keys", ending: ".cose" });
const NVS: Kind = Object.freeze({ folder: "nvs", ending: ".bin", isSecret: true });
const NVS_KEYS: Kind = Object.freeze({ folder: "nvs-keys", ending: ".bin", isSecret: true });

/** The files that a node of such a batch has. */
function kindsOf({ labels, nvs }: BatchPlan): Kind[] {
  const kinds = [IDENTITY, DID, JWK, COSE, ...labels.map((label) => ({ folder: "labels", ending: `.${label}` }))];
  if (nvs !== undefined) kinds.push(NVS);
  if (nvs?.kind === "encrypted") kinds.push(NVS_KEYS);
  return kinds;
}

export function makeFolders(folder: string, plan: BatchPlan): void {
  for (const kind of kindsOf(plan)) {
    mkdirSync(join(folder, kind.folder), { recursive: true, mode: kind.isSecret ? OWNER_FOLDER : undefined });
  }
}

/** Whether all files of a node are there; what they hold was checked when they were written. */
export function hasFiles(folder: string, devEui: string, plan: BatchPlan): boolean {
  return kindsOf(plan).every(({ folder: part, ending }) => {
    const status = statSync(join(folder, part, `${devEui}${ending}`), { throwIfNoEntry: false });
    return status !== undefined && status.size > 0;
  });
}

/** Everything public about a node: what needs no keystore. */
export function writePublicFiles(folder: string, node: NodeRecord, plan: BatchPlan, serial?: string): void {
  const { devEui, alg, publicKey, kid } = node;
  const put = (kind: Kind, content: string | Uint8Array): void => {
    writeFileSync(join(folder, kind.folder, `${devEui}${kind.ending}`), content);
  };
  put(IDENTITY, asText(nodeFileContent(node)));
  put(DID, asText(didDocument(alg, publicKey)));
  put(JWK, asText(publicJwk(alg, publicKey, kid)));
  put(COSE, coseKey(alg, publicKey));
  if (plan.labels.length === 0) return;
  const modules = labelModules(labelText({ joinEui: plan.joinEui, devEui, profileId: plan.profileId, serial }));
  for (const kind of plan.labels) {
    put({ folder: "labels", ending: `.${kind}` }, kind === "png" ? labelPng(modules) : labelSvg(modules));
  }
}

/** The images with a node's secrets, where the plan asks for them. `settings`: what the whole batch is told. */
export function writeImages(folder: string, secret: SecretRecord, plan: BatchPlan, settings: object): void {
  if (plan.nvs === undefined) return;
  const { devEui, joinEui } = secret;
  const text = settingsText(settings, { devEui, joinEui, oemid: plan.oemid });
  writeSecret(join(folder, NVS.folder, `${devEui}${NVS.ending}`), nodeImage(text, secret, plan.nvs.bytes));
  if (secret.nvsKeys === undefined) return;
  const keys = writeKeysImage(hexToBytes(secret.nvsKeys));
  writeSecret(join(folder, NVS_KEYS.folder, `${devEui}${NVS_KEYS.ending}`), keys);
}

/** Made anew, so that no other mode that was there stays. */
function writeSecret(path: string, content: Uint8Array): void {
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode: OWNER_ONLY, flag: "wx" });
}

function asText(content: object): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
