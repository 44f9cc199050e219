import assert from "node:assert/strict";
import type { Digital, SPI } from "../../../../firmware/ports/io.ts";
import { preambleUs, symbolUs } from "../../../../firmware/wire/time-on-air.ts";
import { Sx1276, TIMES_US } from "../../../../host-sim/chips/sx1276.ts";
import type { Sx1276Board } from "../../../../host-sim/chips/sx1276-board.ts";
import { DOWNLINK, heltecStation, hex, makeBench, Sx127xStation, UPLINK } from "../../drivers/radio/radio-bench.ts";

/** A chip without a driver: a test drives its pins by hand. */
function bareChip(board: Partial<Sx1276Board> = {}) {
  const bench = makeBench();
  const chip = new Sx1276({ world: bench.world, channel: bench.channel, position: { x: 0, y: 0 }, ...board });
  const { io } = chip;
  const spi: SPI = new io.spi.io({ ...io.spi });
  const reset: Digital = new io.reset.io({ ...io.reset });
  const dio0: Digital = new io.dio0.io({ ...io.dio0 });
  const dio1: Digital = new io.dio1.io({ ...io.dio1 });
  const transfer = (...bytes: number[]): string => {
    const buffer = Uint8Array.from(bytes);
    spi.transfer(buffer);
    return hex(buffer);
  };
  const write = (register: number, ...values: number[]): string => transfer(register | 0x80, ...values);
  const read = (register: number, count = 1): string => transfer(register, ...new Array(count).fill(0)).slice(2);
  const rules = (): string[] => chip.violations.map((violation) => violation.rule);
  return { ...bench, chip, write, read, reset, dio0, dio1, rules };
}

/** Past start-up, calibrated at 868.1 MHz, in LoRa sleep, set to SF7 with all errata. */
function readyChip(board: Partial<Sx1276Board> = {}) {
  const bare = bareChip(board);
  const { run, write } = bare;
  run(6);
  write(0x06, 0xd9, 0x06, 0x66);
  write(0x3b, 0x42);
  run(15);
  write(0x01, 0x00);
  write(0x01, 0x80);
  write(0x09, 0x8c);
  write(0x0e, 0, 0);
  write(0x1d, 0x72, 0x74, 0x08, 0x00, 0x08, 0x04);
  write(0x2f, 0x40, 0x00, 0x43);
  assert.deepEqual(bare.rules(), []);
  return bare;
}

