import assert from "node:assert/strict";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { counts } from "../../../counts.ts";
import { DOWNLINK, heltecStation, makeBench, Station, UPLINK } from "./radio-bench.ts";
import {
  assertGolden,
  GOLDEN_FETCH,
  GOLDEN_INIT,
  GOLDEN_PREPARE,
  GOLDEN_RECEIVE,
  GOLDEN_SLEEP,
  GOLDEN_TRANSMIT,
} from "./sx126x-golden.ts";

const HELLO = Uint8Array.from([0x48, 0x65, 0x6c, 0x6c, 0x6f]);
const START_MS = 30;

describe("SX126x driver: bytes on the SPI bus", () => {
  it("DS.SX1261-2 14.1, 15: the start-up sequence is the golden one and leaves the chip without complaint", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    assertGolden(station.takeTrace(), GOLDEN_INIT);
    assert.deepEqual(station.chip.violations, []);
    assert.equal(station.chip.deviceErrors, 0);
    assert.deepEqual(station.events, []);
  });

  it("DS.SX1261-2 13.3.6: a board with a crystal gets no TCXO and no DIO2 command", () => {
    const bench = makeBench();
    const station = new Station(bench.world, bench.channel, { x: 0, y: 0 });
    bench.run(START_MS);
    const expected = GOLDEN_INIT.filter(([bytes]) => !bytes.startsWith("97") && !bytes.startsWith("9d"));
    assertGolden(station.takeTrace(), expected);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 14.2: a transmission is the golden sequence", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    assertGolden(station.takeTrace(), GOLDEN_TRANSMIT);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 14.3, 9.3: sleep, and a receive window out of it, are the golden sequences", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    station.radio.sleep();
    bench.run(10);
    assertGolden(station.takeTrace(), GOLDEN_SLEEP);
    assert.equal(station.chip.mode, 0);
    station.radio.receive({ ...DOWNLINK, frequencyHz: 869_525_000, spreadingFactor: 12 }, 8);
    bench.run(500);
    assertGolden(station.takeTrace(), GOLDEN_RECEIVE);
    assert.deepEqual(
      station.takeEvents().map((event) => event.kind),
      ["timeout"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 13.1.2: preparing is the golden sequence", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.radio.sleep();
    bench.run(10);
    station.takeTrace();
    station.radio.prepare();
    bench.run(10);
    assertGolden(station.takeTrace(), GOLDEN_PREPARE);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 9.2.1: another band is calibrated before its first use, and only then", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    for (let i = 0; i < 2; i++) {
      station.radio.transmit({ ...UPLINK, frequencyHz: 903_900_000 }, 20, HELLO, HELLO.length);
      bench.run(100);
    }
    station.radio.sleep();
    bench.run(10);
    station.radio.prepare();
    bench.run(10);
    station.radio.receive({ ...DOWNLINK, frequencyHz: 868_300_000 }, 8);
    bench.run(100);
    const calibrations = station.takeTrace().filter((bytes) => bytes.startsWith("98"));
    assert.deepEqual(calibrations, ["98e1e9", "98d7db"]);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 15.1: 500 kHz clears bit 2 of TxModulation, anything else sets it again", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    for (const bandwidthHz of [500_000, 250_000] as const) {
      station.radio.transmit({ ...UPLINK, bandwidthHz }, 14, HELLO, HELLO.length);
      bench.run(100);
    }
    assert.deepEqual(
      station.takeTrace().filter((bytes) => bytes.startsWith("0d0889")),
      ["0d088901", "0d088905"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 13.4.5.2: spreading factor, bandwidth, coding rate and the low data rate optimisation of slow symbols", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    const cases = [
      [{ spreadingFactor: 10, codingRate: 4 }, "8b0a040400"],
      [{ spreadingFactor: 11 }, "8b0b040101"],
      [{ spreadingFactor: 11, bandwidthHz: 250_000 }, "8b0b050100"],
      [{ spreadingFactor: 12, bandwidthHz: 250_000 }, "8b0c050101"],
      [{ spreadingFactor: 12, bandwidthHz: 500_000, codingRate: 2 }, "8b0c060200"],
    ] as const;
    for (const [change] of cases) {
      station.radio.transmit({ ...UPLINK, ...change }, 14, HELLO, HELLO.length);
      bench.run(3000);
    }
    assert.deepEqual(
      station.takeTrace().filter((bytes) => bytes.startsWith("8b")),
      cases.map(([, bytes]) => bytes),
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 13.1.14, 13.4.4: the nearest power below what was asked for, each from its own amplifier setting", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    const sent: number[] = [];
    bench.channel.onTransmission(({ powerDbm }) => sent.push(powerDbm));
    bench.run(START_MS);
    station.takeTrace();
    for (const powerDbm of [-20, -9, 0, 13.8, 16, 17, 18, 20, 22, 30]) {
      station.radio.transmit(UPLINK, powerDbm, HELLO, HELLO.length);
      bench.run(100);
    }
    assert.deepEqual(sent, [-9, -9, 0, 13, 16, 17, 18, 20, 22, 22]);
    assert.deepEqual(
      station.takeTrace().filter((bytes) => bytes.startsWith("95")),
      ["9502020001", "9502030001", "9503050001", "9504070001"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 12.1: another sync word is written once", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.takeTrace();
    for (let i = 0; i < 2; i++) {
      station.radio.transmit({ ...UPLINK, syncWord: 0x12 }, 14, HELLO, HELLO.length);
      bench.run(100);
    }
    assert.deepEqual(
      station.takeTrace().filter((bytes) => bytes.startsWith("0d0740")),
      ["0d07401424"],
    );
  });
});

describe("SX126x driver: operations", () => {
  it("ports/radio: TxDone is stamped when the last symbol has left (time on air after the start)", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    let startUs = 0;
    bench.channel.onTransmission((transmission) => {
      startUs = transmission.startUs;
    });
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    assert.equal(station.radio.busy, true);
    bench.run(100);
    const doneUs = startUs + timeOnAirUs(UPLINK, HELLO.length);
    assert.deepEqual(station.takeEvents(), [{ kind: "transmitted", atMs: Math.floor(doneUs / 1000) }]);
    assert.equal(station.radio.busy, false);
  });

  it("a frame goes from one chip to another, with RSSI and SNR of the distance (DS.SX1261-2 13.5.3)", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = heltecStation(bench, 1000);
    bench.run(START_MS);
    receiver.takeTrace();
    receiver.radio.receive(UPLINK, 100);
    bench.run(10);
    sender.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind, "received");
    if (event.kind !== "received") return;
    assert.equal(event.frame, "48656c6c6f");
    // 14 dBm - 128.95 dB at 1 km; noise in 125 kHz is -117.03 dBm. The chip reports half and quarter decibels.
    assert.equal(event.rssiDbm, -115);
    assert.equal(event.snrDb, 2);
    const trace = receiver.takeTrace();
    assertGolden(trace.slice(-5, -1), GOLDEN_FETCH);
    assert.equal(trace.at(-1), "1e00000000000000");
    assert.deepEqual(receiver.chip.violations, []);
  });

  it("DS.SX1261-2 13.5.3: a negative SNR is reported as such", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = heltecStation(bench, 3000);
    bench.run(START_MS);
    const slow = { ...UPLINK, spreadingFactor: 12 };
    receiver.radio.receive(slow, 100);
    bench.run(10);
    sender.radio.transmit(slow, 14, HELLO, HELLO.length);
    bench.run(2000);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind === "received" && event.snrDb, -9);
    assert.equal(event.kind === "received" && event.rssiDbm, -117);
  });

  it("DS.SX1261-2 13.1.6: a frame longer than the window and its guard is received to its end", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = heltecStation(bench, 100);
    bench.run(START_MS);
    const frame = new Uint8Array(255).fill(0xa5);
    receiver.radio.receive(DOWNLINK, 8);
    sender.radio.transmit(DOWNLINK, 14, frame, frame.length);
    bench.run(1000);
    const [event] = receiver.takeEvents();
    assert.equal(event.kind === "received" && event.frame, "a5".repeat(255));
  });

  it("a transmission given up leaves the air at once", () => {
    const bench = makeBench();
    const sender = heltecStation(bench);
    const receiver = heltecStation(bench, 100);
    bench.run(START_MS);
    receiver.radio.receive(UPLINK, 100);
    sender.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(25);
    sender.radio.sleep();
    bench.run(200);
    assert.deepEqual(
      receiver.takeEvents().map((event) => event.kind),
      ["timeout"],
    );
    assert.equal(bench.channel.counts.collided, 1);
    assert.deepEqual(sender.events, []);
  });

  it("an operation asked for before the chip is ready begins when it is", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(200);
    assert.deepEqual(
      station.takeEvents().map((event) => event.kind),
      ["transmitted"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("sleep asked for before the chip is ready is done when it is", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    station.radio.sleep();
    bench.run(START_MS);
    assert.equal(station.chip.mode, 0);
    assert.deepEqual(station.chip.violations, []);
  });

  it("DS.SX1261-2 13.1.1: an operation right after sleep waits until the chip can be woken", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.radio.sleep();
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(200);
    assert.deepEqual(
      station.takeEvents().map((event) => event.kind),
      ["transmitted"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("the answer to an event may be the next operation, asleep between them, as a Class A device does", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    station.onEvent = (event) => {
      if (event.kind === "transmitted") {
        station.radio.sleep();
        bench.world.after(1_000_000, () => station.radio.receive(DOWNLINK, 8));
      } else if (event.kind === "timeout") station.radio.sleep();
    };
    for (let i = 0; i < 20; i++) {
      station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
      bench.run(5000);
      assert.deepEqual(
        station.takeEvents().map((event) => event.kind),
        ["transmitted", "timeout"],
      );
      assert.equal(station.chip.mode, 0);
    }
    assert.deepEqual(station.chip.violations, []);
  });

  it("sleep during a reception gives it up without an event, and the chip sleeps", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.radio.receive(DOWNLINK, 200);
    bench.run(20);
    station.radio.sleep();
    bench.run(1000);
    assert.equal(station.chip.mode, 0);
    assert.deepEqual(station.events, []);
    assert.deepEqual(station.chip.violations, []);
  });

  it("an operation given up while BUSY, and the next one asked for at once: the chip sleeps first, then the next begins", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(2);
    station.takeTrace();
    station.radio.sleep();
    station.radio.receive(DOWNLINK, 8);
    assert.deepEqual(station.takeTrace(), [], "the TCXO is starting: BUSY");
    bench.run(200);
    assert.deepEqual(station.takeTrace().slice(0, 4), ["8000", "0243ff", "8404", "c000"]);
    assert.deepEqual(
      station.takeEvents().map((event) => event.kind),
      ["timeout"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("two operations at once are our own bug", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.radio.receive(DOWNLINK, 200);
    assert.throws(() => station.radio.receive(DOWNLINK, 200), /busy/);
  });

  it("close ends everything", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.radio.receive(DOWNLINK, 200);
    bench.run(20);
    station.radio.close();
    bench.run(60_000);
    assert.deepEqual(station.events, []);
  });
});

describe("SX126x driver: any order of calls", () => {
  it("random operations and sleeps at random moments: each ends in one event or was given up, the chip never complains", () => {
    const random = new RandomStream(7, "radio calls");
    const bench = makeBench(7);
    const station = heltecStation(bench);
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
        const modulation = { ...(random.below(2) === 0 ? UPLINK : DOWNLINK), spreadingFactor: 7 + random.below(2) };
        if (random.below(2) === 0) station.radio.transmit(modulation, 14, HELLO, random.below(6));
        else station.radio.receive(modulation, 1 + random.below(60));
      }
      const waitUs = random.below(2) === 0 ? random.below(2_000) : random.below(100_000);
      bench.world.run(bench.world.nowUs + waitUs);
    }
    bench.run(1000);
    assert.equal(station.radio.busy, false);
    assert.equal(station.events.length + givenUp, asked);
    const kinds = new Set(station.events.map((event) => event.kind));
    assert.deepEqual([...kinds].sort(), ["received", "timeout", "transmitted"]);
    assert.deepEqual(station.chip.violations, []);
    assert.deepEqual(other.chip.violations, []);
  });
});

