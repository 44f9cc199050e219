import assert from "node:assert/strict";
import { AdrEngine, requiredSnrDb } from "../../../../host-sim/network/adr-engine.ts";
import { bytes, Scene, TestDevice } from "./fixture.ts";

const LIMITS = { maxDataRate: 5, maxTxPower: 7, installationMarginDb: 10 };

describe("ADR, the network's side (TS001-1.0.4 4.3.1.1)", () => {
  it("steps of 3 dB over the margin raise the data rate first, then lower the power", () => {
    const cases: [number, number, { dataRate: number; txPower: number } | undefined][] = [
      // SNR, data rate, proposal: SF12 needs -20 dB, SF7 -7.5 dB, and 10 dB are kept.
      [-8, 0, undefined],
      [-7, 0, { dataRate: 1, txPower: 0 }],
      [-1, 0, { dataRate: 3, txPower: 0 }],
      [5, 0, { dataRate: 5, txPower: 0 }],
      [8, 0, { dataRate: 5, txPower: 1 }],
      [5, 5, undefined],
      [5.5, 5, { dataRate: 5, txPower: 1 }],
      [60, 5, { dataRate: 5, txPower: 7 }],
    ];
    for (const [snrDb, dataRate, expected] of cases) {
      const adr = new AdrEngine(LIMITS);
      adr.noteUplink(dataRate, snrDb);
      assert.deepEqual(adr.propose(12 - dataRate), expected, `${snrDb} dB at DR${dataRate}`);
    }
  });

  it("takes the best of the last 20 uplinks", () => {
    const adr = new AdrEngine(LIMITS);
    adr.noteUplink(0, 5);
    for (let i = 0; i < 19; i++) adr.noteUplink(0, -15);
    assert.deepEqual(adr.propose(12), { dataRate: 5, txPower: 0 });
    adr.noteUplink(0, -15);
    assert.equal(adr.propose(12), undefined);
  });

  it("raises the power only on a full history, and never lowers the data rate", () => {
    const adr = new AdrEngine(LIMITS);
    adr.noteUplink(5, 15);
    adr.accept({ dataRate: 5, txPower: 4 });
    for (let i = 0; i < 19; i++) {
      adr.noteUplink(5, -5);
      assert.equal(adr.propose(7), undefined);
    }
    adr.noteUplink(5, -5);
    assert.deepEqual(adr.propose(7), { dataRate: 5, txPower: 2 });
    adr.accept({ dataRate: 5, txPower: 0 });
    for (let i = 0; i < 20; i++) adr.noteUplink(5, -7);
    assert.equal(adr.propose(7), undefined);
  });

  it("a device that fell back to a slower data rate sends at full power", () => {
    const adr = new AdrEngine(LIMITS);
    adr.accept({ dataRate: 5, txPower: 4 });
    adr.noteUplink(4, 3);
    assert.deepEqual(adr.propose(8), { dataRate: 5, txPower: 0 });
  });

  it("the demodulation floor is 2.5 dB lower with each spreading factor", () => {
    for (let factor = 8; factor <= 12; factor++) assert.equal(requiredSnrDb(factor), requiredSnrDb(factor - 1) - 2.5);
  });
});

describe("ADR in the network server (TS001-1.0.4 5.2)", () => {
  function joined(dataRate = 0): { scene: Scene; device: TestDevice } {
    const scene = new Scene();
    const device = new TestDevice(scene);
    device.join();
    device.dataRate = dataRate;
    return { scene, device };
  }

  it("asks for data rate and power with all eight channels and NbTrans 1, and takes the answer over", () => {
    const { device } = joined();
    device.send(bytes("01"), { adr: true });
    // 15 dB is the most a gateway reports: 25 dB over SF12's floor and the margin, eight steps.
    assert.deepEqual([...device.downlinks[0].fOpts], [0x03, 0x53, 0xff, 0x00, 0x01]);
    assert.ok(device.downlinks[0].parsed.adr);
    device.dataRate = 5;
    device.send(bytes("02"), { adr: true }, bytes("0307"));
    // Power is already three steps down: the SNR is still at the gateway's most, so four more steps are to be had.
    assert.deepEqual([...device.downlinks[1].fOpts], [0x03, 0x57, 0xff, 0x00, 0x01]);
    device.send(bytes("03"), { adr: true }, bytes("0307"));
    assert.equal(device.downlinks.length, 2);
  });

  it("asks again when the answer is missing, and gives up after three refusals", () => {
    const { device } = joined();
    device.send(bytes("01"), { adr: true });
    device.send(bytes("02"), { adr: true });
    assert.equal(device.downlinks.length, 2);
    for (const status of ["0306", "0305", "0303"]) device.send(bytes("03"), { adr: true }, bytes(status));
    assert.equal(device.downlinks.length, 4);
    device.send(bytes("04"), { adr: true });
    assert.equal(device.downlinks.length, 4);
  });

  it("asks nothing of a device that has not set the ADR bit, and takes no answer that it did not ask for", () => {
    const { scene, device } = joined();
    device.send(bytes("01"), { adr: false }, bytes("0307"));
    assert.equal(device.downlinks.length, 0);
    assert.deepEqual(scene.refused(), {});
  });
});
