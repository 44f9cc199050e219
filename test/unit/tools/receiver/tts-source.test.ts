import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBase64, encodeBase64 } from "../../../../tools/receiver/base64.ts";
import { parseTtsMessage, ttsDownlink } from "../../../../tools/receiver/tts-source.ts";
import { counts } from "../../../counts.ts";

const TOPIC = "v3/weather@ttn/devices/eui-70b3d57ed0000001/up";
const DEV_EUI = "70b3d57ed0000001";
const PAYLOAD = new Uint8Array([1, 2, 3]);

type Json = { [name: string]: unknown };

/** As The Things Stack 3.30 publishes it, shortened. */
function message(uplink: Json = {}, ids: Json = {}): string {
  return JSON.stringify({
    end_device_ids: {
      device_id: "eui-70b3d57ed0000001",
      application_ids: { application_id: "weather" },
      dev_eui: DEV_EUI.toUpperCase(),
      join_eui: "0000000000000000",
      dev_addr: "260B1234",
      ...ids,
    },
    correlation_ids: ["gs:uplink:01HZ"],
    received_at: "2026-06-01T00:00:00.123456789Z",
    uplink_message: {
      session_key_id: "AY8",
      f_port: 20,
      f_cnt: 7,
      frm_payload: encodeBase64(PAYLOAD),
      rx_metadata: [{ gateway_ids: { gateway_id: "roof" }, rssi: -80, snr: 9.5 }],
      settings: { data_rate: { lora: { bandwidth: 125000, spreading_factor: 7 } }, frequency: "868100000" },
      ...uplink,
    },
  });
}

describe("messages of The Things Stack v3", () => {
  it("an uplink: DevEUI from the message, application with its tenant from the topic", () => {
    assert.deepEqual(parseTtsMessage(TOPIC, message()), {
      kind: "uplink",
      application: "weather@ttn",
      device: "eui-70b3d57ed0000001",
      devEui: DEV_EUI,
      fPort: 20,
      payload: PAYLOAD,
    });
    const openSource = parseTtsMessage("v3/weather/devices/eui-70b3d57ed0000001/up", message());
    assert.ok(openSource.kind === "uplink" && openSource.application === "weather");
  });

  it("a downlink is pushed to the end of the device's queue", () => {
    const { topic, json } = ttsDownlink("weather@ttn", "station-1", 33, PAYLOAD);
    assert.equal(topic, "v3/weather@ttn/devices/station-1/down/push");
    const { downlinks } = JSON.parse(json);
    assert.equal(downlinks.length, 1);
    assert.equal(downlinks[0].f_port, 33);
    assert.deepEqual(decodeBase64(downlinks[0].frm_payload, 242), PAYLOAD);
  });

  it("members with the value 0 or empty may be left out: nothing for us", () => {
    for (const uplink of [{ f_port: undefined }, { f_port: 0 }, { frm_payload: undefined }, { frm_payload: "" }]) {
      assert.deepEqual(parseTtsMessage(TOPIC, message(uplink)), { kind: "other", name: "up-without-payload" });
    }
  });

  it("other messages are named, and nothing in them is looked at", () => {
    for (const kind of ["join", "down/queued", "down/sent", "down/ack", "service/data", "location/solved"]) {
      assert.deepEqual(parseTtsMessage(TOPIC.replace(/up$/, kind), "{"), { kind: "other", name: kind });
    }
    assert.deepEqual(parseTtsMessage(TOPIC.replace(/up$/, "new"), "{"), { kind: "other", name: "unknown" });
  });

  const refusals: [title: string, reason: string, topic: string, json: string][] = [
    ["another topic", "topic-unknown", "v2/weather/devices/a1/up", message()],
    ["a topic with too many levels", "topic-unknown", `${TOPIC}/a/b`, message()],
    ["a topic that never ends", "topic-unknown", `v3/${"a".repeat(300)}/devices/a1/up`, message()],
    ["an application that would be another topic", "topic-application-malformed", "v3/a+b/devices/a1/up", message()],
    ["two tenants", "topic-application-malformed", "v3/aa@bb@cc/devices/a1/up", message()],
    ["a device with a wildcard", "topic-device-malformed", "v3/weather/devices/a#/up", message()],
    ["no JSON", "not-json", TOPIC, "{"],
    ["an array", "not-a-json-object", TOPIC, "[]"],
    ["JSON without end", "json-too-long", TOPIC, `"${"a".repeat(300_000)}"`],
    ["JSON without bottom", "json-too-deep", TOPIC, "[".repeat(5_000)],
    ["no DevEUI", "dev-eui-malformed", TOPIC, message({}, { dev_eui: undefined })],
    ["a DevEUI of 7 bytes", "dev-eui-malformed", TOPIC, message({}, { dev_eui: "70b3d57ed00000" })],
    ["another device than the topic's", "device-differs-from-topic", TOPIC, message({}, { device_id: "other" })],
    [
      "another application than the topic's",
      "application-differs-from-topic",
      TOPIC,
      message({}, { application_ids: { application_id: "other" } }),
    ],
    ["a port that is none", "port-malformed", TOPIC, message({ f_port: 256 })],
    ["a payload that is no base64", "payload-malformed", TOPIC, message({ frm_payload: "AQI" })],
    ["a payload that is a number", "payload-malformed", TOPIC, message({ frm_payload: 5 })],
    [
      "a payload longer than any frame",
      "payload-malformed",
      TOPIC,
      message({ frm_payload: encodeBase64(new Uint8Array(243)) }),
    ],
    ["no uplink", "uplink-message-missing", TOPIC, JSON.stringify({ ...JSON.parse(message()), uplink_message: [] })],
  ];
  for (const [title, reason, topic, json] of refusals) {
    it(`refuses ${title}: ${reason}`, () => {
      const parsed = parseTtsMessage(topic, json);
      assert.ok(parsed.kind === "refused");
      assert.equal(parsed.reason, reason);
    });
  }

  it("never throws, whatever text comes", () => {
    const text = message();
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(40),
        fc.string({ maxLength: 20 }),
        fc.boolean(),
        (at, cut, insert, inTopic) => {
          const damaged = (whole: string): string =>
            whole.slice(0, at % whole.length) + insert + whole.slice((at % whole.length) + cut);
          const parsed = inTopic ? parseTtsMessage(damaged(TOPIC), text) : parseTtsMessage(TOPIC, damaged(text));
          assert.ok(["uplink", "other", "refused"].includes(parsed.kind));
        },
      ),
      { numRuns: counts(2_000, 200_000), seed: 8 },
    );
  });
});
