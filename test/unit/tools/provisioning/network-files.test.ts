/** Files that network servers import, against the fields that those servers publish. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import type { SecretRecord } from "../../../../tools/provisioning/batch-plan.ts";
import { NetworkFileError, type NetworkFormat, networkFile } from "../../../../tools/provisioning/network-files.ts";

const NODES: SecretRecord[] = [1, 2].map((number) => ({
  devEui: `70b3d57ed005000${number}`,
  joinEui: "70b3d57ed0000001",
  batch: "b",
  algorithm: "ES256",
  privateKey: "11".repeat(32),
  appKey: `${number}b7e151628aed2a6abf7158809cf4f3c`,
  receiverKey: "22".repeat(16),
  region: "EU868",
  ...(number === 2 ? { serial: 'GT "2", a;b' } : {}),
}));

const ACCOUNT = {
  applicationId: "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
  deviceProfileId: "7d444840-9dc0-11d1-b245-5ffdce74fad2",
};

/** chirpstack/chirpstack, api/proto/api/device.proto: message Device and message DeviceKeys. */
const CHIRPSTACK_DEVICE =
  "dev_eui name description application_id device_profile_id skip_fcnt_check is_disabled variables tags join_eui".split(
    " ",
  );
const CHIRPSTACK_KEYS = "dev_eui nwk_key app_key gen_app_key".split(" ");
/** The Things Stack, "CSV File Reference". */
const TTS_COLUMNS = (
  "id dev_eui join_eui name description lorawan_version lorawan_phy_version frequency_plan_id brand_id model_id firmware_version " +
  "hardware_version band_id app_key nwk_key rx1_delay supports_32_bit_f_cnt dev_addr app_s_key f_nwk_s_int_key last_f_cnt_up " +
  "last_n_f_cnt_down last_a_f_cnt_down supports_class_c vendor_id vendor_profile_id"
).split(" ");

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** RFC 4180, with any delimiter. */
function cells(text: string, delimiter: string): string[][] {
  return text
    .trimEnd()
    .split("\r\n")
    .map((line) => {
      const row: string[] = [];
      const pattern = new RegExp(`(?:^|${delimiter})(?:"((?:[^"]|"")*)"|([^"${delimiter}]*))`, "g");
      for (const [, quoted, plain] of line.matchAll(pattern)) row.push(quoted?.replaceAll('""', '"') ?? plain);
      return row;
    });
}

function rowsOf(text: string, delimiter: string): Record<string, string>[] {
  const [header, ...rows] = cells(text, delimiter);
  return rows.map((row) => {
    equal(row.length, header.length);
    return Object.fromEntries(header.map((name, i) => [name, row[i]]));
  });
}

describe("files for network servers", () => {
  it("ChirpStack v4 JSON: the bodies of two requests, of fields that its proto has", () => {
    const list = JSON.parse(networkFile("chirpstack-json", NODES, ACCOUNT));
    equal(list.length, 2);
    for (const [i, { createDeviceRequest, createDeviceKeysRequest }] of list.entries()) {
      const { device } = createDeviceRequest;
      const { deviceKeys } = createDeviceKeysRequest;
      ok(Object.keys(device).every((name) => CHIRPSTACK_DEVICE.includes(snake(name))));
      ok(Object.keys(deviceKeys).every((name) => CHIRPSTACK_KEYS.includes(snake(name))));
      deepEqual(
        [device.devEui, device.applicationId, device.joinEui],
        [NODES[i].devEui, ACCOUNT.applicationId, NODES[i].joinEui],
      );
      // "For LoRaWAN 1.0.x, use this field for the LoRaWAN 1.0.x AppKey."
      deepEqual(deviceKeys, { devEui: NODES[i].devEui, nwkKey: NODES[i].appKey });
    }
  });

  it("ChirpStack v4 CSV: the same under the proto's names; names with quotes and commas stay whole", () => {
    const rows = rowsOf(networkFile("chirpstack-csv", NODES, ACCOUNT), ",");
    ok(Object.keys(rows[0]).every((name) => [...CHIRPSTACK_DEVICE, ...CHIRPSTACK_KEYS].includes(name)));
    deepEqual([rows[0].dev_eui, rows[0].nwk_key], [NODES[0].devEui, NODES[0].appKey]);
    equal(rows[1].name, 'GT "2", a;b');
    throws(() => networkFile("chirpstack-csv", NODES, {}), NetworkFileError);
  });

  it("The Things Stack JSON: a stream of objects with the fields of its reference", () => {
    const text = networkFile("tts-json", NODES, {});
    const devices = JSON.parse(`[${text.trimEnd().replaceAll("\n}\n{", "\n},\n{")}]`);
    equal(devices.length, 2);
    deepEqual(devices[0], {
      ids: { device_id: "eui-70b3d57ed0050001", dev_eui: "70B3D57ED0050001", join_eui: "70B3D57ED0000001" },
      name: "groundtruth-70b3d57ed0050001",
      lorawan_version: "MAC_V1_0_4",
      lorawan_phy_version: "RP002_V1_0_4",
      frequency_plan_id: "EU_863_870_TTN",
      supports_join: true,
      root_keys: { app_key: { key: NODES[0].appKey.toUpperCase() } },
    });
    for (const { ids } of devices) match(ids.device_id, /^[a-z0-9](?:-?[a-z0-9]){2,35}$/);
  });

  it("The Things Stack CSV: semicolons, a header of known columns, as many fields in each row", () => {
    const rows = rowsOf(networkFile("tts-csv", NODES, { frequencyPlanId: "US_902_928_FSB_1" }), ";");
    ok(Object.keys(rows[0]).every((name) => TTS_COLUMNS.includes(name)));
    deepEqual([rows[1].dev_eui, rows[1].app_key], ["70B3D57ED0050002", NODES[1].appKey.toUpperCase()]);
    equal(rows[1].name, 'GT "2", a;b');
    equal(rows[1].frequency_plan_id, "US_902_928_FSB_1");
  });

  it("The Things Stack: the usual plan of a region and its sub-band; none where the nodes have no region", () => {
    const plan = (region?: string, subBand?: number): string =>
      rowsOf(networkFile("tts-csv", [{ ...NODES[0], region, subBand }], {}), ";")[0].frequency_plan_id;
    equal(plan("US915"), "US_902_928_FSB_2");
    equal(plan("AU915", 1), "AU_915_928_FSB_1");
    equal(plan("AS923-2"), "AS_923_2");
    throws(() => plan(undefined), NetworkFileError);
  });

  it("Helium Console: DevEUI, AppEUI, AppKey and Name", () => {
    const rows = rowsOf(networkFile("helium-csv", NODES, {}), ",");
    deepEqual(Object.keys(rows[0]), ["DevEUI", "AppEUI", "AppKey", "Name"]);
    deepEqual(Object.values(rows[0]).slice(0, 2), ["70B3D57ED0050001", "70B3D57ED0000001"]);
  });

  it("keys that sign, and the receiver's, are in none of them", () => {
    for (const format of [
      "chirpstack-json",
      "chirpstack-csv",
      "tts-json",
      "tts-csv",
      "helium-csv",
    ] as NetworkFormat[]) {
      const text = networkFile(format, NODES, ACCOUNT);
      ok(!text.includes(NODES[0].privateKey) && !text.includes(NODES[0].receiverKey), format);
    }
  });
});
