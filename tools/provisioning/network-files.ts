/**
 * LoRaWAN credentials in the forms that network servers import: with keys in them, so they are made from the keystore, on request, for their owner.
 *
 *   chirpstack-json   bodies of ChirpStack v4's API (api/proto/api/device.proto): POST /api/devices, then POST /api/devices/{devEui}/keys
 *   chirpstack-csv    the same fields, flat, under their names in that file; ChirpStack itself imports no table
 *   tts-json, tts-csv The Things Stack, "Adding End Devices in Bulk"
 *   helium-csv        Helium Console
 *
 * LoRaWAN 1.0.4 has one root key, the AppKey. ChirpStack holds it where LoRaWAN 1.1 has its NwkKey, and says so.
 */
import type { SecretRecord } from "./batch-plan.ts";

export const NETWORK_FORMATS = Object.freeze([
  "chirpstack-json",
  "chirpstack-csv",
  "tts-json",
  "tts-csv",
  "helium-csv",
] as const);
export type NetworkFormat = (typeof NETWORK_FORMATS)[number];

/** What only the owner of the network's account knows. */
export interface NetworkAccount {
  /** UUIDs of ChirpStack. */
  applicationId?: string;
  deviceProfileId?: string;
  /** The Things Stack's; otherwise the usual one of the node's region. */
  frequencyPlanId?: string;
}

/** A file cannot be made; the message says what is missing. */
export class NetworkFileError extends Error {}

/** The usual plan of each region; {bank} is the sub-band. */
const TTS_PLANS: Readonly<Record<string, string>> = Object.freeze({
  EU868: "EU_863_870_TTN",
  US915: "US_902_928_FSB_{bank}",
  AU915: "AU_915_928_FSB_{bank}",
  IN865: "IN_865_867",
  KR920: "KR_920_923_TTN",
  "AS923-1": "AS_923",
  "AS923-2": "AS_923_2",
  "AS923-3": "AS_923_3",
  "AS923-4": "AS_923_4",
});
const USUAL_BANK = 2;
const TTS_MAC_VERSION = "MAC_V1_0_4";
const TTS_PHY_VERSION = "RP002_V1_0_4";

/** The text of a file with all these nodes. Throws NetworkFileError. */
export function networkFile(format: NetworkFormat, nodes: readonly SecretRecord[], account: NetworkAccount): string {
  switch (format) {
    case "chirpstack-json":
      return `${JSON.stringify(
        nodes.map((node) => chirpstackRequests(node, account)),
        undefined,
        2,
      )}\n`;
    case "chirpstack-csv":
      return table(
        ",",
        ["dev_eui", "name", "application_id", "device_profile_id", "join_eui", "nwk_key"],
        nodes.map((node) => {
          const { applicationId, deviceProfileId } = chirpstackAccount(account);
          return [node.devEui, nameOf(node), applicationId, deviceProfileId, node.joinEui, node.appKey];
        }),
      );
    case "tts-json":
      return nodes.map((node) => `${JSON.stringify(ttsDevice(node, account), undefined, 2)}\n`).join("");
    case "tts-csv":
      return table(
        ";",
        [
          "id",
          "dev_eui",
          "join_eui",
          "name",
          "frequency_plan_id",
          "lorawan_version",
          "lorawan_phy_version",
          "app_key",
          "supports_32_bit_f_cnt",
        ],
        nodes.map((node) => [
          ttsId(node),
          node.devEui.toUpperCase(),
          node.joinEui.toUpperCase(),
          nameOf(node),
          ttsPlan(node, account),
          TTS_MAC_VERSION,
          TTS_PHY_VERSION,
          node.appKey.toUpperCase(),
          "true",
        ]),
      );
    case "helium-csv":
      return table(
        ",",
        ["DevEUI", "AppEUI", "AppKey", "Name"],
        nodes.map((node) => [
          ...[node.devEui, node.joinEui, node.appKey].map((hex) => hex.toUpperCase()),
          nameOf(node),
        ]),
      );
  }
}

/** CreateDeviceRequest and CreateDeviceKeysRequest, as the API's JSON has them. */
function chirpstackRequests(node: SecretRecord, account: NetworkAccount): object {
  const { applicationId, deviceProfileId } = chirpstackAccount(account);
  const { devEui, joinEui } = node;
  const device = {
    devEui,
    name: nameOf(node),
    applicationId,
    deviceProfileId,
    joinEui,
    skipFcntCheck: false,
    isDisabled: false,
  };
  return { createDeviceRequest: { device }, createDeviceKeysRequest: { deviceKeys: { devEui, nwkKey: node.appKey } } };
}

function chirpstackAccount({
  applicationId,
  deviceProfileId,
}: NetworkAccount): Required<Pick<NetworkAccount, "applicationId" | "deviceProfileId">> {
  if (applicationId === undefined || deviceProfileId === undefined) {
    throw new NetworkFileError("ChirpStack wants the ids of an application and of a device profile");
  }
  return { applicationId, deviceProfileId };
}

/** EndDevice, as The Things Stack's JSON import takes it. */
function ttsDevice(node: SecretRecord, account: NetworkAccount): object {
  return {
    ids: { device_id: ttsId(node), dev_eui: node.devEui.toUpperCase(), join_eui: node.joinEui.toUpperCase() },
    name: nameOf(node),
    lorawan_version: TTS_MAC_VERSION,
    lorawan_phy_version: TTS_PHY_VERSION,
    frequency_plan_id: ttsPlan(node, account),
    supports_join: true,
    root_keys: { app_key: { key: node.appKey.toUpperCase() } },
  };
}

function ttsPlan({ region, subBand }: SecretRecord, { frequencyPlanId }: NetworkAccount): string {
  if (frequencyPlanId !== undefined) return frequencyPlanId;
  const plan = region === undefined ? undefined : TTS_PLANS[region];
  if (plan === undefined)
    throw new NetworkFileError("The Things Stack wants a frequency plan, and the nodes have no region");
  return plan.replace("{bank}", String(subBand ?? USUAL_BANK));
}

/** As The Things Stack itself names a device without a name. */
function ttsId({ devEui }: SecretRecord): string {
  return `eui-${devEui}`;
}

function nameOf({ devEui, serial }: SecretRecord): string {
  return serial ?? `groundtruth-${devEui}`;
}

/** RFC 4180, with any delimiter. */
function table(delimiter: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const quoted = (cell: string): string => (/["\r\n;,]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return [header, ...rows].map((row) => `${row.map(quoted).join(delimiter)}\r\n`).join("");
}
