import assert from "node:assert/strict";
import type { Sx126xName } from "../../../../firmware/drivers/radio/sx126x-variants.ts";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { AntennaSwitch } from "../../../../host-sim/chips/antenna-switch.ts";
import { DOWNLINK, heltecStation, makeBench, Station, UPLINK } from "./radio-bench.ts";
import { assertGolden, GOLDEN_DETECT, GOLDEN_RECEIVE_IMPLICIT, GOLDEN_TRANSMIT_SX1261 } from "./sx126x-golden.ts";

const HELLO = Uint8Array.from([0x48, 0x65, 0x6c, 0x6c, 0x6f]);
const START_MS = 30;

describe("SX126x driver: variants of the chip", () => {
  function station(chip: Sx126xName, frequencyHz = 868_100_000) {
    const bench = makeBench();
    const made = new Station(bench.world, bench.channel, { x: 0, y: 0 }, { chip }, { chip, frequencyHz });
    bench.run(START_MS);
    assert.deepEqual(made.chip.violations, []);
    const sent: number[] = [];
    bench.channel.onTransmission(({ powerDbm }) => sent.push(powerDbm));
    const send = (powerDbm: number, change: Partial<LoraModulation> = {}): void => {
      made.radio.transmit({ ...UPLINK, frequencyHz, ...change }, powerDbm, HELLO, HELLO.length);
      bench.run(3000);
    };
    return { ...made, bench, made, sent, send };
  }

  it("DS.SX1261-2 13.1.14: an SX1261 sends 15 dBm with the golden sequence", () => {
    const { made, bench, sent, send } = station("sx1261");
    made.radio.sleep();
    bench.run(10);
    made.takeTrace();
    send(20);
    assertGolden(made.takeTrace(), GOLDEN_TRANSMIT_SX1261);
    assert.deepEqual(sent, [15]);
    assert.deepEqual(made.chip.violations, []);
  });

  it("DS.SX1261-2 13.1.14: an SX1261 sends -17 to 15 dBm, below 400 MHz at most 14, and needs no clamp (15.2)", () => {
    const { made, sent, send } = station("sx1261");
    assert.ok(!made.takeTrace().some((bytes) => bytes.startsWith("0d08d8")));
    for (const powerDbm of [-30, -17, -3, 10, 11, 14, 15]) send(powerDbm);
    send(15, { frequencyHz: 169_400_000 });
    assert.deepEqual(sent, [-17, -17, -3, 10, 11, 14, 15, 14]);
    assert.deepEqual(
      made.chip.violations.map((violation) => violation.rule),
      ["outside-calibrated-band"],
      "169 MHz has no image calibration of its own (table 9-2)",
    );
  });

  it("DS.SX1268 3: 410 to 810 MHz, and the high-power amplifier", () => {
    const { made, sent, send } = station("sx1268", 490_000_000);
    for (const powerDbm of [-9, 14, 22]) send(powerDbm);
    assert.deepEqual(sent, [-9, 14, 22]);
    assert.throws(() => send(14, { frequencyHz: 868_100_000 }), RangeError);
    assert.equal(made.radio.busy, false);
    assert.deepEqual(made.chip.violations, []);
  });

  it("DS.LLCC68 6.1.1: SF9 at most at 125 kHz, SF10 at 250 kHz, SF11 at 500 kHz", () => {
    const { made, sent, send } = station("llcc68");
    const highest = { 125000: 9, 250000: 10, 500000: 11 } as const;
    for (const bandwidthHz of [125_000, 250_000, 500_000] as const) {
      for (let spreadingFactor = 4; spreadingFactor <= 13; spreadingFactor++) {
        const can = spreadingFactor >= 5 && spreadingFactor <= highest[bandwidthHz];
        const change = { bandwidthHz, spreadingFactor };
        assert.equal(made.radio.supports({ ...UPLINK, ...change }), can);
        if (can) send(14, change);
        else assert.throws(() => send(14, change), RangeError);
      }
    }
    assert.equal(sent.length, 5 + 6 + 7);
    assert.deepEqual(made.chip.violations, []);
  });
});

