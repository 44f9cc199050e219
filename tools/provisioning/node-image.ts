/**
 * The NVS image of one node, under the names that the firmware reads (firmware/platform/moddable/provisioning.ts, keys.ts, native/gt-crypto.c): its
 * settings as JSON, and in an inbox the keys that it moves into their slots at its first boot and then erases.
 */
import {
  PROVISIONING_KEY,
  PROVISIONING_NAMESPACE,
  parseProvisioning,
} from "../../firmware/platform/moddable/provisioning.ts";
import { equalBytes, hexToBytes } from "../receiver/hex.ts";
import type { SecretRecord } from "./batch-plan.ts";
import type { NvsRecord, NvsValue } from "./nvs/nvs-format.ts";
import { readNvsImage } from "./nvs/nvs-reader.ts";
import { writeNvsImage } from "./nvs/nvs-writer.ts";

/** Of native/gt-crypto.c, and the names of keys.ts. */
export const INBOX_NAMESPACE = "gt-inbox";
export const INBOX_KEY = Object.freeze({ attestation: "attestation", appKey: "appKey", receiver: "receiver" });

/** The members of a node's settings that this tool knows, and a file for a whole batch must not have. */
export const OWN_MEMBERS: readonly string[] = Object.freeze(["devEui", "joinEui", "oemid", "algorithm"]);

/** The settings are not what the firmware takes; the message is the firmware's reason. */
export class SettingsError extends Error {}

/** The text that the firmware reads. Throws SettingsError. */
export function settingsText(settings: object, node: { devEui: string; joinEui: string; oemid: string }): string {
  const text = JSON.stringify({ devEui: node.devEui, joinEui: node.joinEui, oemid: node.oemid, ...settings });
  const parsed = parseProvisioning(text);
  if (!parsed.ok) throw new SettingsError(parsed.reason);
  return text;
}

/** The image of a node, read back by the independent reader before it is given away. Throws NvsError. */
export function nodeImage(settings: string, secret: SecretRecord, partitionBytes: number): Uint8Array {
  const blob = (hex: string): NvsValue => ({ type: "blob", value: hexToBytes(hex) });
  const records: NvsRecord[] = [
    { namespace: PROVISIONING_NAMESPACE, key: PROVISIONING_KEY, value: { type: "string", value: settings } },
    { namespace: INBOX_NAMESPACE, key: INBOX_KEY.attestation, value: blob(secret.privateKey) },
    { namespace: INBOX_NAMESPACE, key: INBOX_KEY.appKey, value: blob(secret.appKey) },
    { namespace: INBOX_NAMESPACE, key: INBOX_KEY.receiver, value: blob(secret.receiverKey) },
  ];
  const keys = secret.nvsKeys === undefined ? undefined : hexToBytes(secret.nvsKeys);
  const image = writeNvsImage(records, partitionBytes, keys);
  const read = readNvsImage(image, keys);
  if (!read.ok || read.freePages < 1 || !sameRecords(read.records, records)) {
    throw new Error(`the image does not read back: ${read.ok ? "other values" : read.reason}`);
  }
  return image;
}

function sameRecords(a: readonly NvsRecord[], b: readonly NvsRecord[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ namespace, key, value }, i) => {
      const other = b[i];
      return namespace === other.namespace && key === other.key && sameValue(value, other.value);
    })
  );
}

function sameValue(a: NvsValue, b: NvsValue): boolean {
  return a.type === "blob"
    ? b.type === "blob" && equalBytes(a.value, b.value)
    : a.type === b.type && a.value === b.value;
}
