/** The SX126x between operations: woken ahead of a window, asleep, and left alone when the node itself wakes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { MODE } from "../../../../host-sim/chips/sx1262-rules.ts";
import { DOWNLINK, heltecStation, makeBench, Station, UPLINK } from "./radio-bench.ts";

const FRAME = new Uint8Array(12);

describe("SX126x driver, prepare and asleep", () => {
  it("SX1262 data sheet 13.1.2, table 8-2: prepared, it listens within a millisecond; asleep it takes the TCXO's 5 ms and more", () => {
    const listensAfterUs = (prepare: boolean): number => {
      const bench = makeBench();
      const { radio, chip } = heltecStation(bench);
      radio.sleep();
      bench.run(100);
      ok(radio.asleep);
      if (prepare) radio.prepare!();
      bench.run(20);
      const askedUs = bench.world.nowUs;
      radio.receive(DOWNLINK, 100);
      bench.world.run(askedUs + 50_000, () => chip.mode === MODE.rx);
      equal(chip.violationCount, 0);
      return bench.world.nowUs - askedUs;
    };
    ok(listensAfterUs(true) < 1_000);
    ok(listensAfterUs(false) > 5_000);
  });

  it("prepared for nothing it goes back to sleep; while starting, busy or going to sleep `prepare` does nothing", () => {
    const bench = makeBench();
    const { radio, chip } = heltecStation(bench);
    radio.prepare!();
    bench.run(100);
    radio.transmit(UPLINK, 14, FRAME, FRAME.length);
    radio.prepare!();
    bench.run(200);
    radio.sleep();
    radio.prepare!();
    bench.run(10);
    ok(radio.asleep);
    equal(chip.mode, MODE.sleep);
    radio.prepare!();
    bench.run(10);
    ok(!radio.asleep);
    equal(chip.mode, MODE.standbyXosc);
    radio.sleep();
    bench.run(10);
    ok(radio.asleep);
    equal(chip.mode, MODE.sleep);
    equal(chip.violationCount, 0);
  });

  it("told that the chip slept through the node's deep sleep, it leaves it alone until the first operation, which starts it anew", () => {
    const bench = makeBench();
    const board = { tcxo: true, dio2RfSwitch: true };
    const options = { tcxoVoltage: 1.8, dio2AsRfSwitch: true, isAsleep: true };
    const station = new Station(bench.world, bench.channel, { x: 0, y: 0 }, board, options);
    bench.run(1_000);
    deepEqual(station.takeTrace(), []);
    ok(station.radio.asleep);
    station.radio.sleep();
    bench.run(10);
    deepEqual(station.takeTrace(), []);
    station.radio.transmit(UPLINK, 14, FRAME, FRAME.length);
    ok(!station.radio.asleep);
    bench.run(300);
    equal(station.takeEvents()[0].kind, "transmitted");
    equal(station.chip.violationCount, 0);
  });
});