describe("SX1276 model: registers and FIFO", () => {
  it("DS_SX1276 7.2: for 5 ms after power-on and after reset it takes nothing", () => {
    const { run, read, reset, rules } = bareChip();
    run(4);
    assert.equal(read(0x42), "ff");
    run(2);
    assert.equal(read(0x42), "12");
    assert.equal(read(0x01), "09", "FSK standby, low-frequency registers");
    reset.write(0);
    assert.equal(read(0x42), "ff");
    reset.write(1);
    run(4);
    assert.equal(read(0x42), "ff");
    run(2);
    assert.equal(read(0x42), "12");
    assert.deepEqual(rules(), ["reset", "reset", "reset"]);
  });

  it("DS_SX1276 6.4: reset values of the LoRa page; the FSK page lies under the same addresses", () => {
    const { read, write, run } = bareChip();
    run(6);
    assert.equal(read(0x3b), "82", "RegImageCal");
    write(0x01, 0x00);
    write(0x01, 0x80);
    assert.equal(read(0x1d, 3), "727064");
    assert.equal(read(0x31), "c3");
    assert.equal(read(0x33), "27");
    assert.equal(read(0x39), "12");
    assert.equal(read(0x3b), "1d", "RegInvertIQ2");
  });

  it("DS_SX1276 6.4 RegOpMode: the modem changes in sleep only; otherwise the bit stays", () => {
    const { read, write, run, rules } = bareChip();
    run(6);
    write(0x01, 0x81);
    assert.equal(read(0x01), "01");
    assert.deepEqual(rules(), ["modem-change-out-of-sleep"]);
    write(0x01, 0x00);
    write(0x01, 0x80);
    write(0x01, 0x81);
    assert.equal(read(0x01), "81");
    assert.equal(rules().length, 1);
  });

  it("DS_SX1276 4.1.2.3: the FIFO is there when the oscillator runs, its pointer steps on and wraps, sleep clears it", () => {
    const { read, write, run, rules } = readyChip();
    write(0x00, 1, 2);
    assert.equal(read(0x00, 2), "0000");
    assert.deepEqual(rules(), new Array(4).fill("fifo-in-sleep"));
    write(0x01, 0x81);
    read(0x00);
    assert.equal(rules().at(-1), "fifo-not-ready");
    run(1);
    write(0x0d, 0xfe);
    write(0x00, 1, 2, 3, 4);
    assert.equal(read(0x0d), "02");
    write(0x0d, 0xfe);
    assert.equal(read(0x00, 4), "01020304");
    write(0x01, 0x80);
    write(0x01, 0x81);
    run(1);
    write(0x0d, 0xfe);
    assert.equal(read(0x00, 4), "00000000");
  });

  it("DS_SX1276 6.4: reserved values and registers and what is read-only are refused and change nothing", () => {
    const cases: [number, number, string][] = [
      [0x1d, 0xa2, "reserved-value"],
      [0x1d, 0x70, "reserved-value"],
      [0x1d, 0x7a, "reserved-value"],
      [0x1e, 0x54, "reserved-value"],
      [0x1e, 0xd4, "reserved-value"],
      [0x31, 0x44, "reserved-value"],
      [0x37, 0x0b, "reserved-value"],
      [0x4d, 0x85, "reserved-value"],
      [0x40, 0xc0, "reserved-value"],
      [0x40, 0x30, "reserved-value"],
      [0x34, 0x00, "reserved-register"],
      [0x13, 0x01, "read-only"],
      [0x42, 0x22, "read-only"],
    ];
    for (const [register, value, rule] of cases) {
      const { read, write, rules } = readyChip();
      const before = read(register);
      write(register, value);
      assert.equal(read(register), before);
      assert.deepEqual(rules(), [rule], `${register}: ${value}`);
    }
    const { write, rules } = readyChip({ chip: "sx1277" });
    write(0x1e, 0xa4);
    assert.deepEqual(rules(), ["reserved-value"], "an SX1277 has SF9 at most");
  });

  it("DS_SX1276 4.1.2: nothing is set while it listens", () => {
    const { write, run, rules, read } = readyChip();
    write(0x01, 0x85);
    run(2);
    write(0x1e, 0x84);
    assert.deepEqual(rules(), ["wrong-mode"]);
    assert.equal(read(0x1e), "74");
    write(0x12, 0xff);
    write(0x01, 0x80);
    assert.equal(rules().length, 1);
  });

  it("DS_SX1276 4.2.3.8: the image calibration takes its time, in FSK standby only, and what breaks it off is noted", () => {
    const { write, read, run, rules } = bareChip();
    run(6);
    write(0x06, 0xd9, 0x06, 0x66);
    write(0x3b, 0x42);
    assert.equal(read(0x3b), "22");
    run(9);
    assert.equal(read(0x3b), "22");
    run(2);
    assert.equal(read(0x3b), "02");
    write(0x3b, 0x42);
    write(0x01, 0x00);
    assert.deepEqual(rules(), ["calibration-broken-off"]);
    run(20);
    write(0x3b, 0x42);
    assert.equal(rules().at(-1), "wrong-mode");
  });
});

