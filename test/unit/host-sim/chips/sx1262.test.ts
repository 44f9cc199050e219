import assert from "node:assert/strict";
import { SET_PACKET_TYPE_LORA, SET_STANDBY } from "../../../../firmware/drivers/radio/sx126x-commands.ts";
import type { Digital, SPI } from "../../../../firmware/ports/io.ts";
import { preambleUs, symbolUs, timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { Sx1262 } from "../../../../host-sim/chips/sx1262.ts";
import type { Sx1262Board } from "../../../../host-sim/chips/sx1262-board.ts";
import type { Sx126xName } from "../../../../host-sim/chips/sx1262-variants.ts";
import { DOWNLINK, heltecStation, hex, makeBench, UPLINK } from "../../drivers/radio/radio-bench.ts";

/** A chip without a driver: a test drives its pins by hand. */
function bareChip(board: Partial<Sx1262Board> = {}) {
  const bench = makeBench();
  const chip = new Sx1262({ world: bench.world, channel: bench.channel, position: { x: 0, y: 0 }, ...board });
  const { io } = chip;
  const spi: SPI = new io.spi.io({ ...io.spi });
  const busy: Digital = new io.busy.io({ ...io.busy });
  const reset: Digital = new io.reset.io({ ...io.reset });
  const dio1: Digital = new io.dio1.io({ ...io.dio1 });
  const send = (...bytes: number[]): string => {
    const transfer = Uint8Array.from(bytes);
    spi.transfer(transfer);
    return hex(transfer);
  };
  /** How long BUSY is high from now, in microseconds. */
  const busyUs = (): number => {
    const fromUs = bench.world.nowUs;
    if (busy.read() === 0) return 0;
    bench.world.run(fromUs + 1_000_000, () => busy.read() === 0);
    return bench.world.nowUs - fromUs;
  };
  return { ...bench, chip, send, busyUs, busy, reset, dio1 };
}

/** Past start-up, in LoRa mode, set to SF7 at 868.1 MHz with all workarounds. */
function readyChip() {
  const bare = bareChip();
  const { send, busyUs } = bare;
  busyUs();
  const commands = [
    [...SET_PACKET_TYPE_LORA],
    [0x98, 0xd7, 0xdb],
    [0x95, 4, 7, 0, 1],
    [0x86, 0x36, 0x41, 0x99, 0x9a],
    [0x8e, 14, 4],
    [0x8b, 7, 4, 1, 0],
    [0x8c, 0, 8, 0, 4, 1, 0],
    [0x0d, 0x08, 0x89, 0x05],
    [0x0d, 0x08, 0xd8, 0xde],
    [0x08, 0x02, 0x63, 0x02, 0x63, 0, 0, 0, 0],
    [0xa0, 8],
  ];
  for (const command of commands) {
    send(...command);
    busyUs();
  }
  return bare;
}

describe("SX1262 model: BUSY and modes", () => {
  it("DS.SX1261-2 table 8-2: BUSY is high for 3.5 ms after power-up and after reset", () => {
    const { busyUs, reset, busy } = bareChip();
    assert.equal(busyUs(), 3500);
    reset.write(0);
    assert.equal(busy.read(), 1);
    reset.write(1);
    assert.equal(busyUs(), 3500);
  });

  it("DS.SX1261-2 table 8-2: switching times", () => {
    const { send, busyUs } = readyChip();
    const steps: [number[], number][] = [
      [[0x80, 1], 31],
      [[0xc1], 40],
      [[0x80, 0], 10],
      [[0xc1], 50],
      [[0x82, 0, 0, 0], 41],
      [[0x80, 0], 10],
      [[0x82, 0, 0, 0], 83],
      [[0x83, 0, 0, 0], 92],
      [[0x80, 0], 10],
      [[0x83, 0, 0, 0], 126],
      [[0x80, 0], 10],
      [[0x80, 1], 31],
      [[0x83, 0, 0, 0], 105],
      [[0x80, 0], 10],
      [[0x80, 1], 31],
      [[0x82, 0, 0, 0], 62],
    ];
    for (const [command, us] of steps) {
      send(...command);
      assert.equal(busyUs(), us, command.join(" "));
    }
  });

  it("DS.SX1261-2 13.3.6: with a TCXO, leaving STDBY_RC takes its start-up time more", () => {
    const { send, busyUs, chip } = bareChip({ tcxo: true });
    busyUs();
    assert.equal(send(0x17, 0, 0, 0).slice(4), "0020", "the oscillator could not start");
    send(0x97, 2, 0, 1, 0x40);
    busyUs();
    send(0x07, 0, 0);
    busyUs();
    send(0x80, 1);
    assert.equal(busyUs(), 31 + 5000);
    assert.equal(send(0x17, 0, 0, 0).slice(4), "0000");
    assert.deepEqual(chip.violations, []);
  });

  it("DS.SX1261-2 8.3.1: a command while BUSY is not heard", () => {
    const { send, busyUs, chip } = bareChip();
    assert.equal(send(0x80, 1), "ffff");
    busyUs();
    assert.equal(send(0xc0, 0), "2222", "STDBY_RC still");
    assert.deepEqual(chip.violations, [{ atUs: 0, rule: "busy", command: "opcode 128" }]);
  });

  it("DS.SX1261-2 9.3: chip select wakes it in 340 us; within 500 us after SetSleep it is deaf", () => {
    const { send, busyUs, chip, run, busy } = readyChip();
    send(0x84, 4);
    assert.equal(busy.read(), 1);
    send(0xc0, 0);
    assert.equal(chip.violations.at(-1)?.rule, "deaf");
    run(1);
    send(0xc0, 0);
    assert.equal(busyUs(), 340);
    assert.equal(chip.violations.length, 1);
  });

  it("DS.SX1261-2 9.6: a warm sleep keeps the retention list's registers, a cold one nothing", () => {
    const { send, busyUs, run } = readyChip();
    const readTxModulation = (): string => send(0x1d, 0x08, 0x89, 0, 0).slice(8);
    const cycle = (config: number): void => {
      send(0x84, config);
      run(1);
      send(0xc0, 0);
      busyUs();
    };
    cycle(4);
    assert.equal(readTxModulation(), "01", "not in the list");
    send(0x0d, 0x02, 0x9f, 1, 0x08, 0x89);
    busyUs();
    send(0x0d, 0x08, 0x89, 0x05);
    busyUs();
    cycle(4);
    assert.equal(readTxModulation(), "05");
    assert.equal(send(0x11, 0, 0).slice(4), "01", "LoRa still");
    cycle(0);
    assert.equal(readTxModulation(), "01");
    assert.equal(send(0x11, 0, 0).slice(4), "00", "as after reset");
  });

  it("DS.SX1261-2 13.5.1: refusals show in the status and change nothing", () => {
    const cases: [number[], string][] = [
      [[0x8b, 4, 4, 1, 0], "reserved-value"],
      [[0x8b, 13, 4, 1, 0], "reserved-value"],
      [[0x8b, 7, 7, 1, 0], "reserved-value"],
      [[0x8b, 7, 4, 0, 0], "reserved-value"],
      [[0x8b, 7, 4, 1, 2], "reserved-value"],
      [[0x8c, 0, 0, 0, 5, 1, 0], "reserved-value"],
      [[0x8c, 0, 8, 0, 5, 2, 0], "reserved-value"],
      [[0x8e, 23, 4], "reserved-value"],
      [[0x8e, 14, 8], "reserved-value"],
      [[0x95, 5, 7, 0, 1], "reserved-value"],
      [[0x95, 4, 7, 1, 1], "reserved-value"],
      [[0x86, 0, 0, 0, 1], "reserved-value"],
      [[0x84, 2], "reserved-value"],
      [[0x97, 8, 0, 0, 1], "reserved-value"],
      [[0x8b, 7, 4, 1], "length"],
      [[0x55, 0], "unknown-opcode"],
    ];
    for (const [command, rule] of cases) {
      const { send, chip } = readyChip();
      const settings = JSON.stringify(chip.settings);
      assert.match(send(...command), /^f+$/);
      assert.equal(chip.violations.at(-1)?.rule, rule, command.join(" "));
      assert.equal(send(0xc0, 0), "2828", "STDBY_RC, command processing error");
      assert.equal(JSON.stringify(chip.settings), settings);
    }
  });

  it("DS.SX1261-2 13: commands in a mode that forbids them fail", () => {
    const inReceive: number[][] = [
      [0x84, 4],
      [0x86, 0x36, 0x41, 0x99, 0x9a],
      [0x89, 0x7f],
      [0x98, 0xd7, 0xdb],
      [0x96, 1],
      [0x8b, 7, 4, 1, 0],
      [0x82, 0, 0, 0],
    ];
    for (const command of inReceive) {
      const { send, busyUs, chip } = readyChip();
      send(0x82, 0xff, 0xff, 0xff);
      busyUs();
      send(...command);
      assert.equal(chip.violations.at(-1)?.rule, "wrong-mode", command.join(" "));
      assert.equal(send(0xc0, 0), "5a5a", "RX, failed to execute");
    }
  });

  it("DS.SX1261-2 13.4.2: modulation before the packet type fails", () => {
    const { send, busyUs, chip } = bareChip();
    busyUs();
    send(...SET_STANDBY);
    busyUs();
    send(0x8b, 7, 4, 1, 0);
    assert.equal(chip.violations.at(-1)?.rule, "packet-type-first");
  });

  it("DS.SX1261-2 15.1, 15.2, 15.4, 9.2.1, 6.1.1.4: neglected workarounds and settings are noticed when it sends", () => {
    const faults: [string, number[][]][] = [
      ["workaround 15.1", [[0x0d, 0x08, 0x89, 0x01]]],
      ["workaround 15.2", [[0x0d, 0x08, 0xd8, 0xc8]]],
      ["workaround 15.4", [[0x8c, 0, 8, 0, 4, 1, 1]]],
      ["outside-calibrated-band", [[0x98, 0xe1, 0xe9]]],
      ["low-data-rate", [[0x8b, 12, 4, 1, 0]]],
    ];
    for (const [rule, commands] of faults) {
      const { send, busyUs, chip } = readyChip();
      for (const command of [...commands, [0x83, 0, 0, 0]]) {
        send(...command);
        busyUs();
      }
      assert.deepEqual(
        chip.violations.map((violation) => violation.rule),
        [rule],
      );
    }
  });

  it("DS.SX1261-2 13.1.4: the transmit timer cuts a frame off, and DIO1 says so", () => {
    const { send, busyUs, run, dio1, channel } = readyChip();
    send(0x83, 0, 0, 64);
    busyUs();
    run(2);
    assert.equal(dio1.read(), 1);
    assert.equal(send(0x12, 0, 0, 0).slice(4), "0200");
    send(0x02, 0x02, 0x00);
    assert.equal(dio1.read(), 0);
    assert.equal(channel.counts.sent, 1);
  });

  it("DS.SX1261-2 15.3: after a frame without a header the timer runs on and ends what comes next, unless it is stopped", () => {
    for (const workaround of [false, true]) {
      const { send, busyUs, run, channel, world } = readyChip();
      const modulation = { ...UPLINK, implicitLength: 4 };
      const execute = (...command: number[]): void => {
        send(...command);
        busyUs();
      };
      execute(0x8c, 0, 8, 1, 4, 1, 0);
      execute(0x0d, 0x07, 0x40, 0x34, 0x44);
      execute(0xa0, 0);
      // 200 ms of timer; the frame ends after about 31.
      execute(0x82, 0, 0x32, 0);
      const startUs = world.nowUs;
      const endUs = startUs + timeOnAirUs(modulation, 4, true);
      channel.transmit({
        modulation,
        powerDbm: 14,
        frame: new Uint8Array(4),
        startUs,
        endUs,
        from: {},
        position: { x: 50, y: 0 },
      });
      run(50);
      assert.equal(send(0x12, 0, 0, 0).slice(4), "0002", "RxDone");
      send(0x02, 0x43, 0xff);
      busyUs();
      if (workaround) {
        execute(0x0d, 0x09, 0x20, 0x00);
        execute(0x0d, 0x09, 0x44, 0x02);
      }
      // Listening without a timer of its own: nothing should end it.
      execute(0x82, 0, 0, 0);
      run(1000);
      assert.equal(send(0x12, 0, 0, 0).slice(4), workaround ? "0000" : "0200");
    }
  });

  it("DS.SX1261-2 13.1.7, 13.4.7: detection before its parameters is noticed; reserved parameters are refused", () => {
    const { send, busyUs, chip } = readyChip();
    send(0xc5);
    busyUs();
    assert.equal(chip.violations.at(-1)?.rule, "detection-not-set");
    send(0x80, 0);
    busyUs();
    assert.match(send(0x88, 5, 22, 10, 0, 0, 0, 0), /^f+$/);
    assert.equal(chip.violations.at(-1)?.rule, "reserved-value");
  });

  it("each variant refuses what it does not have (13.1.14, 13.4.1, 13.4.4, 13.4.5.2)", () => {
    const cases: [Sx126xName, number[]][] = [
      ["sx1261", [0x95, 4, 7, 0, 1]],
      ["sx1261", [0x8e, 22, 4]],
      ["sx1262", [0x95, 4, 0, 1, 1]],
      ["sx1262", [0x8e, 0xee, 4]],
      ["sx1268", [0x86, 0x36, 0x41, 0x99, 0x9a]],
      ["llcc68", [0x8b, 10, 4, 1, 0]],
      ["llcc68", [0x8b, 11, 5, 1, 0]],
      ["llcc68", [0x8b, 12, 6, 1, 0]],
    ];
    for (const [name, command] of cases) {
      const { send, busyUs, chip } = bareChip({ chip: name });
      busyUs();
      send(...SET_PACKET_TYPE_LORA);
      busyUs();
      assert.match(send(...command), /^f+$/);
      assert.equal(chip.violations.at(-1)?.rule, "reserved-value", `${name} ${command.join(" ")}`);
    }
  });

  it("DS.SX1261-2 13.4.8: the 256-byte buffer wraps", () => {
    const { send, busyUs } = readyChip();
    send(0x0e, 0xfe, 1, 2, 3, 4);
    busyUs();
    assert.equal(send(0x1e, 0xfe, 0, 0, 0, 0, 0).slice(6), "01020304");
    assert.equal(send(0x1e, 0x00, 0, 0, 0).slice(6), "0304");
  });
});

describe("SX1262 model: receive windows by symbols", () => {
  /** Opens a window of `symbols` at 0 and starts a downlink `offsetUs` later (or earlier); says whether it was caught. */
  function isCaught(symbols: number, offsetUs: number): boolean {
    const bench = makeBench();
    const receiver = heltecStation(bench);
    const sender = heltecStation(bench, 100);
    bench.run(50);
    // TCXO, switching time, and 10 us for each command before: the driver's latency, which the MAC has to allow for.
    const listenAtUs = 100_000;
    const receiveDelayUs = 5000 + 83 + 7 * 10;
    const transmitDelayUs = 5000 + 126 + 10 * 10;
    bench.world.at(listenAtUs - receiveDelayUs, () => receiver.radio.receive(DOWNLINK, symbols));
    let startUs = 0;
    bench.channel.onTransmission((transmission) => {
      startUs = transmission.startUs;
    });
    bench.world.at(listenAtUs + offsetUs - transmitDelayUs, () =>
      sender.radio.transmit(DOWNLINK, 14, Uint8Array.of(1, 2, 3), 3),
    );
    bench.run(300);
    assert.equal(startUs, listenAtUs + offsetUs, "the bench's own timing");
    const [event] = receiver.events;
    return event.kind === "received";
  }

  const symbol = symbolUs(7, 125_000);

  it("DS.SX1261-2 13.4.9: a preamble that begins so late that five symbols do not fit is missed", () => {
    assert.equal(isCaught(8, 0), true);
    assert.equal(isCaught(8, 3 * symbol - 10), true);
    assert.equal(isCaught(8, 3 * symbol + 10), false);
    assert.equal(isCaught(12, 7 * symbol - 10), true);
  });

  it("a window opened when fewer than five symbols of the preamble remain misses the frame", () => {
    assert.equal(isCaught(8, -3 * symbol + 10), true);
    assert.equal(isCaught(8, -3 * symbol - 10), false);
  });

  it("the timeout comes after exactly the symbols asked for", () => {
    const bench = makeBench();
    const receiver = heltecStation(bench);
    bench.run(50);
    for (const symbols of [6, 8, 20, 62]) {
      const beforeUs = receiver.chip.modem.listenedUs;
      receiver.radio.receive(DOWNLINK, symbols);
      bench.run(200);
      assert.equal(receiver.chip.modem.listenedUs - beforeUs, symbols * symbol);
    }
    assert.ok(receiver.takeEvents().every((event) => event.kind === "timeout"));
  });

  it("a frame that chance takes away after its preamble was found does not hold the receiver", () => {
    const bench = makeBench(1, 1);
    const receiver = heltecStation(bench);
    const sender = heltecStation(bench, 100);
    bench.run(50);
    receiver.radio.receive(DOWNLINK, 8);
    sender.radio.transmit(DOWNLINK, 14, Uint8Array.of(1, 2, 3), 3);
    bench.run(300);
    assert.deepEqual(
      receiver.takeEvents().map((event) => event.kind),
      ["timeout"],
    );
    assert.ok(receiver.chip.modem.listenedUs < preambleUs(DOWNLINK) + 2 * symbol);
  });

  it("what is tuned otherwise is not heard: spreading factor, frequency, IQ, sync word, bandwidth", () => {
    const others = [
      { ...UPLINK, spreadingFactor: 8 },
      { ...UPLINK, frequencyHz: 868_300_000 },
      { ...UPLINK, invertIq: true },
      { ...UPLINK, syncWord: 0x12 },
      { ...UPLINK, bandwidthHz: 250_000 as const },
    ];
    for (const other of [UPLINK, ...others]) {
      const bench = makeBench();
      const receiver = heltecStation(bench);
      const sender = heltecStation(bench, 100);
      bench.run(50);
      receiver.radio.receive(UPLINK, 100);
      bench.run(10);
      sender.radio.transmit(other, 14, Uint8Array.of(1, 2, 3), 3);
      bench.run(500);
      assert.equal(receiver.events[0].kind, other === UPLINK ? "received" : "timeout");
    }
  });

  it("it is half-duplex: while it sends it hears nothing", () => {
    const bench = makeBench();
    const one = heltecStation(bench);
    const two = heltecStation(bench, 100);
    bench.run(50);
    one.radio.transmit(UPLINK, 14, Uint8Array.of(1), 1);
    two.radio.transmit({ ...UPLINK, spreadingFactor: 8 }, 14, Uint8Array.of(2), 1);
    bench.run(500);
    assert.deepEqual(bench.channel.counts, { sent: 2, received: 0, collided: 0, lost: 0, tooWeak: 0 });
  });
});
