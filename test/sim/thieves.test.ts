/** Who has a node in his hands: its flash is copied or set back, its power cut. And a jammer that never rests. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import type { FlashChip } from "../../host-sim/chips/flash-chip.ts";
import { Attack } from "../../host-sim/scenarios/attackers.ts";
import type { VirtualNode } from "../../host-sim/virtual-node.ts";
import { bytesToHex } from "../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import type { VerifiedReading } from "../../tools/receiver/reading-output.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";

const HOUR_US = 3_600_000_000;
const EVERY_CHANNEL_HZ = [868_100_000, 868_300_000, 868_500_000, EU868.rx2FrequencyHz];

/** One node and its receiver, step by step. */
class Field {
  readonly readings: VerifiedReading[] = [];
  readonly loop: ClosedLoop;
  readonly node: VirtualNode;
  readonly devEui: string;

  constructor(options: Partial<SimulationOptions>) {
    const sink = { ...SILENT_SINK, reading: (reading: object) => this.readings.push(reading as VerifiedReading) };
    this.loop = new ClosedLoop({ ...ONE_DAY, batchReadings: 6, ...options }, sink, NODE_CRYPTO, "node");
    this.node = this.loop.field.nodes[0];
    this.devEui = bytesToHex(this.node.config.devEui);
    this.loop.field.start();
  }

  run(untilHours: number): void {
    this.loop.world.run(untilHours * HOUR_US);
  }

  get account(): { accepted: number; missing: number; refused: number } {
    return this.loop.receiver.account(this.devEui)!;
  }

  get mismatches(): number {
    return this.loop.receiver.knownOf(this.devEui)!.digests.counts.mismatch;
  }
}

/** What a programmer reads out of a node's flash and writes back. The keys are part of it: in the model they never leave their slots. */
class Programmer {
  readonly #node: VirtualNode;
  readonly #values = new Map<string, Uint8Array>();

  constructor(node: VirtualNode) {
    this.#node = node;
    const { keyValue } = node;
    const [write, remove] = [keyValue.write.bind(keyValue), keyValue.delete.bind(keyValue)];
    keyValue.write = (key, value, length) => {
      this.#values.set(key, value.slice(0, length));
      write(key, value, length);
    };
    keyValue.delete = (key) => {
      this.#values.delete(key);
      remove(key);
    };
  }

  /** Copies the flash; what it returns writes the copy back. */
  copy(): () => void {
    const { journalFlash, outboxFlash, keyValue } = this.#node;
    const chips = [journalFlash, outboxFlash].map((chip) => ({ chip, bytes: contents(chip) }));
    const values = [...this.#values];
    return () => {
      for (const { chip, bytes } of chips) {
        for (let sector = 0; sector < chip.size / chip.sectorSize; sector++) chip.erase(sector);
        chip.write(0, bytes);
      }
      for (const key of [...this.#values.keys()]) keyValue.delete(key);
      for (const [key, value] of values) keyValue.write(key, value, value.length);
    };
  }
}

function contents(chip: FlashChip): Uint8Array {
  const bytes = new Uint8Array(chip.size);
  chip.read(0, bytes);
  return bytes;
}

describe("a node in the hands of a thief", () => {
  it("its flash copied and run later, or set back: numbers that were used are refused, later ones believed, and its digest tells", () => {
    const field = new Field({ uplink: "wifi" });
    const programmer = new Programmer(field.node);
    field.run(6);
    const writeBack = programmer.copy();
    field.run(9);
    const { accepted, refused } = field.account;
    equal(refused, 0);
    field.node.cutPower();
    writeBack();
    field.node.powerOn();
    field.run(25);
    ok(field.account.refused > 0, "seq-reused");
    ok(field.account.accepted > accepted, "what it says under new numbers is the node's to everyone");
    equal(field.account.missing, 0);
    ok(field.mismatches > 0, "its digest is over tokens that nobody else has");
  });

  it("its power cut for hours: the times show a hole, and the boot count a reboot", () => {
    const field = new Field({ uplink: "wifi" });
    field.run(6);
    field.node.cutPower();
    field.run(10);
    field.node.powerOn();
    field.run(14);
    const boots = field.readings.map(({ bootCount }) => bootCount);
    deepEqual([...new Set(boots)], [1, 2]);
    const times = field.readings.map(({ time }) => Date.parse(time!) / 60_000);
    const holes = times.slice(1).map((minute, i) => minute - times[i]);
    const widest = Math.max(...holes);
    ok(widest >= 235 && widest <= 250, `${widest} minutes`);
    equal(holes.indexOf(widest), boots.lastIndexOf(1));
    equal(holes.filter((minutes) => minutes !== 5).length, 1, "everything else is there");
    deepEqual([field.account.missing, field.account.refused], [0, 0]);
  });
});

describe("a jammer that jams every uplink", () => {
  it("while it lasts nothing comes through, and nothing shows but silence; then all comes", () => {
    const field = new Field({ batchReadings: 3 });
    const { world, field: air } = field.loop;
    field.run(2);
    const before = field.account.accepted;
    ok(before > 0);
    const { spreadingFactor, bandwidthHz } = EU868.dataRates[EU868.rx2DataRate]!;
    const attack = new Attack({
      world,
      channel: air.channel!,
      position: field.node.radioChip!.modem.position,
      frequenciesHz: EVERY_CHANNEL_HZ,
      rx2: { frequencyHz: EU868.rx2FrequencyHz, spreadingFactor, bandwidthHz },
      rx1DelayS: 1,
      jamEveryMs: 0,
      jam: 1,
      flood: 0,
      forge: 0,
      untilUs: 6 * HOUR_US,
    });
    field.run(6);
    ok(attack.counters.jammed > 0);
    deepEqual([field.account.accepted, field.account.missing, field.account.refused], [before, 0, 0]);
    field.run(12);
    const minutes = field.readings.map(({ time }) => Date.parse(time!) / 60_000).sort((a, b) => a - b);
    ok(minutes.at(-1)! - minutes[0] > 11 * 60);
    equal(minutes.length, (minutes.at(-1)! - minutes[0]) / 5 + 1, "no reading is missing");
  });
});