describe("SX1276 model: operations", () => {
  it("DS_SX1276 2.5.2, 4.2.5: from standby and from sleep to the first symbol", () => {
    const { write, run, world, channel, chip } = readyChip();
    let startUs = 0;
    channel.onTransmission((transmission) => {
      startUs = transmission.startUs;
    });
    write(0x01, 0x81);
    run(1);
    for (const fromUs of [0, TIMES_US.oscillator]) {
      const askedUs = world.nowUs;
      write(0x01, 0x83);
      run(100);
      assert.equal(startUs - askedUs, fromUs + TIMES_US.synthesizer + TIMES_US.transmitter);
      write(0x01, 0x80);
    }
    const askedUs = world.nowUs;
    write(0x01, 0x86);
    run(100);
    const receiverUs = TIMES_US.oscillator + TIMES_US.synthesizer + TIMES_US.receiverNarrow;
    assert.equal(chip.modem.listenedUs, 8 * symbolUs(7, 125_000));
    assert.ok(world.nowUs - askedUs > receiverUs);
    assert.deepEqual(chip.violations, []);
  });

  it("DS_SX1276 4.1.2.4, table 18: masks keep flags down, mappings choose the line, writing a 1 clears", () => {
    const { write, read, run, dio0, dio1 } = readyChip();
    write(0x40, 0x40);
    write(0x01, 0x83);
    run(50);
    assert.equal(read(0x12), "08");
    assert.equal(dio0.read(), 1);
    write(0x12, 0x08);
    assert.equal(dio0.read(), 0);
    write(0x40, 0x00);
    write(0x01, 0x86);
    run(50);
    assert.equal(read(0x12), "80");
    assert.deepEqual([dio0.read(), dio1.read()], [0, 1]);
    assert.equal(read(0x01), "81", "standby after single reception");
    write(0x12, 0xff);
    write(0x11, 0x80);
    write(0x01, 0x86);
    run(50);
    assert.equal(read(0x12), "00");
    assert.equal(dio1.read(), 0);
  });

  it("DS_SX1276 4.1.6 and errata: neglected settings are noticed when it sends or listens", () => {
    const sending: [string, [number, number][]][] = [
      ["outside-band", [[0x06, 0x96]]],
      ["low-data-rate", [[0x1e, 0xc4]]],
      ["spreading-factor-6", [[0x1e, 0x64]]],
      ["invert-iq", [[0x33, 0x26]]],
      ["over-current", [[0x4d, 0x87]]],
      ["antenna-port", [[0x09, 0x7e]]],
      ["frequency-port", [[0x01, 0x88]]],
      ["no-oscillator", [[0x4b, 0x19]]],
    ];
    const listening: [string, [number, number][]][] = [
      ["erratum 2.3", [[0x31, 0xc3]]],
      ["erratum 2.3", [[0x2f, 0x20]]],
      ["erratum 2.1", [[0x36, 0x02]]],
      ["erratum 2.1", [[0x1d, 0x92]]],
      ["detection-optimize", [[0x31, 0x45]]],
      ["detection-threshold", [[0x37, 0x0c]]],
      ["invert-iq", [[0x33, 0x67]]],
      ["symbol-timeout", [[0x1f, 0x03]]],
    ];
    for (const [cases, mode] of [
      [sending, 0x83],
      [listening, 0x86],
    ] as const) {
      for (const [rule, changes] of cases) {
        const { write, rules, read } = readyChip();
        for (const [register, value] of changes) write(register, value);
        const port = Number.parseInt(read(0x01), 16) & 8;
        write(0x01, mode | port);
        assert.ok(rules().includes(rule), `${rule}: ${rules().join()}`);
      }
    }
  });

  it("DS_SX1276 4.2.3.8: a band without its calibration is noticed, and 434 MHz is calibrated by itself", () => {
    const { write, run, rules } = bareChip();
    run(6);
    write(0x01, 0x08);
    write(0x01, 0x88);
    write(0x09, 0x8c);
    write(0x01, 0x8b);
    assert.deepEqual(rules(), []);
    write(0x01, 0x80);
    write(0x06, 0xd9, 0x06, 0x66);
    write(0x01, 0x83);
    assert.deepEqual(rules(), ["outside-calibrated-band"]);
  });

  it("it is half-duplex: while it sends it hears nothing", () => {
    const bench = makeBench();
    const one = new Sx127xStation(bench);
    const two = heltecStation(bench, 100);
    bench.run(50);
    one.radio.transmit(UPLINK, 14, Uint8Array.of(1), 1);
    two.radio.transmit({ ...UPLINK, spreadingFactor: 8 }, 14, Uint8Array.of(2), 1);
    bench.run(500);
    assert.deepEqual(bench.channel.counts, { sent: 2, received: 0, collided: 0, lost: 0, tooWeak: 0 });
  });
});

