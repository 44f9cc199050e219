import assert from "node:assert/strict";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { bytes, PLAN, Scene, START_UNIX_MS, TestDevice } from "./fixture.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function joined(scene: Scene): TestDevice {
  const device = new TestDevice(scene);
  device.join();
  return device;
}

describe("network server, uplinks", () => {
  it("ChirpStack v4 event up: every field, with what the air showed", () => {
    const scene = new Scene([
      { x: 0, y: 0 },
      { x: 1500, y: 0 },
    ]);
    const device = joined(scene);
    device.frequencyHz = 867_500_000;
    device.dataRate = 3;
    device.send(bytes("0102ff"), { fPort: 30, confirmed: true, adr: true });
    const [{ topic, body, atUs }] = scene.of("up");
    const transmission = scene.air.filter(({ from }) => from === device)[1];
    assert.equal(topic, `application/${body.deviceInfo.applicationId}/device/70b3d57ed0000011/event/up`);
    assert.match(body.deduplicationId, UUID);
    assert.equal(Date.parse(body.time), Math.floor(START_UNIX_MS + transmission.endUs / 1000));
    assert.match(body.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    const { deviceInfo, rxInfo, ...rest } = body;
    assert.deepEqual(Object.keys(deviceInfo), [
      "tenantId",
      "tenantName",
      "applicationId",
      "applicationName",
      "deviceProfileId",
      "deviceProfileName",
      "deviceName",
      "devEui",
      "deviceClassEnabled",
      "tags",
    ]);
    assert.equal(deviceInfo.devEui, "70b3d57ed0000011");
    assert.deepEqual(rest, {
      deduplicationId: body.deduplicationId,
      time: body.time,
      devAddr: "00000001",
      adr: true,
      dr: 3,
      fCnt: 0,
      fPort: 30,
      confirmed: true,
      data: "AQL/",
      txInfo: {
        frequency: 867_500_000,
        modulation: { lora: { bandwidth: 125_000, spreadingFactor: 9, codeRate: "CR_4_5" } },
      },
      regionConfigId: "eu868",
    });
    assert.equal(rxInfo.length, 2);
    for (const info of rxInfo) {
      assert.ok(Number.isInteger(info.uplinkId) && info.uplinkId >= 0 && info.uplinkId < 2 ** 32);
      assert.ok(Number.isInteger(info.rssi) && Number.isInteger(info.snr * 4));
      assert.equal(Buffer.from(info.context, "base64").length, 4);
      assert.equal(info.channel, 5);
      assert.equal(info.crcStatus, "CRC_OK");
    }
    assert.deepEqual(new Set(rxInfo.map(({ gatewayId }: { gatewayId: string }) => gatewayId)).size, 2);
    assert.equal(atUs, transmission.endUs + 20_000 + 200_000 + 50_000, "backhaul, deduplication, integration");
  });

  it("ChirpStack v4: channel 0, RSSI 0 and SNR 0 are left out of rxInfo; an empty frame is an event with fPort 0", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.send(new Uint8Array(0));
    const [{ body }] = scene.of("up");
    assert.ok(!("channel" in body.rxInfo[0]));
    assert.equal(body.fPort, 0);
    assert.equal(body.data, "");
    assert.equal(body.confirmed, false);
    assert.equal(body.fCnt, 0);
  });

  it("gathers the copies of three gateways within 200 ms into one event", () => {
    const scene = new Scene([
      { x: 0, y: 0 },
      { x: 700, y: 0 },
      { x: 1500, y: 0 },
    ]);
    const device = joined(scene);
    for (let i = 0; i < 10; i++) device.send(bytes("01"));
    assert.equal(scene.of("up").length, 10);
    assert.ok(scene.of("up").every(({ body }) => body.rxInfo.length === 3));
    assert.equal(scene.network.server.counters.uplinksAccepted, 10);
    assert.equal(scene.network.server.counters.duplicatesMerged, 22);
    assert.deepEqual(scene.refused(), {});
  });

  it("a copy that comes after the window is a repetition, not an uplink", () => {
    const scene = new Scene([{ x: 0, y: 0 }]);
    const device = joined(scene);
    const frame = device.frame(bytes("01"));
    device.transmit(frame);
    scene.wait(1);
    device.transmit(frame);
    scene.wait(6);
    assert.equal(scene.of("up").length, 1);
    assert.equal(scene.network.server.counters.uplinksRepeated, 1);
  });

  it("TS001-1.0.4 4.3.1.5: an older frame is refused as a replay, whatever came since", () => {
    const scene = new Scene();
    const device = joined(scene);
    const frames = [0, 1, 2, 3].map((value) => device.frame(Uint8Array.of(value)));
    for (const index of [0, 1, 3, 2, 0, 1]) {
      device.transmit(frames[index]);
      scene.wait(6);
    }
    assert.deepEqual(
      scene.of("up").map(({ body }) => body.fCnt),
      [0, 1, 3],
    );
    assert.deepEqual(scene.refused(), { "replayed-frame-counter": 3 });
  });

  it("TS001-1.0.4 4.3.1.5: the counter has 32 bits, of which the air carries 16; an old round is named as a replay", () => {
    const scene = new Scene();
    const device = joined(scene);
    const seen: number[] = [];
    let old: Uint8Array | undefined;
    for (const fCnt of [0, 65_534, 65_535, 65_536, 65_537, 131_071, 131_072]) {
      device.fCnt = fCnt;
      const frame = device.frame(bytes("01"));
      if (fCnt === 65_537) old = frame;
      device.transmit(frame);
      scene.wait(6);
      seen.push(fCnt);
    }
    assert.deepEqual(
      scene.of("up").map(({ body }) => body.fCnt),
      seen,
    );
    for (const fCnt of [131_073, 196_000, 261_000, 326_000, 391_000]) {
      device.fCnt = fCnt;
      device.send(bytes("02"));
      device.transmit(old!);
      scene.wait(6);
    }
    assert.equal(scene.network.server.counters.uplinksAccepted, 12);
    assert.deepEqual(scene.refused(), { "replayed-frame-counter": 4, "wrong-mic": 1 });
  });

  it("TS001-1.0.4 4.4: a flipped bit in any byte of a frame is refused by name", () => {
    const scene = new Scene();
    const device = joined(scene);
    const frame = device.frame(bytes("0102030405060708"), { confirmed: true }, bytes("0d"));
    for (let at = 0; at < frame.length; at++) {
      device.transmit(frame.map((byte, index) => (index === at ? byte ^ 0x04 : byte)));
      scene.wait(2);
    }
    const total = Object.values(scene.refused()).reduce((sum, count) => sum + count, 0);
    assert.equal(total, frame.length);
    assert.equal(scene.of("up").length, 0);
    const names = new Set(Object.keys(scene.refused()));
    for (const name of ["wrong-mic", "unknown-dev-addr", "malformed-frame"]) names.delete(name);
    assert.deepEqual([...names], []);
    device.transmit(frame);
    scene.wait(6);
    assert.equal(scene.of("up").length, 1, "none of it moved the counter");
  });

  it("ChirpStack v4 event log: a wrong MIC is told as UPLINK_MIC", () => {
    const scene = new Scene();
    const device = joined(scene);
    const frame = device.frame(bytes("01"));
    frame[frame.length - 1] ^= 1;
    device.transmit(frame);
    scene.wait(6);
    const [{ body }] = scene.of("log");
    assert.deepEqual(
      [body.level, body.code, body.description, body.deviceInfo.devEui],
      ["ERROR", "UPLINK_MIC", "wrong-mic", "70b3d57ed0000011"],
    );
  });

  it("random and mutated frames never throw, and none of them is taken", () => {
    const scene = new Scene();
    const device = joined(scene);
    const random = new RandomStream(1, "fuzz");
    const valid = [device.joinRequest(), device.frame(bytes("0102"), { confirmed: true }, bytes("0d02"))];
    device.transmit(valid[1]);
    scene.wait(6);
    const before = scene.network.server.counters.uplinksAccepted;
    for (let i = 0; i < counts(3000, 100_000); i++) {
      let frame: Uint8Array = new Uint8Array(random.below(64));
      random.fill(frame);
      if (i % 2 === 0) {
        frame = valid[random.below(2)].slice();
        for (let flips = 1 + random.below(3); flips > 0; flips--)
          frame[random.below(frame.length)] ^= 1 << random.below(8);
        if (random.below(4) === 0) frame = frame.slice(0, random.below(frame.length));
      }
      device.frequencyHz = PLAN.channelsHz[i % 8];
      device.transmit(frame);
      scene.wait(1);
      if (i % 100 === 0) scene.events.length = scene.air.length = 0;
    }
    assert.equal(scene.network.server.counters.uplinksAccepted, before);
    assert.equal(scene.network.server.counters.joinsAccepted, 1);
  });
});

