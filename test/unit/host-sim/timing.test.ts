/** How a virtual node is late, wrong and hungry. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { PowerCut } from "../../../host-sim/chips/power-rail.ts";
import { CURRENT_MA, EnergyAccount, SUPPLY_V, transmitMa } from "../../../host-sim/energy.ts";
import { VirtualClock, VirtualTimer } from "../../../host-sim/node-timing.ts";
import { VirtualCpu } from "../../../host-sim/virtual-cpu.ts";
import { World } from "../../../host-sim/world.ts";

describe("virtual CPU", () => {
  it("callbacks are late by 0 up to the latency, and keep their order", () => {
    const world = new World(1, 0);
    const cpu = new VirtualCpu(world, world.random("cpu"), 15_000);
    const made: number[] = [];
    let earliest = Infinity;
    let latest = 0;
    for (let i = 0; i < 500; i++) {
      world.at(i * 100_000, () => {
        const askedUs = world.nowUs;
        for (const number of [2 * i, 2 * i + 1]) {
          cpu.call(() => {
            made.push(number);
            earliest = Math.min(earliest, world.nowUs - askedUs);
            latest = Math.max(latest, world.nowUs - askedUs);
          });
        }
      });
    }
    world.run(100_000_000);
    deepEqual(
      made,
      Array.from({ length: 1000 }, (_, i) => i),
    );
    ok(earliest < 1_000 && latest > 14_000 && latest <= 15_000);
  });

  it("while code blocks the world goes on and the node's other callbacks wait", () => {
    const world = new World(1, 0);
    const cpu = new VirtualCpu(world, world.random("cpu"), 0);
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what} ${world.nowUs}`);
    world.at(100, () => cpu.call(() => note("interrupt")));
    world.at(120, () => note("elsewhere"));
    cpu.call(() => {
      note("begins");
      cpu.block(400);
      note("ends");
    });
    world.run(1_000);
    deepEqual(seen, ["begins 0", "elsewhere 120", "ends 400", "interrupt 400"]);
    equal(cpu.blockedUs, 400);
  });

  it("without power nothing that was asked for happens, and what blocked does not go on", () => {
    const world = new World(1, 0);
    const cpu = new VirtualCpu(world, world.random("cpu"), 0);
    let made = 0;
    world.at(50, () => cpu.halt());
    world.at(20, () => cpu.call(() => made++));
    cpu.call(() => throws(() => cpu.block(100), PowerCut));
    world.run(1_000);
    equal(made, 0);
    cpu.call(() => made++);
    world.run(2_000);
    equal(made, 1, "the next life runs");
  });
});

describe("virtual clock and timer", () => {
  it("40 ppm are 144 ms in an hour, either way; the error may change on the way", () => {
    for (const sign of [1, -1]) {
      const world = new World(1, 0);
      const clock = new VirtualClock(world, sign * 40);
      world.run(3_600_000_000);
      equal(clock.nowMs(), 3_600_000 + sign * 144);
      clock.setError(10_000);
      world.run(3_600_000_000 + 1_000_000);
      equal(clock.nowMs(), 3_600_000 + sign * 144 + 1_010);
    }
  });

  it("a timer rings when its clock shows the time, and not when it was cancelled or set anew", () => {
    const world = new World(1, 0);
    const clock = new VirtualClock(world, -10_000);
    const cpu = new VirtualCpu(world, world.random("cpu"), 5_000);
    const timer = new VirtualTimer(world, clock, cpu);
    const rings: number[] = [];
    timer.wakeAt(1_000, () => rings.push(1));
    timer.wakeAt(2_000, () => rings.push(clock.nowMs()));
    world.run(5_000_000);
    equal(rings.length, 1);
    ok(rings[0] >= 2_000 && rings[0] <= 2_005);
    // Cancelled while the engine has it already.
    timer.wakeAt(6_000, () => rings.push(2));
    world.at(clock.worldUs(6_000), () => timer.cancel());
    world.run(9_000_000);
    equal(rings.length, 1);
  });
});

describe("energy account", () => {
  it("time in each state, at the data sheets' currents", () => {
    const world = new World(1, 0);
    const radio = { times: () => ({ transmitUs: 2e6, transmitMaUs: 2e6 * 90, receiveUs: 1e6, sleepUs: 6e6 }) };
    const account = new EnergyAccount(world, radio, 0);
    account.enter("awake");
    account.boots++;
    world.run(4_000_000);
    account.enter("asleep");
    world.run(10_000_000);
    const report = account.report();
    equal(report.cpuAwakeUs, 4e6);
    equal(report.cpuAsleepUs, 6e6);
    equal(report.radioStandbyUs, 1e6);
    const milliampereSeconds =
      2 * 90 +
      1 * CURRENT_MA.radioReceive +
      1 * CURRENT_MA.radioStandby +
      6 * CURRENT_MA.radioSleep +
      4 * CURRENT_MA.cpuAwake +
      6 * CURRENT_MA.cpuAsleep;
    ok(Math.abs(report.joules - (milliampereSeconds * SUPPLY_V) / 1000) < 1e-9);
    ok(Math.abs(report.joulesPerDay - report.joules * 8_640) < 1e-6);
  });

  it("SX1262 data sheet: the transmitter's current by power", () => {
    deepEqual([-9, 14, 16, 20, 22, 30].map(transmitMa), [90, 90, 95, 102, 118, 118]);
  });
});
