import assert from "node:assert/strict";
import { chirpstackDownlink, parseChirpstackEvent } from "../../../../tools/receiver/chirpstack-source.ts";
import { APPLICATION, uplink } from "./fixture.ts";

const DEV_EUI = "70b3d57ed0000001";
const FRAME = new Uint8Array([1, 2, 3, 4]);

function changed(change: (event: { [member: string]: unknown }) => void): ReturnType<typeof parseChirpstackEvent> {
  const { topic, json } = uplink(DEV_EUI, 32, FRAME);
  const event = JSON.parse(json);
  change(event);
  return parseChirpstackEvent(topic, JSON.stringify(event));
}

describe("ChirpStack v4 MQTT integration", () => {
  it("reads an uplink event", () => {
    assert.deepEqual(
      changed(() => {}),
      { kind: "uplink", application: APPLICATION, devEui: DEV_EUI, fPort: 32, payload: FRAME },
    );
  });

  it("writes a downlink for command/down", () => {
    const { topic, json } = chirpstackDownlink(APPLICATION, DEV_EUI, 33, FRAME);
    assert.equal(topic, `application/${APPLICATION}/device/${DEV_EUI}/command/down`);
    assert.deepEqual(JSON.parse(json), { devEui: DEV_EUI, confirmed: false, fPort: 33, data: "AQIDBA==" });
  });

  it("names the other events without reading them, and unknown ones as unknown", () => {
    const topic = `application/${APPLICATION}/device/${DEV_EUI}/event/`;
    for (const name of ["join", "ack", "txack", "status", "log", "location", "integration"]) {
      assert.deepEqual(parseChirpstackEvent(topic + name, "no JSON"), { kind: "other", name });
    }
    assert.deepEqual(parseChirpstackEvent(`${topic}brandnew`, "{}"), { kind: "other", name: "unknown" });
  });

  it("takes members left out for zero (protobuf's JSON mapping): no FPort, no data", () => {
    for (const member of ["fPort", "data"]) {
      assert.deepEqual(
        changed((event) => delete event[member]),
        { kind: "other", name: "up-without-payload" },
      );
    }
  });

  const refusals: [string, (event: { [member: string]: unknown }) => void][] = [
    ["dev-eui-differs-from-topic", (event) => (event.deviceInfo = { devEui: "70b3d57ed0000002" })],
    ["dev-eui-differs-from-topic", (event) => delete event.deviceInfo],
    ["dev-eui-differs-from-topic", (event) => (event.deviceInfo = null)],
    ["port-malformed", (event) => (event.fPort = 256)],
    ["port-malformed", (event) => (event.fPort = "32")],
    ["port-malformed", (event) => (event.fPort = 1.5)],
    ["payload-malformed", (event) => (event.data = "AQIDBA")],
    ["payload-malformed", (event) => (event.data = 7)],
    ["payload-malformed", (event) => (event.data = "AAAA".repeat(81))],
    ["payload-encrypted", (event) => (event.joinServerContext = { sessionKeyId: "01" })],
  ];
  for (const [reason, change] of refusals) {
    it(`refuses an uplink event: ${reason}`, () => {
      assert.deepEqual(changed(change), { kind: "refused", reason, devEui: DEV_EUI });
    });
  }

  it("refuses topics that are not the integration's, or that would not be safe to publish to", () => {
    for (const [topic, reason] of [
      ["", "topic-unknown"],
      ["application/a/device/70b3d57ed0000001/event", "topic-unknown"],
      ["application/a/device/70b3d57ed0000001/command/down", "topic-unknown"],
      ["application/a/device/70b3d57ed000000/event/up", "topic-dev-eui-malformed"],
      [`application/${"a".repeat(300)}/device/70b3d57ed0000001/event/up`, "topic-unknown"],
    ]) {
      assert.deepEqual(parseChirpstackEvent(topic, "{}"), { kind: "refused", reason });
    }
    for (const application of ["", "+", "#", "a b", "a".repeat(65)]) {
      const topic = `application/${application}/device/${DEV_EUI}/event/up`;
      assert.deepEqual(parseChirpstackEvent(topic, "{}"), {
        kind: "refused",
        reason: "topic-application-malformed",
        devEui: DEV_EUI,
      });
    }
  });
});
