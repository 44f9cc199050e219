/** What every node of a batch has in common. Nothing in it is secret: it stands in the registry. */
import { MAX_HWMODEL_BYTES, OEMID_BYTES } from "../../firmware/wire/batch.ts";
import { fromHex, hexToBytes } from "../receiver/hex.ts";
import { asObject, asString } from "../receiver/json.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import { keyIdentifier, type NodeRecord, ueidOf } from "../receiver/node-registry.ts";
import type { ProtectionName } from "../receiver/protection.ts";
import type { Eui64 } from "./eui.ts";
import { ALGORITHM_NAMES, type AlgorithmName } from "./node-keys.ts";
import type { RegisteredNode } from "./registry.ts";

export type NvsKind = "plain" | "encrypted";
export type LabelKind = "png" | "svg";

export interface BatchPlan {
  count: number;
  algorithm: AlgorithmName;
  joinEui: Eui64;
  /** 6 hexadecimal digits. */
  oemid: string;
  /** ASCII. */
  model: string;
  /** URI of the profile of its batches. */
  profile: string;
  /** VendorID and VendorProfileID of TR005, 8 hexadecimal digits. */
  profileId: string;
  labels: LabelKind[];
  /** Of the serial numbers; without it there are none. */
  serialPrefix?: string;
  /** LoRaWAN region, and the channels' bank where it has banks. */
  region?: string;
  subBand?: number;
  nvs?: { kind: NvsKind; bytes: number };
}

/** Reads a plan back from the registry. */
export function parsePlan(text: string): BatchPlan {
  const plan = asObject(JSON.parse(text));
  if (plan === undefined || ALGORITHM_NAMES.every((name) => name !== plan.algorithm)) throw new Error("not a plan");
  return plan as unknown as BatchPlan;
}

/** What in a plan cannot be, by the member's name; undefined when it can. */
export function planProblem({ oemid, model, profileId }: BatchPlan): string | undefined {
  if (fromHex(oemid, OEMID_BYTES) === undefined) return "oemid: not 3 bytes of hexadecimal";
  if (!/^[\x20-\x7e]+$/.test(model) || model.length > MAX_HWMODEL_BYTES) return "model: not 1 to 32 ASCII characters";
  if (fromHex(profileId, 4) === undefined) return "profile-id: not 4 bytes of hexadecimal";
  return undefined;
}

/** The serial number of a node. */
export function serialOf(prefix: string, position: number): string {
  return `${prefix}${String(position + 1).padStart(5, "0")}`;
}

/** The node's public identity as the receiver reads it; undefined before it has a key. */
export function identityOf(node: RegisteredNode, plan: BatchPlan): NodeRecord | undefined {
  const { devEui, alg, publicKey } = node;
  if (alg === undefined || publicKey === undefined) return undefined;
  const protection = protectionOf(plan);
  return {
    devEui,
    ueid: ueidOf(devEui)!,
    alg,
    publicKey,
    kid: keyIdentifier(alg, publicKey, NODE_CRYPTO.sha256),
    oemid: hexToBytes(plan.oemid),
    hwmodel: new TextEncoder().encode(plan.model),
    profile: plan.profile,
    ...(protection === undefined ? {} : { protection }),
  };
}

/** What will hold the key, where the image says it. */
function protectionOf({ nvs }: BatchPlan): ProtectionName | undefined {
  if (nvs === undefined) return undefined;
  return nvs.kind === "plain" ? "plain-flash" : "encrypted-flash";
}

/** A node's secrets as the keystore has them. */
export interface SecretRecord {
  devEui: Eui64;
  joinEui: Eui64;
  batch: string;
  algorithm: AlgorithmName;
  privateKey: string;
  appKey: string;
  receiverKey: string;
  /** Keys of the encrypted NVS partition: data key, tweak key. */
  nvsKeys?: string;
  region?: string;
  subBand?: number;
  serial?: string;
}

/** The name of a node's record in the keystore. */
export function secretName(devEui: Eui64): string {
  return `node/${devEui}`;
}

/** The name of the record with what a batch's nodes are told about Wi-Fi, the broker and the rest. */
export function settingsName(batch: string): string {
  return `batch/${batch}`;
}

/** Hexadecimal keys of a record from the keystore, which is authentic but may be of another version. */
export function parseSecret(content: Record<string, unknown>): SecretRecord | undefined {
  const lengths: [string, number][] = [
    ["devEui", 8],
    ["joinEui", 8],
    ["privateKey", 32],
    ["appKey", 16],
    ["receiverKey", 16],
  ];
  const isWhole = lengths.every(([name, length]) => fromHex(asString(content[name]) ?? "?", length) !== undefined);
  const known = ALGORITHM_NAMES.some((name) => name === content.algorithm);
  return isWhole && known && typeof content.batch === "string" ? (content as unknown as SecretRecord) : undefined;
}