describe("SX126x driver: faults", () => {
  it("DS.SX1261-2 8.3.1: BUSY that never falls is an error, and the chip is tried again with the next operation", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    station.chip.pins.busy.stuckAt = 1;
    bench.run(5000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-does-not-answer" }]);
    station.chip.pins.busy.stuckAt = undefined;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(5000);
    assert.deepEqual(
      station.takeEvents().map((event) => event.kind),
      ["transmitted"],
    );
  });

  it("no chip on the bus (all ones come back, BUSY low) is an error", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    station.chip.pins.spiBroken = true;
    bench.run(5000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-does-not-answer" }]);
  });

  it("DS.SX1261-2 13.6.1: a TCXO that nobody supplies is an error", () => {
    const bench = makeBench();
    const station = new Station(bench.world, bench.channel, { x: 0, y: 0 }, { tcxo: true });
    bench.run(5000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-device-error" }]);
  });

  it("an operation that never ends resets the chip, and the next one works", () => {
    const bench = makeBench();
    const station = heltecStation(bench);
    bench.run(START_MS);
    station.chip.pins.dio1.stuckAt = 0;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(26_000);
    assert.deepEqual(station.takeEvents(), [{ kind: "error", reason: "radio-operation-never-ended" }]);
    assert.equal(station.radio.busy, false);
    station.chip.pins.dio1.stuckAt = undefined;
    station.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(200);
    assert.deepEqual(
      station.takeEvents().map((event) => event.kind),
      ["transmitted"],
    );
    assert.deepEqual(station.chip.violations, []);
  });

  it("a frame with a wrong CRC ends the window like a timeout", () => {
    const bench = makeBench();
    const receiver = heltecStation(bench);
    const near = heltecStation(bench, 300);
    const asNear = heltecStation(bench, -300);
    bench.run(START_MS);
    receiver.radio.receive(UPLINK, 100);
    bench.run(10);
    near.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    asNear.radio.transmit(UPLINK, 14, HELLO, HELLO.length);
    bench.run(200);
    assert.deepEqual(
      receiver.takeEvents().map((event) => event.kind),
      ["timeout"],
    );
    assert.equal(bench.channel.counts.collided, 1);
  });

  it("DS.SX1261-2 13.3.2: a damaged header ends the window and leaves the chip in standby", () => {
    const bench = makeBench();
    const receiver = heltecStation(bench);
    const near = heltecStation(bench, 300);
    const asNear = heltecStation(bench, -300);
    bench.run(START_MS);
    receiver.radio.receive(DOWNLINK, 200);
    bench.run(10);
    near.radio.transmit(DOWNLINK, 14, HELLO, HELLO.length);
    asNear.radio.transmit(DOWNLINK, 14, HELLO, HELLO.length);
    bench.run(100);
    assert.deepEqual(
      receiver.takeEvents().map((event) => event.kind),
      ["timeout"],
    );
    assert.equal(receiver.chip.mode, 2);
    assert.deepEqual(receiver.chip.violations, []);
  });
});
