import assert from "node:assert/strict";
import { parseCommand } from "../../../../host-sim/network/chirpstack-commands.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { Scene, TestDevice } from "./fixture.ts";

const EUI = "70b3d57ed0000011";
const TOPIC = `application/6772756e-6474-4275-8468-000000000002/device/${EUI}/command/down`;
const GOOD = { devEui: EUI, confirmed: false, fPort: 10, data: "AQID" };

function reasonOf(body: unknown, topic = TOPIC): string {
  const parsed = parseCommand(topic, typeof body === "string" ? body : JSON.stringify(body));
  return parsed.ok ? "ok" : parsed.reason;
}

describe("ChirpStack v4 command down", () => {
  it("reads the documented shape, and takes what may be left out", () => {
    const parsed = parseCommand(TOPIC, JSON.stringify(GOOD));
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.command, {
      applicationId: "6772756e-6474-4275-8468-000000000002",
      devEui: EUI,
      id: undefined,
      confirmed: false,
      fPort: 10,
      data: Uint8Array.of(1, 2, 3),
    });
    assert.equal(reasonOf({ devEui: EUI, fPort: 1 }), "ok");
    assert.equal(reasonOf({ ...GOOD, id: "" }), "ok");
    assert.equal(reasonOf({ ...GOOD, devEui: EUI.toUpperCase() }), "ok");
  });

  it("names what is wrong with anything else", () => {
    const wrong: [string, unknown][] = [
      ["not-json", "{"],
      ["not-json", ""],
      ["not-json", "[".repeat(2000)],
      ["too-long", "[".repeat(3000)],
      ["not-an-object", "[]"],
      ["not-an-object", "null"],
      ["not-an-object", "7"],
      ["dev-eui-differs-from-topic", { ...GOOD, devEui: "70b3d57ed0000012" }],
      ["dev-eui-differs-from-topic", { fPort: 1 }],
      ["dev-eui-differs-from-topic", { ...GOOD, devEui: [EUI] }],
      ["invalid-f-port", { ...GOOD, fPort: 0 }],
      ["invalid-f-port", { ...GOOD, fPort: 224 }],
      ["invalid-f-port", { ...GOOD, fPort: 1.5 }],
      ["invalid-f-port", { ...GOOD, fPort: "1" }],
      ["invalid-f-port", { devEui: EUI }],
      ["invalid-confirmed", { ...GOOD, confirmed: "yes" }],
      ["invalid-confirmed", { ...GOOD, confirmed: 1 }],
      ["invalid-data", { ...GOOD, data: "A" }],
      ["invalid-data", { ...GOOD, data: [1, 2] }],
      ["invalid-data", { ...GOOD, data: null }],
      ["data-too-long", { ...GOOD, data: Buffer.alloc(243).toString("base64") }],
      ["invalid-id", { ...GOOD, id: "1" }],
      ["invalid-id", { ...GOOD, id: 5 }],
      ["object-without-codec", { ...GOOD, object: { led: true } }],
    ];
    for (const [reason, body] of wrong) assert.equal(reasonOf(body), reason, JSON.stringify(body));
    for (const topic of [
      "",
      "application",
      TOPIC.replace("command", "event"),
      TOPIC.replace("down", "up"),
      `${TOPIC}/x`,
      TOPIC.replace(EUI, "70b3"),
    ]) {
      assert.equal(reasonOf(GOOD, topic), "unknown-topic", topic);
    }
  });

  it("random and mutated commands never throw", () => {
    const random = new RandomStream(1, "commands");
    const valid = JSON.stringify({ ...GOOD, id: "1bbcab1d-6ec6-4136-b3f5-d63be1dc08de" });
    for (let i = 0; i < counts(20_000, 1_000_000); i++) {
      const text = [...valid];
      for (let edits = random.below(4); edits >= 0; edits--) {
        const at = random.below(text.length);
        if (random.below(2) === 0) text[at] = String.fromCharCode(random.below(random.below(8) === 0 ? 0x10000 : 128));
        else text.splice(at, 1 + random.below(5));
      }
      const parsed = parseCommand(TOPIC, text.join(""));
      assert.ok(parsed.ok || parsed.reason.length > 0);
    }
  });

  it("at the edge: other applications, unknown devices and full queues are refused, each counted by name", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    const { network } = scene;
    const body = JSON.stringify({ ...GOOD, devEui: device.devEuiHex });
    network.publish(device.commandTopic.replace("000000000002", "000000000003"), body);
    network.publish(TOPIC.replace(EUI, "70b3d57ed00000ff"), JSON.stringify({ ...GOOD, devEui: "70b3d57ed00000ff" }));
    network.publish("x", "y");
    for (let i = 0; i < 17; i++) network.publish(device.commandTopic, body);
    scene.wait(1);
    assert.deepEqual(network.commands, {
      taken: 16,
      refused: { "wrong-application": 1, "unknown-device": 1, "unknown-topic": 1, "queue-full": 1 },
    });
  });
});
