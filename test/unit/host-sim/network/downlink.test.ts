import assert from "node:assert/strict";
import { bytes, lora, Scene, TestDevice } from "./fixture.ts";

function joined(scene: Scene): TestDevice {
  const device = new TestDevice(scene);
  device.join();
  return device;
}

function uplinkOf(scene: Scene, device: TestDevice, index: number): { endUs: number } {
  return scene.air.filter(({ from }) => from === device)[index];
}

describe("network server, downlinks", () => {
  it("TS001-1.0.4 4.3.3, 4.4: lora-packet finds the MIC right and decrypts the payload", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.command({ fPort: 33, confirmed: true, data: Buffer.from("hello").toString("base64") });
    device.send(bytes("01"), { confirmed: true }, bytes("0d02"));
    const keys = scene.network.server.device(device.devEuiHex)!.current!.exportKeys();
    const nwkSKey = Buffer.from(keys.nwkSKey);
    const appSKey = Buffer.from(keys.appSKey);
    const packet = lora.fromWire(Buffer.from(device.downlinks[0].frame));
    assert.ok(lora.verifyMIC(packet, nwkSKey));
    assert.equal(lora.decrypt(packet, appSKey, nwkSKey).toString(), "hello");
    assert.equal(packet.getMType(), "Confirmed Data Down");
    assert.equal(packet.getFPort(), 33);
    assert.ok(packet.getFCtrlACK());
    assert.equal(packet.FOpts!.length, 9);
  });

  it("RP002-1.0.4 2.5.7, 2.5.8: RX1 begins 1 s after the uplink on its channel, data rate by RX1DROffset", () => {
    const scene = new Scene(undefined, { rx1DrOffset: 2, rx1DelayS: 3 });
    const device = joined(scene);
    assert.deepEqual([device.accept.rx1DrOffset, device.accept.rx1DelayS], [2, 3]);
    device.frequencyHz = 867_900_000;
    device.command({ fPort: 1, data: "AA==" });
    device.send(bytes("01"));
    const { transmission } = device.downlinks[0];
    assert.equal(transmission.startUs, uplinkOf(scene, device, 1).endUs + 3_000_000);
    assert.equal(transmission.modulation.frequencyHz, 867_900_000);
    assert.equal(transmission.modulation.spreadingFactor, 9);
    assert.equal(transmission.powerDbm, 16);
  });

  it("RX2 a second later at 869.525 MHz, when RX1's sub-band has no airtime left", () => {
    const scene = new Scene(undefined, { rx2DataRate: 3 });
    const device = joined(scene);
    scene.gateways[0].dutyCycle.book(868_100_000, scene.world.nowUs, 35_900_000);
    device.command({ fPort: 1, data: "AA==" });
    device.send(bytes("01"));
    const { transmission } = device.downlinks[0];
    assert.equal(transmission.startUs, uplinkOf(scene, device, 1).endUs + 2_000_000);
    assert.equal(transmission.modulation.frequencyHz, 869_525_000);
    assert.equal(transmission.modulation.spreadingFactor, 9);
    assert.deepEqual(scene.network.server.downlinks.counters, { rx1: 1, rx2: 1, noAirtime: 0, refused: 0, tooLong: 0 });
  });

  it("without airtime in either window it stays queued, and goes out when there is some again", () => {
    const scene = new Scene();
    const device = joined(scene);
    const { dutyCycle } = scene.gateways[0];
    dutyCycle.book(868_100_000, scene.world.nowUs, 36_000_000);
    dutyCycle.book(869_525_000, scene.world.nowUs, 360_000_000);
    device.command({ fPort: 1, data: "AA==" });
    device.send(bytes("01"));
    assert.equal(device.downlinks.length, 0);
    assert.equal(scene.network.server.downlinks.counters.noAirtime, 1);
    scene.wait(3700);
    device.send(bytes("02"));
    assert.equal(device.downlinks.length, 1);
  });

  it("when the best gateway is busy, the next best sends", () => {
    const scene = new Scene([
      { x: 100, y: 0 },
      { x: 800, y: 0 },
    ]);
    const a = new TestDevice(scene, 1);
    const b = new TestDevice(scene, 2);
    a.join();
    b.join();
    b.frequencyHz = 868_300_000;
    for (const device of [a, b]) device.command({ fPort: 1, data: "AA==" });
    a.transmit(a.frame(bytes("01")));
    b.transmit(b.frame(bytes("01")));
    scene.wait(6);
    assert.deepEqual([a.downlinks.length, b.downlinks.length], [1, 1]);
    assert.deepEqual(
      scene.gateways.map(({ counters }) => counters.sent),
      [4, 0],
      "the second device's RX2 is free at the best gateway",
    );
    scene.gateways[0].dutyCycle.book(869_525_000, scene.world.nowUs, 360_000_000);
    for (const device of [a, b]) device.command({ fPort: 1, data: "AA==" });
    a.transmit(a.frame(bytes("01")));
    b.transmit(b.frame(bytes("01")));
    scene.wait(6);
    assert.deepEqual([a.downlinks.length, b.downlinks.length], [2, 2]);
    assert.equal(scene.gateways[1].counters.sent, 1);
  });

  it("TS001-1.0.4 4.3.1.2: a confirmed uplink is acknowledged, its repetition too, an unconfirmed one not", () => {
    const scene = new Scene();
    const device = joined(scene);
    const frame = device.frame(bytes("01"), { confirmed: true });
    for (let i = 0; i < 2; i++) {
      device.transmit(frame);
      scene.wait(6);
    }
    device.send(bytes("02"));
    assert.deepEqual(
      device.downlinks.map(({ parsed }) => [parsed.ack, parsed.fCnt16, parsed.fPort]),
      [
        [true, 0, -1],
        [true, 1, -1],
      ],
    );
    assert.equal(scene.of("up").length, 2);
  });

  it("TS001-1.0.4 4.3.1.1: ADRACKReq gets a downlink even when there is nothing to say", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.send(bytes("01"), { adrAckReq: true });
    assert.equal(device.downlinks.length, 1);
  });

  it("TS001-1.0.4 4.3.1.4: FPending while more is queued; one downlink for each uplink, in order", () => {
    const scene = new Scene();
    const device = joined(scene);
    for (const value of [1, 2, 3]) device.command({ fPort: 5, data: Buffer.of(value).toString("base64") });
    for (let i = 0; i < 4; i++) device.send(bytes("01"));
    assert.deepEqual(
      device.downlinks.map(({ parsed, payload }) => [payload[0], parsed.fPending, parsed.fCnt16]),
      [
        [1, true, 0],
        [2, true, 1],
        [3, false, 2],
      ],
    );
  });

  it("an application that answers within 50 ms is heard in the windows of the very uplink", () => {
    const scene = new Scene();
    const device = joined(scene);
    scene.network.onUplink((topic) => {
      if (!topic.endsWith("/up")) return;
      const answer = JSON.stringify({ devEui: device.devEuiHex, fPort: 33, data: "AQ==" });
      scene.network.publish(device.commandTopic, answer);
    });
    device.send(bytes("01"));
    assert.equal(device.downlinks.length, 1);
    assert.equal(device.downlinks[0].transmission.startUs, uplinkOf(scene, device, 1).endUs + 1_000_000);
  });

  it("ChirpStack v4 event ack: a confirmed downlink is acknowledged by the next uplink, or is not", () => {
    const scene = new Scene();
    const device = joined(scene);
    const id = "1bbcab1d-6ec6-4136-b3f5-d63be1dc08de";
    device.command({ id, fPort: 1, confirmed: true, data: "AA==" });
    device.send(bytes("01"));
    assert.ok(device.downlinks[0].parsed.confirmed);
    device.send(bytes("02"), { ack: true });
    device.command({ fPort: 1, confirmed: true, data: "AA==" });
    device.send(bytes("03"));
    device.send(bytes("04"));
    device.send(bytes("05"));
    const acks = scene.of("ack").map(({ body }) => body);
    assert.deepEqual(
      acks.map(({ acknowledged, fCntDown }) => [acknowledged, fCntDown]),
      [
        [true, 0],
        [false, 1],
      ],
    );
    assert.equal(acks[0].queueItemId, id);
    assert.deepEqual(Object.keys(acks[0]), [
      "deduplicationId",
      "time",
      "deviceInfo",
      "queueItemId",
      "acknowledged",
      "fCntDown",
    ]);
  });

  it("ChirpStack v4 event txack: what the gateway took, with frequency, power, timing and context", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.command({ fPort: 1, data: "AA==" });
    device.send(bytes("01"));
    const [{ body }] = scene.of("txack");
    assert.ok(Number.isInteger(body.downlinkId));
    assert.equal(body.gatewayId, "0016c001f153a110");
    assert.equal(body.fCntDown, 0);
    assert.deepEqual(body.txInfo, {
      frequency: 868_100_000,
      power: 16,
      modulation: {
        lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5", polarizationInversion: true },
      },
      timing: { delay: { delay: "1s" } },
      context: scene.of("up")[0].body.rxInfo[0].context,
    });
  });

  it("RP002-1.0.4 2.5.6: what fits RX1 only is not offered in RX2; what fits neither is dropped and told", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.dataRate = 0;
    device.command({ fPort: 1, data: Buffer.alloc(52).toString("base64") });
    device.command({ fPort: 1, data: Buffer.alloc(51).toString("base64") });
    device.send(bytes("01"));
    assert.equal(device.downlinks[0].payload.length, 51);
    assert.equal(scene.of("log")[0].body.code, "DOWNLINK_PAYLOAD_SIZE");
    device.dataRate = 5;
    scene.gateways[0].dutyCycle.book(868_100_000, scene.world.nowUs, 35_000_000);
    device.command({ fPort: 1, data: Buffer.alloc(222).toString("base64") });
    device.send(bytes("02"), { confirmed: true });
    const [, empty] = device.downlinks;
    assert.deepEqual([empty.parsed.ack, empty.parsed.fPending, empty.payload.length], [true, true, 0]);
    scene.wait(3700);
    device.send(bytes("03"));
    assert.equal(device.downlinks[2].payload.length, 222);
  });

  it("MAC commands go before an application's payload that leaves them no room", () => {
    const scene = new Scene();
    const device = joined(scene);
    device.dataRate = 0;
    device.command({ fPort: 1, data: Buffer.alloc(51).toString("base64") });
    device.send(bytes("01"), {}, bytes("0d"));
    device.send(bytes("02"));
    assert.deepEqual(
      device.downlinks.map(({ fOpts, payload, parsed }) => [fOpts.length, payload.length, parsed.fPending]),
      [
        [6, 0, true],
        [0, 51, false],
      ],
    );
  });
});
