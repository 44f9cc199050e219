import assert from "node:assert/strict";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { AntennaSwitch } from "../../../../host-sim/chips/antenna-switch.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { type Bench, DOWNLINK, heltecStation, makeBench, Sx127xStation, UPLINK } from "./radio-bench.ts";
import { assertGolden } from "./sx126x-golden.ts";
import { GOLDEN_FETCH } from "./sx127x-golden.ts";

const HELLO = Uint8Array.from([0x48, 0x65, 0x6c, 0x6c, 0x6f]);
const START_MS = 30;

/** Started, its trace empty. */
function started(bench: Bench, ...rest: [number?, object?, object?]): Sx127xStation {
  const station = new Sx127xStation(bench, ...rest);
  bench.run(START_MS);
  station.takeTrace();
  return station;
}

describe("SX127x driver: operations", () => {
  it("ports/radio: TxDone is stamped when the last symbol has left (time on air after the start)", () => {
    const bench = makeBench();
    const station = started(bench);
    let startUs = 0;
    bench.channel.onTransmission((transmission) => {
      startUs = transmission.startUs;
    });
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    assert.equal(station.radio.busy, true);
    bench.run(100);
    const atMs = Math.floor((startUs + timeOnAirUs(UPLINK, HELLO.length)) / 1000);
    assert.deepEqual(station.takeEvents(), [{ kind: "transmitted", atMs }]);
    assert.equal(station.radio.busy, false);
  });

  it("frames go between the two families, both ways, at every data rate of EU868", () => {
    const bench = makeBench();
    const one = started(bench);
    const other = heltecStation(bench, 400);
    bench.run(START_MS);
    for (let spreadingFactor = 7; spreadingFactor <= 12; spreadingFactor++) {
      for (const modulation of [UPLINK, DOWNLINK]) {
        for (const [from, to] of [
          [one, other],
          [other, one],
        ]) {
          const used = { ...modulation, spreadingFactor };
          to.radio.receive(used, 16);
          bench.run(6);
          from.radio.transmit(used, 14, HELLO, HELLO.length);
          bench.run(3000);
          assert.deepEqual(from.takeKinds(), ["transmitted"]);
          const [event] = to.takeEvents();
          assert.equal(event.kind === "received" && event.frame, "48656c6c6f", JSON.stringify(used));
        }
      }
    }
    assert.deepEqual([...one.chip.violations, ...other.chip.violations], []);
  });

  it("DS_SX1276 5.5.5: RSSI and SNR of a frame, above and below the noise, read out with the golden sequence", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const near = started(bench, 1000);
    const far = started(bench, 3000);
    const slow = { ...UPLINK, spreadingFactor: 12 };
    near.radio.receive(slow, 100);
    far.radio.receive(slow, 100);
    bench.run(10);
    near.takeTrace();
    sender.radio.transmit(slow, 14, HELLO, HELLO.length);
    bench.run(2000);
    assertGolden(near.takeTrace(), GOLDEN_FETCH);
    const [above] = near.takeEvents();
    const [below] = far.takeEvents();
    // 14 dBm - 128.95 dB at 1 km; noise in 125 kHz is -117.03 dBm; at 3 km 11.07 dB less.
    assert.ok(above.kind === "received" && Math.abs(above.rssiDbm + 114.95) < 0.6 && above.snrDb === 2);
    assert.ok(below.kind === "received" && Math.abs(below.rssiDbm + 126.02) < 0.6 && below.snrDb === -9);
  });

  it("a frame longer than the window and its guard is received to its end", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = started(bench, 100);
    const frame = new Uint8Array(255).fill(0xa5);
    const slow = { ...DOWNLINK, spreadingFactor: 10 };
    receiver.radio.receive(slow, 8);
    sender.radio.transmit(slow, 14, frame, frame.length);
    bench.run(4000);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind === "received" && event.frame, "a5".repeat(255));
  });

  it("channel activity: a preamble is found, a payload is not (4.1.6), nor what is modulated otherwise", () => {
    const cases: [Partial<LoraModulation>, number, boolean][] = [
      [{}, 8, true],
      [{}, 24, false],
      [{}, 100, false],
      [{ spreadingFactor: 8 }, 8, false],
      [{ frequencyHz: 868_300_000 }, 8, false],
      [{ invertIq: true }, 8, false],
    ];
    for (const [change, afterMs, detected] of cases) {
      const bench = makeBench();
      const station = started(bench);
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

  it("the antenna switch is set before the chip sends, listens or detects, and off when it sleeps", () => {
    const bench = makeBench();
    const antennaSwitch = new AntennaSwitch();
    const station = started(bench, 0, { antennaSwitch }, { rfSwitch: antennaSwitch.io });
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
    assert.equal(station.takeKinds().length, 6);
    station.radio.sleep();
    assert.ok(antennaSwitch.isOff);
    assert.deepEqual(station.chip.violations, []);
  });

  it("ports/radio prepare: the oscillator runs, and the next operation begins at once", () => {
    const bench = makeBench();
    const station = started(bench);
    const startsUs: number[] = [];
    bench.channel.onTransmission(({ startUs }) => startsUs.push(startUs));
    station.radio.prepare();
    assert.equal(station.radio.asleep, false);
    bench.run(5);
    const askedUs = bench.world.nowUs;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    assert.equal(startsUs[0] - askedUs, 115);
    station.radio.sleep();
    assert.equal(station.radio.asleep, true);
    station.radio.prepare();
    station.radio.receive(DOWNLINK, 8);
    assert.equal(station.chip.mode, 6, "listening does not wait for the timer");
    bench.run(100);
    station.radio.sleep();
    station.radio.prepare();
    station.radio.sleep();
    bench.run(100);
    assert.equal(station.chip.mode, 0);
    assert.deepEqual(station.takeKinds(), ["transmitted", "timeout"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("ports/radio receive: 0 symbols listens without end, until a frame comes", () => {
    const bench = makeBench();
    const station = started(bench);
    const sender = heltecStation(bench, 100);
    station.radio.receive(UPLINK, 0);
    bench.run(100_000);
    assert.deepEqual(station.takeKinds(), []);
    assert.equal(station.chip.mode, 5);
    sender.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    const [event] = station.takeEvents();
    assert.equal(event.kind === "received" && event.frame, "48656c6c6f");
    assert.equal(station.chip.mode, 1);
    assert.deepEqual(station.chip.violations, []);
  });

  it("a chip left asleep by an earlier boot sleeps on until the first operation, which starts it anew", () => {
    const bench = makeBench();
    const station = new Sx127xStation(bench, 0, {}, { isAsleep: true });
    bench.run(START_MS);
    assert.deepEqual(station.takeTrace(), []);
    assert.equal(station.radio.asleep, true);
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(200);
    assert.deepEqual(station.takeKinds(), ["transmitted"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("an operation or a sleep asked for before the chip is ready is done when it is", () => {
    const bench = makeBench();
    const one = new Sx127xStation(bench);
    const two = new Sx127xStation(bench);
    one.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    two.radio.receive(DOWNLINK, 8);
    two.radio.sleep();
    bench.run(200);
    assert.deepEqual(one.takeKinds(), ["transmitted"]);
    assert.deepEqual(two.takeKinds(), []);
    assert.equal(two.chip.mode, 0);
    assert.deepEqual([...one.chip.violations, ...two.chip.violations], []);
  });

  it("the answer to an event may be the next operation, asleep between them, as a Class A device does", () => {
    const bench = makeBench();
    const station = started(bench);
    station.onEvent = (event) => {
      if (event.kind === "transmitted") {
        station.radio.sleep();
        bench.world.after(1_000_000, () => station.radio.receive(DOWNLINK, 8));
      } else if (event.kind === "timeout") station.radio.sleep();
    };
    for (let i = 0; i < 20; i++) {
      station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
      bench.run(5000);
      assert.deepEqual(station.takeKinds(), ["transmitted", "timeout"]);
      assert.equal(station.chip.mode, 0);
    }
    assert.deepEqual(station.chip.violations, []);
  });

  it("two operations at once are our own bug; close ends everything", () => {
    const bench = makeBench();
    const station = started(bench);
    station.radio.receive(DOWNLINK, 200);
    assert.throws(() => station.radio.receive(DOWNLINK, 200), /busy/);
    bench.run(20);
    station.radio.close();
    bench.run(60_000);
    assert.deepEqual(station.events, []);
  });

  it("random operations and sleeps at random moments: each ends in one event or was given up, the chip never complains", () => {
    const random = new RandomStream(7, "radio calls");
    const bench = makeBench(7);
    const station = started(bench);
    const other = heltecStation(bench, 200);
    let asked = 0;
    let givenUp = 0;
    for (let i = 0; i < counts(2000, 100_000); i++) {
      if (random.below(3) === 0 && !other.radio.busy) other.radio.transmit(DOWNLINK, 14, HELLO, HELLO.length);
      if (random.below(4) === 0) {
        if (station.radio.busy) givenUp++;
        station.radio.sleep();
      } else if (!station.radio.busy) {
        asked++;
        const frequencyHz = random.below(20) === 0 ? 433_175_000 : 868_100_000;
        const own = {
          ...(random.below(2) === 0 ? UPLINK : DOWNLINK),
          spreadingFactor: 7 + random.below(2),
          frequencyHz,
        };
        const kind = random.below(3);
        if (kind === 0) station.radio.transmit(own, 14, HELLO, random.below(6));
        else if (kind === 1) station.radio.receive(own, 1 + random.below(60));
        else station.radio.detectActivity(own);
      }
      const waitUs = random.below(2) === 0 ? random.below(2_000) : random.below(100_000);
      bench.world.run(bench.world.nowUs + waitUs);
    }
    bench.run(1000);
    assert.equal(station.radio.busy, false);
    assert.equal(station.events.length + givenUp, asked);
    const kinds = new Set(station.events.map((event) => event.kind));
    assert.deepEqual([...kinds].sort(), ["activity", "received", "timeout", "transmitted"]);
    assert.deepEqual(station.chip.violations, []);
  });
});

describe("SX127x driver: faults", () => {
  it("no chip on the bus is an error, and the chip is tried again with the next operation", () => {
    const bench = makeBench();
    const station = new Sx127xStation(bench);
    station.chip.pins.spiBroken = true;
    bench.run(5000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-does-not-answer" }]);
    station.chip.pins.spiBroken = false;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(5000);
    assert.deepEqual(station.takeKinds(), ["transmitted"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 4.2.3.8: a calibration that does not end is an error", () => {
    const bench = makeBench();
    const station = new Sx127xStation(bench);
    station.chip.calibrationHangs = true;
    bench.run(5000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-device-error" }]);
  });

  it("DS_SX1276 6.4 RegHopChannel: a synthesizer that does not lock is an error, sending and listening", () => {
    const bench = makeBench();
    const station = started(bench);
    for (const operation of [
      () => station.radio.transmit(UPLINK, 14, HELLO, HELLO.length),
      () => station.radio.receive(UPLINK, 8),
    ]) {
      station.chip.pllBroken = true;
      operation();
      bench.run(5000);
      assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-device-error" }]);
      station.chip.pllBroken = false;
      bench.run(100);
      operation();
      bench.run(5000);
      assert.notEqual(station.takeKinds()[0], "error");
    }
  });

  it("a line DIO0 that never rises: sending ends in an error, as nobody knows when it ended, and the next one works", () => {
    const bench = makeBench();
    const station = started(bench);
    station.chip.pins.dio0.stuckAt = 0;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(26_000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-operation-never-ended" }]);
    assert.equal(station.radio.busy, false);
    station.chip.pins.dio0.stuckAt = undefined;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(200);
    assert.deepEqual(station.takeKinds(), ["transmitted"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("a line DIO1 that never rises: the guard ends the window", () => {
    const bench = makeBench();
    const station = started(bench);
    station.chip.pins.dio1.stuckAt = 0;
    station.radio.receive(DOWNLINK, 8);
    bench.run(100);
    assert.deepEqual(station.takeKinds(), ["timeout"]);
  });

  it("a frame with a wrong CRC, or a damaged header (whether the chip says so or stays on), ends the window like a timeout", () => {
    for (const [modulation, staysOn] of [
      [UPLINK, false],
      [DOWNLINK, false],
      [DOWNLINK, true],
    ] as const) {
      const bench = makeBench();
      const receiver = started(bench);
      receiver.chip.staysOnBadHeader = staysOn;
      const near = heltecStation(bench, 300);
      const asNear = heltecStation(bench, -300);
      bench.run(START_MS);
      receiver.radio.receive(modulation, 100);
      bench.run(10);
      near.radio.transmit(modulation, 14, HELLO, HELLO.length);
      asNear.radio.transmit(modulation, 14, HELLO, HELLO.length);
      bench.run(400);
      assert.deepEqual(receiver.takeKinds(), ["timeout"]);
      assert.equal(bench.channel.counts.collided, 1);
      assert.equal(receiver.chip.mode, 1);
      assert.deepEqual(receiver.chip.violations, []);
    }
  });
});