describe("network server, MAC commands", () => {
  it("TS001-1.0.4 5.11: DeviceTimeAns is the GPS time of the end of the uplink, to 1/256 s", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.send(bytes("01"), {}, bytes("0d"));
    const uplink = scene.air.filter(({ from }) => from === device)[1];
    const [{ fOpts }] = device.downlinks;
    assert.equal(fOpts[0], 0x0d);
    const view = Buffer.from(fOpts);
    const gpsS = view.readUInt32LE(1) + view[5] / 256;
    const trueGpsS = (START_UNIX_MS + uplink.endUs / 1000 - Date.UTC(1980, 0, 6)) / 1000 + 18;
    assert.ok(gpsS <= trueGpsS && trueGpsS - gpsS < 1 / 256, `${gpsS} ${trueGpsS}`);
  });

  it("TS001-1.0.4 5.1: LinkCheckAns tells the margin over the best gateway's floor, and how many heard it", () => {
    const scene = new Scene([
      { x: 2000, y: 0 },
      { x: 2500, y: 0 },
    ]);
    const device = new TestDevice(scene, 1, { x: 0, y: 0 });
    device.dataRate = 0;
    device.join();
    device.send(bytes("01"), {}, bytes("02"));
    const best = Math.max(...scene.of("up")[0].body.rxInfo.map(({ snr }: { snr: number }) => snr));
    assert.deepEqual([...device.downlinks[0].fOpts], [0x02, Math.floor(best + 20), 2]);
  });

  it("answers each kind once, however often a frame asks, and survives unreadable commands", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.send(bytes("01"), {}, bytes("0d0d0d0202020d02020d0d0d0d0202"));
    assert.equal(device.downlinks[0].fOpts.length, 9);
    device.send(bytes("01"), {}, bytes("7f0d"));
    assert.equal(device.downlinks.length, 1);
    assert.deepEqual(scene.refused(), { "unreadable-mac-command": 1 });
    assert.equal(scene.of("up").length, 2);
  });

  it("TS001-1.0.4 4.3.2: commands in FRMPayload of FPort 0 count the same, and are no application data", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.send(bytes("0d"), { fPort: 0 });
    assert.equal(device.downlinks[0].fOpts[0], 0x0d);
    assert.equal(scene.of("up")[0].body.data, "");
    assert.equal(scene.of("up")[0].body.fPort, 0);
  });
});
