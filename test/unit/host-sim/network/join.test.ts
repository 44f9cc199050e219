import assert from "node:assert/strict";
import { bytes, lora, Scene, TestDevice } from "./fixture.ts";

const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

describe("network server, joining", () => {
  it("TS001-1.0.4 6.2.4: lora-packet decrypts the accept, finds its MIC right and derives the same keys (6.2.5)", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.join();
    const [transmission] = device.accepts;
    const appKey = Buffer.from(device.appKey);
    const encrypted = lora.fromWire(Buffer.from(transmission.frame));
    const accept = lora.fromWire(lora.decryptJoinAccept(encrypted, appKey));
    assert.ok(lora.verifyMIC(accept, undefined, appKey));
    assert.equal(hex(accept.DevAddr!), "00000001");
    assert.equal(hex(accept.NetID!), "000000");
    assert.equal(hex(accept.AppNonce!), "000001");
    const keys = lora.generateSessionKeys(appKey, accept.NetID!, accept.AppNonce!, Buffer.from("0001", "hex"));
    device.send(bytes("01"));
    const ours = scene.network.server.device(device.devEuiHex)!.current!.exportKeys();
    assert.equal(hex(ours.nwkSKey), hex(keys.NwkSKey));
    assert.equal(hex(ours.appSKey), hex(keys.AppSKey));
  });

  it("RP002-1.0.4 2.4.4: the CFList names 867.1 to 867.9 MHz and is of type 0", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.join();
    const { cfList, rx1DelayS, rx1DrOffset, rx2DataRate } = device.accept;
    const channels = [0, 1, 2, 3, 4].map((i) => Buffer.from(cfList).readUIntLE(3 * i, 3) * 100);
    assert.deepEqual(channels, [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000]);
    assert.equal(cfList[15], 0);
    assert.deepEqual([rx1DelayS, rx1DrOffset, rx2DataRate], [1, 0, 0]);
  });

  it("RP002-1.0.4 2.5.8: the accept begins 5 s after the request's end, on its frequency and data rate", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.dataRate = 2;
    device.frequencyHz = 868_500_000;
    device.join();
    const [request] = scene.air;
    const [accept] = device.accepts;
    assert.equal(accept.startUs, request.endUs + 5_000_000);
    assert.equal(accept.modulation.frequencyHz, 868_500_000);
    assert.equal(accept.modulation.spreadingFactor, 10);
    assert.ok(accept.modulation.invertIq && !accept.modulation.crcOn);
  });

  it("RP002-1.0.4 2.5.8: when RX1 is not to be had, the accept comes a second later at 869.525 MHz, DR0", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    scene.gateways[0].dutyCycle.book(868_100_000, 0, 35_990_000);
    device.join();
    const [accept] = device.accepts;
    assert.equal(accept.startUs, scene.air[0].endUs + 6_000_000);
    assert.equal(accept.modulation.frequencyHz, 869_525_000);
    assert.equal(accept.modulation.spreadingFactor, 12);
    assert.equal(accept.powerDbm, 29);
  });

  it("TS001-1.0.4 6.2.3: a DevNonce that does not grow is refused, and the session stays", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.devNonce = 6;
    device.join();
    const replayed = scene.air[0].frame;
    device.send(bytes("01"));
    device.transmit(replayed);
    scene.wait(10);
    device.devNonce = 5;
    device.transmit(device.joinRequest());
    scene.wait(10);
    assert.equal(scene.refused()["dev-nonce-reused"], 2);
    assert.equal(device.accepts.length, 1);
    device.send(bytes("02"));
    assert.equal(scene.of("up").length, 2);
    assert.deepEqual(
      scene.of("log").map(({ body }) => [body.code, body.description]),
      [
        ["OTAA", "dev-nonce-reused"],
        ["OTAA", "dev-nonce-reused"],
      ],
    );
  });

  it("TS001-1.0.4 6.2.4: JoinNonce and DevAddr are new at each join; the old session ends with the first new uplink", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.join();
    device.send(bytes("01"));
    const old = device.frame(bytes("02"));
    const oldToo = device.frame(bytes("03"));
    device.join();
    assert.equal(device.accept.joinNonce, 2);
    assert.equal(device.devAddr, 2);
    device.transmit(old);
    scene.wait(6);
    assert.equal(scene.of("up").length, 2, "the device might not have heard the accept");
    device.send(bytes("04"));
    device.transmit(oldToo);
    scene.wait(6);
    assert.deepEqual(
      scene.of("up").map(({ body }) => body.data),
      ["AQ==", "Ag==", "BA=="],
    );
    assert.deepEqual(scene.refused(), { "unknown-dev-addr": 1 });
  });

  it("an accept that no uplink follows gives way to the next one", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.join();
    const stray = device.frame(bytes("01"));
    device.join();
    device.transmit(stray);
    scene.wait(6);
    assert.deepEqual(scene.refused(), { "unknown-dev-addr": 1 });
    device.send(bytes("02"));
    assert.equal(scene.of("up").length, 1);
  });

  it("refuses by name: unknown device, wrong JoinEUI, wrong MIC, wrong length", () => {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.devNonce = 1;
    const good = device.joinRequest();
    const flipped = (at: number): Uint8Array => good.map((byte, index) => (index === at ? byte ^ 1 : byte));
    for (const frame of [flipped(9), flipped(1), flipped(17), flipped(22), good.slice(0, 22)]) {
      device.transmit(frame);
      scene.wait(10);
    }
    assert.deepEqual(scene.refused(), {
      "unknown-device": 1,
      "wrong-join-eui": 1,
      "wrong-join-mic": 2,
      "malformed-join-request": 1,
    });
    assert.equal(scene.of("join").length, 0);
    assert.equal(scene.gateways[0].counters.sent, 0);
  });

  it("heard by three gateways it is one join, answered by the one that heard it best", () => {
    const scene = new Scene([
      { x: 3000, y: 0 },
      { x: 500, y: 0 },
      { x: 900, y: 0 },
    ]);
    const device = new TestDevice(scene);
    device.join();
    assert.equal(device.accepts.length, 1);
    assert.deepEqual(
      scene.gateways.map(({ counters }) => counters.sent),
      [0, 1, 0],
    );
    assert.equal(scene.network.server.counters.joinsAccepted, 1);
    assert.deepEqual(scene.refused(), {});
  });
});