describe("SX1276 model: receive windows by symbols", () => {
  /** Opens a window of `symbols` at 100 ms and starts a downlink `offsetUs` later; says whether it was caught. */
  function isCaught(symbols: number, offsetUs: number, crystalPpm = 0): boolean {
    const bench = makeBench();
    const receiver = new Sx127xStation(bench, 0, { crystalPpm });
    const sender = heltecStation(bench, 100);
    bench.run(50);
    const listenAtUs = 100_000;
    const receiveDelayUs = TIMES_US.oscillator + TIMES_US.synthesizer + TIMES_US.receiverNarrow;
    const transmitDelayUs = 5000 + 126 + 10 * 10;
    bench.world.at(listenAtUs - receiveDelayUs, () => receiver.radio.receive(DOWNLINK, symbols));
    let startUs = 0;
    bench.channel.onTransmission((transmission) => {
      startUs = transmission.startUs;
    });
    bench.world.at(listenAtUs + offsetUs - transmitDelayUs, () =>
      sender.radio.transmit(DOWNLINK, 14, Uint8Array.of(1, 2, 3), 3),
    );
    bench.run(3000);
    assert.equal(startUs, listenAtUs + offsetUs, "the bench's own timing");
    const [event] = receiver.events;
    return event.kind === "received";
  }

  const symbol = symbolUs(7, 125_000);

  it("DS_SX1276 6.4 RegSymbTimeout: a preamble that begins so late that five symbols do not fit is missed", () => {
    assert.equal(isCaught(8, 0), true);
    assert.equal(isCaught(8, 3 * symbol - 10), true);
    assert.equal(isCaught(8, 3 * symbol + 10), false);
    assert.equal(isCaught(12, 7 * symbol - 10), true);
    assert.equal(isCaught(8, -3 * symbol + 10), true);
    assert.equal(isCaught(8, -3 * symbol - 10), false);
  });

  it("a chip with a fast crystal closes its windows earlier, by its own count of symbols", () => {
    // 1,000 symbols of 1.024 ms are 1.024 s: 30 ppm of that are 31 us.
    assert.equal(isCaught(1000, 995 * symbol - 20), true);
    assert.equal(isCaught(1000, 995 * symbol - 20, 30), false);
    assert.equal(isCaught(1000, 995 * symbol - 40, 30), true);
    assert.equal(isCaught(1000, 995 * symbol + 20, -30), true);
  });

  it("a frame that chance takes away after its preamble was found does not hold the receiver", () => {
    const bench = makeBench(1, 1);
    const receiver = new Sx127xStation(bench);
    const sender = heltecStation(bench, 100);
    bench.run(50);
    receiver.radio.receive(DOWNLINK, 16);
    sender.radio.transmit(DOWNLINK, 14, Uint8Array.of(1, 2, 3), 3);
    bench.run(300);
    assert.deepEqual(receiver.takeKinds(), ["timeout"]);
    assert.ok(receiver.chip.modem.listenedUs < preambleUs(DOWNLINK) + 16 * symbol);
  });
});

describe("crystals (SX1276 data sheet 4.1.5, SX1261/2 data sheet 6.1.1.4)", () => {
  /** A frame of 20 bytes between two crystals: was it received, and how long was it in the air? */
  function exchange(senderPpm: number, receiverPpm: number, modulation = UPLINK) {
    const bench = makeBench();
    const sender = new Sx127xStation(bench, 0, { crystalPpm: senderPpm });
    const receiver = new Sx127xStation(bench, 100, { crystalPpm: receiverPpm });
    bench.run(50);
    let airUs = 0;
    bench.channel.onTransmission(({ startUs, endUs }) => {
      airUs = endUs - startUs;
    });
    receiver.radio.receive(modulation, 100);
    bench.run(5);
    sender.radio.transmit(modulation, 14, new Uint8Array(20), 20);
    bench.run(3000);
    return { kind: receiver.takeKinds()[0], airUs };
  }

  it("a frequency error beyond a quarter of the bandwidth is not heard: 36 ppm at 868.1 MHz and 125 kHz", () => {
    assert.equal(exchange(35, 0).kind, "received");
    assert.equal(exchange(37, 0).kind, "timeout");
    assert.equal(exchange(0, -37).kind, "timeout");
    assert.equal(exchange(-20, 17).kind, "timeout");
    assert.equal(exchange(40, 40).kind, "received");
    assert.equal(exchange(40, 0, { ...UPLINK, bandwidthHz: 250_000 }).kind, "received");
  });

  it("a fast crystal makes a frame shorter", () => {
    const slow = { ...UPLINK, spreadingFactor: 12 };
    const nominal = exchange(0, 0, slow).airUs;
    const fast = exchange(30, 30, slow).airUs;
    assert.equal(nominal - fast, Math.round(nominal * 30e-6));
  });
});