describe("SX126x driver: channel activity detection", () => {
  it("DS.SX1261-2 13.1.7, 13.4.7: the golden sequence; nobody sends", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    station.radio.detectActivity({ ...UPLINK, spreadingFactor: 9 });
    assert.equal(station.radio.busy, true);
    bench.run(100);
    assertGolden(station.takeTrace(), GOLDEN_DETECT);
    const [event] = station.takeEvents();
    assert.deepEqual(event.kind === "activity" && event.detected, false);
    assert.equal(station.chip.mode, 2);
    assert.deepEqual(station.chip.violations, []);
  });

  it("a frame of that modulation is found, in its preamble and in its payload; others are not", () => {
    const cases: [Partial<LoraModulation>, number, boolean][] = [
      [{}, 8, true],
      [{}, 24, true],
      [{}, 100, false],
      [{ spreadingFactor: 8 }, 8, false],
      [{ frequencyHz: 868_300_000 }, 8, false],
      [{ invertIq: true }, 8, false],
    ];
    for (const [change, afterMs, detected] of cases) {
      const bench = makeBench();
      const station = heltecStation(bench);
      const sender = heltecStation(bench, 500);
      bench.run(START_MS);
      sender.radio.transmit({ ...UPLINK, ...change }, 14, HELLO, HELLO.length);
      bench.run(afterMs);
      station.radio.detectActivity(UPLINK);
      bench.run(300);
      const [event] = station.takeEvents();
      assert.equal(event.kind === "activity" && event.detected, detected, JSON.stringify([change, afterMs]));
    }
  });
});

describe("SX126x driver: frames without a header", () => {
  const IMPLICIT = { ...UPLINK, implicitLength: HELLO.length };

  it("DS.SX1261-2 6.1.3.1, 15.3: the golden sequence, with the timer stopped after the frame", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = heltecStation(bench, 300);
    bench.run(START_MS);
    receiver.takeTrace();
    receiver.radio.receive(IMPLICIT, 100);
    bench.run(10);
    sender.radio.transmit(IMPLICIT, 14, HELLO, HELLO.length);
    bench.run(500);
    assertGolden(receiver.takeTrace(), GOLDEN_RECEIVE_IMPLICIT);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind === "received" && event.frame, "48656c6c6f");
    assert.deepEqual([...receiver.chip.violations, ...sender.chip.violations], []);
  });

  it("the longest such frame at the slowest data rate is not cut off by the receiver's own timer", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = heltecStation(bench, 300);
    bench.run(START_MS);
    const slow = { ...UPLINK, spreadingFactor: 12, codingRate: 4, implicitLength: 255 };
    receiver.radio.receive(slow, 8);
    sender.radio.transmit(slow, 14, new Uint8Array(255).fill(7), 255);
    bench.run(20_000);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind === "received" && event.frame, "07".repeat(255));
  });

  it("a frame of another length than the header would say is our own bug", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    assert.throws(() => station.radio.transmit(IMPLICIT, 14, HELLO, 4), RangeError);
    assert.equal(station.radio.busy, false);
  });
});

describe("SX126x driver: antenna switch on pins", () => {
  it("is set before the chip sends, listens or detects, and off when it sleeps", () => {
    const bench = makeBench();
    const antennaSwitch = new AntennaSwitch();
    const station = new Station(
      bench.world,
      bench.channel,
      { x: 0, y: 0 },
      { antennaSwitch },
      { rfSwitch: antennaSwitch.io },
    );
    bench.run(START_MS);
    assert.ok(antennaSwitch.isOff);
    const operations = [
      () => station.radio.transmit(UPLINK, 14, HELLO, HELLO.length),
      () => station.radio.receive(DOWNLINK, 8),
      () => station.radio.detectActivity(UPLINK),
    ];
    for (const operation of [...operations, ...operations.reverse()]) {
      operation();
      bench.run(500);
    }
    assert.deepEqual(station.takeKinds().sort(), [
      "activity",
      "activity",
      "timeout",
      "timeout",
      "transmitted",
      "transmitted",
    ]);
    station.radio.sleep();
    bench.run(10);
    assert.ok(antennaSwitch.isOff);
    assert.deepEqual(station.chip.violations, []);
  });

  it("the model notices a switch that nobody sets", () => {
    const bench = makeBench();
    const station = new Station(bench.world, bench.channel, { x: 0, y: 0 }, { antennaSwitch: new AntennaSwitch() });
    station.radio.receive(DOWNLINK, 8);
    bench.run(500);
    assert.deepEqual(
      station.chip.violations.map((violation) => violation.rule),
      ["antenna-switch"],
    );
  });
});
