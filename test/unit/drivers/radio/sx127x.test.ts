import assert from "node:assert/strict";
import type { Sx127xName } from "../../../../firmware/drivers/radio/sx127x-variants.ts";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { type Bench, DOWNLINK, makeBench, Sx127xStation, UPLINK } from "./radio-bench.ts";
import { assertGolden } from "./sx126x-golden.ts";
import {
  GOLDEN_DETECT,
  GOLDEN_INIT,
  GOLDEN_PREPARE,
  GOLDEN_RECEIVE,
  GOLDEN_SLEEP,
  GOLDEN_TRANSMIT,
} from "./sx127x-golden.ts";

const HELLO = Uint8Array.from([0x48, 0x65, 0x6c, 0x6c, 0x6f]);
const START_MS = 30;

/** Started, its trace empty. */
function started(bench: Bench, ...rest: [number?, object?, object?]): Sx127xStation {
  const station = new Sx127xStation(bench, ...rest);
  bench.run(START_MS);
  station.takeTrace();
  return station;
}

/** Transfers that write `register` first. */
function writes(station: Sx127xStation, register: number): string[] {
  const prefix = (register | 0x80).toString(16);
  return station.takeTrace().filter((bytes) => bytes.startsWith(prefix));
}

describe("SX127x driver: bytes on the SPI bus", () => {
  it("DS_SX1276 4.1, 4.2.3.8: the start-up sequence is the golden one and leaves the chip asleep, without complaint", () => {
    const bench = makeBench();
    const station = new Sx127xStation(bench);
    bench.run(START_MS);
    assertGolden(station.takeTrace(), GOLDEN_INIT);
    assert.deepEqual(station.chip.violations, []);
    assert.deepEqual(station.events, []);
    assert.equal(station.chip.mode, 0);
  });

  it("DS_SX1276 4.1.6: a transmission is the golden sequence", () => {
    const bench = makeBench();
    const station = started(bench);
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    assertGolden(station.takeTrace(), GOLDEN_TRANSMIT);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 4.1.6: sleep, and a receive window out of it, are the golden sequences", () => {
    const bench = makeBench();
    const station = started(bench);
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    station.takeTrace();
    station.takeEvents();
    station.radio.sleep();
    assertGolden(station.takeTrace(), GOLDEN_SLEEP);
    assert.equal(station.chip.mode, 0);
    station.radio.receive({ ...DOWNLINK, frequencyHz: 869_525_000, spreadingFactor: 12 }, 8);
    bench.run(500);
    assertGolden(station.takeTrace(), GOLDEN_RECEIVE);
    assert.deepEqual(station.takeKinds(), ["timeout"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 4.1.6: channel activity detection is the golden sequence", () => {
    const bench = makeBench();
    const station = started(bench);
    station.radio.detectActivity({ ...UPLINK, spreadingFactor: 9 });
    bench.run(100);
    assertGolden(station.takeTrace(), GOLDEN_DETECT);
    assert.deepEqual(station.takeKinds(), ["activity"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 4.1.2: preparing is the golden sequence", () => {
    const bench = makeBench();
    const station = started(bench);
    bench.run(START_MS);
    station.radio.sleep();
    bench.run(10);
    station.takeTrace();
    station.radio.prepare();
    bench.run(10);
    assertGolden(station.takeTrace(), GOLDEN_PREPARE);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 5.4.2, 5.4.3: PA_BOOST gives 2 to 20 dBm; above 17 with RegPaDac and a higher current limit", () => {
    const bench = makeBench();
    const station = started(bench);
    const sent: number[] = [];
    bench.channel.onTransmission(({ powerDbm }) => sent.push(powerDbm));
    const asked = [-5, 2, 13.9, 17, 18, 20, 30, 14];
    for (const powerDbm of asked) {
      station.radio.transmit(UPLINK, powerDbm, HELLO, HELLO.length);
      bench.run(100);
    }
    assert.deepEqual(sent, [2, 2, 13, 17, 18, 20, 20, 14]);
    assert.deepEqual(writes(station, 0x4d), ["cd84", "cd87", "cd84"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 5.4.2: RFO gives -4 to 14 dBm", () => {
    const bench = makeBench();
    const station = started(bench, 0, { paBoost: false }, { paBoost: false });
    const sent: number[] = [];
    bench.channel.onTransmission(({ powerDbm }) => sent.push(powerDbm));
    for (const powerDbm of [-10, -1, 0, 5, 14, 20]) {
      station.radio.transmit(UPLINK, powerDbm, HELLO, HELLO.length);
      bench.run(100);
    }
    assert.deepEqual(sent, [-4.2, -1.2, 0, 5, 14, 14]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("errata 2.1, 2.3: 500 kHz on both ports, and below", () => {
    const bench = makeBench();
    for (const [frequencyHz, optimize] of [
      [868_100_000, "64"],
      [433_175_000, "7f"],
    ] as const) {
      const station = started(bench, 0, {}, { frequencyHz });
      for (const bandwidthHz of [500_000, 250_000] as const) {
        station.radio.receive({ ...DOWNLINK, frequencyHz, bandwidthHz }, 8);
        bench.run(100);
      }
      const trace = station.takeTrace();
      const only = (prefix: string): string[] => trace.filter((bytes) => bytes.startsWith(prefix));
      assert.deepEqual(only("b6"), ["b6020a", "b6030a"]);
      assert.deepEqual(only("b9"), [`b934${optimize}19`]);
      assert.deepEqual(only("af"), ["af2000c3", "af400043"]);
      assert.deepEqual(station.chip.violations, []);
    }
  });

  it("DS_SX1276 6.4 RegInvertIQ: sending and receiving, standard and inverted", () => {
    const bench = makeBench();
    const station = started(bench);
    const seen: boolean[] = [];
    bench.channel.onTransmission(({ modulation }) => seen.push(modulation.invertIq));
    for (const modulation of [UPLINK, DOWNLINK]) {
      station.radio.transmit(modulation, 14, HELLO, HELLO.length);
      bench.run(100);
      station.radio.receive(modulation, 8);
      bench.run(100);
    }
    assert.deepEqual(writes(station, 0x33), ["b327", "b326", "b367"]);
    assert.deepEqual(seen, [false, true]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 6.4 RegSymbTimeout: 4 to 1023 symbols, exactly", () => {
    const bench = makeBench();
    const station = started(bench);
    for (const [symbols, held] of [
      [1, 4],
      [8, 8],
      [255, 255],
      [256, 256],
      [1023, 1023],
      [2000, 1023],
    ]) {
      const beforeUs = station.chip.modem.listenedUs;
      station.radio.receive(DOWNLINK, symbols);
      bench.run(2000);
      assert.equal(station.chip.modem.listenedUs - beforeUs, held * 1024);
    }
    assert.ok(station.takeKinds().every((kind) => kind === "timeout"));
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 4.2.3.8: another band is calibrated in FSK standby before its first use; a return to the first again", () => {
    const bench = makeBench();
    const station = started(bench);
    const send = (frequencyHz: number): void => {
      station.radio.transmit({ ...UPLINK, frequencyHz }, 14, HELLO, HELLO.length);
      bench.run(200);
    };
    send(433_175_000);
    send(433_375_000);
    send(915_000_000);
    const trace = station.takeTrace();
    assert.deepEqual(trace.slice(0, 10), [
      "8188",
      "8108",
      "8109",
      "4200",
      "8900",
      "866c4b33",
      "bb42",
      "3b00",
      "8108",
      "8188",
    ]);
    assert.equal(trace.filter((bytes) => bytes === "bb42").length, 2);
    assert.deepEqual(station.takeKinds(), ["transmitted", "transmitted", "transmitted"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS_SX1276 4.1.1.2: SF6 without a header, both ways", () => {
    const bench = makeBench();
    const sender = started(bench);
    const receiver = started(bench, 300);
    const sixth = { ...UPLINK, spreadingFactor: 6, implicitLength: HELLO.length };
    receiver.radio.receive(sixth, 100);
    bench.run(2);
    sender.radio.transmit(sixth, 14, HELLO, HELLO.length);
    bench.run(100);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind === "received" && event.frame, "48656c6c6f");
    assert.throws(() => sender.radio.transmit(sixth, 14, HELLO, 4), RangeError);
    assert.deepEqual([...sender.chip.violations, ...receiver.chip.violations], []);
  });

  it("DS_SX1276 6.4 RegTcxo: a TCXO board", () => {
    const bench = makeBench();
    const station = new Sx127xStation(bench, 0, { tcxo: true }, { tcxo: true });
    bench.run(START_MS);
    assert.ok(station.takeTrace().includes("cb19"));
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    assert.deepEqual(station.takeKinds(), ["transmitted"]);
    assert.deepEqual(station.chip.violations, []);
  });
});

describe("SX127x driver: variants of the chip (DS_SX1276 table 1)", () => {
  it("what each can do: frequencies, spreading factors, header modes", () => {
    const cases: [Sx127xName, Partial<LoraModulation>, boolean][] = [
      ["sx1276", {}, true],
      ["sx1276", { spreadingFactor: 12 }, true],
      ["sx1276", { spreadingFactor: 5 }, false],
      ["sx1276", { spreadingFactor: 6 }, false],
      ["sx1276", { spreadingFactor: 6, implicitLength: 8 }, true],
      ["sx1276", { spreadingFactor: 13 }, false],
      ["sx1276", { frequencyHz: 600_000_000 }, false],
      ["sx1276", { frequencyHz: 169_400_000 }, true],
      ["sx1276", { frequencyHz: 169_400_000, bandwidthHz: 250_000 }, false],
      ["sx1277", { spreadingFactor: 9 }, true],
      ["sx1277", { spreadingFactor: 10 }, false],
      ["sx1278", {}, false],
      ["sx1278", { frequencyHz: 433_175_000 }, true],
      ["sx1279", { frequencyHz: 923_200_000 }, true],
      ["sx1279", { frequencyHz: 970_000_000 }, false],
    ];
    for (const [chip, change, can] of cases) {
      const bench = makeBench();
      const frequencyHz = change.frequencyHz ?? 868_100_000;
      const station = started(bench, 0, { chip }, { chip, frequencyHz });
      const modulation = { ...UPLINK, ...change };
      assert.equal(station.radio.supports(modulation), can, JSON.stringify([chip, change]));
      const length = change.implicitLength ?? HELLO.length;
      const transmit = (): void => station.radio.transmit(modulation, 14, new Uint8Array(8), length);
      if (!can) assert.throws(transmit, RangeError);
      else transmit();
      bench.run(3000);
      assert.deepEqual(station.takeKinds(), can ? ["transmitted"] : []);
      assert.deepEqual(station.chip.violations, []);
    }
  });
});
