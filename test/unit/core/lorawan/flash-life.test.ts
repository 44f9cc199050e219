import { equal, ok } from "node:assert/strict";
import { flashLife, type Reporting } from "../../../../firmware/core/lorawan/flash-life.ts";
import { KeyValueMemory } from "../../../../host-sim/chips/key-value-memory.ts";
import { PowerRail } from "../../../../host-sim/chips/power-rail.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { MacBench } from "./mac-bench.ts";

const DAY_MS = 86_400_000;
/** As manifests/partitions/8mb.csv has it. */
const NVS_BYTES = 64 * 1024;

/** A bench whose flash is the simulator's key-value store, which counts. */
function run(days: number, intervalMs: number, downlinkEvery: number, bytes: number): number {
  const keyValue = new KeyValueMemory({ power: new PowerRail(), random: new RandomStream(1, "flash") });
  const bench = new MacBench({ fixedDataRate: 5 });
  bench.join();
  bench.cut = () => {
    keyValue.write("lw", new Uint8Array(8), 8);
    return false;
  };
  const uplinks = (days * DAY_MS) / intervalMs;
  for (let i = 0; i < uplinks; i++) {
    bench.nowMs = 60_000 + i * intervalMs;
    bench.exchange(i % downlinkEvery === 0 ? { rx1: bench.down() } : {}, "00".repeat(bytes));
    bench.seen = [];
  }
  return keyValue.writes;
}

function reporting(intervalMs: number, downlinkEvery: number, airtimeMs: number): Reporting {
  const uplinksPerDay = DAY_MS / intervalMs;
  return {
    uplinksPerDay,
    downlinksPerDay: uplinksPerDay / downlinkEvery,
    airtimeMs,
    dutyCyclePermille: 10,
    sessionChangesPerDay: 0,
  };
}

describe("flash writes of LoRaWAN's counters", () => {
  for (const [intervalMinutes, downlinkEvery] of [
    [5, 36],
    [5, 1],
    [60, 3],
  ]) {
    it(`an uplink in ${intervalMinutes} minutes, a downlink after every ${downlinkEvery}: the writes are as foretold`, () => {
      const days = 4;
      const intervalMs = intervalMinutes * 60_000;
      // 20 bytes at SF7 take 71.9 ms; FHDR, port and MIC are 13 of the 33.
      const { writesPerDay, mostWritesPerDay } = flashLife(reporting(intervalMs, downlinkEvery, 72), NVS_BYTES);
      const writes = run(days, intervalMs, downlinkEvery, 20);
      ok(writes >= Math.floor(writesPerDay * days), `${writes} of ${writesPerDay * days}`);
      // A block that has begun, and the duty cycle's record at its first uplinks.
      ok(writes <= Math.ceil(writesPerDay * days) + 6, `${writes} of ${writesPerDay * days}`);
      ok(writes <= mostWritesPerDay * days + 6);
    });
  }

  it("TR007 4.13: at an uplink in five minutes and a downlink in three hours the flash outlives the node", () => {
    const life = flashLife({ ...reporting(300_000, 36, 72), sessionChangesPerDay: 0.1 }, NVS_BYTES);
    equal(Math.round(life.writesPerDay * 10) / 10, 12.6);
    equal(Math.round(life.mostWritesPerDay * 10) / 10, 31);
    ok(life.years > 1_000, `${life.years}`);
    // A downlink after every uplink is the worst there is: 288 a day.
    const worst = flashLife(reporting(300_000, 1, 1_500), NVS_BYTES);
    ok(worst.years > 100, `${worst.years}`);
    ok(flashLife({ ...reporting(300_000, 1, 72), dutyCyclePermille: 1_000 }, NVS_BYTES).mostWritesPerDay < 293);
  });
});
