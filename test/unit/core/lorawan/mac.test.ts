import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Mac } from "../../../../firmware/core/lorawan/mac.ts";
import { NO_PORT } from "../../../../firmware/wire/lorawan-frame.ts";
import { MacBench } from "./mac-bench.ts";

function joined(options: ConstructorParameters<typeof MacBench>[0] = {}): MacBench {
  const bench = new MacBench(options);
  bench.join();
  bench.seen = [];
  return bench;
}

describe("LoRaWAN uplinks and downlinks", () => {
  it("TS001-1.0.4 4.3.1.5: counters from 0, a block on flash before the first uplink, one write in 64", () => {
    const bench = joined();
    for (let i = 0; i < 130; i++) {
      equal(bench.exchange({}, "0102").fCnt16, i);
      bench.nowMs += 60_000;
    }
    const stores = bench.all("store").map((store) => store.key);
    equal(stores.filter((key) => key === "lw.up").length, 3);
    ok(bench.kinds().startsWith("store lw.up, transmit, sleepRadio, receive, sleepRadio, receive, sleepRadio, sent"));
  });

  it("TS001-1.0.4 4.3.1.5: FCntDown is on flash before the application sees the downlink", () => {
    const bench = joined();
    bench.exchange({ rx1: bench.down({}, "", "c0ffee") });
    ok(bench.kinds().endsWith("store lw.down, sleepRadio, downlink, sent"), bench.kinds());
    equal(Buffer.from(bench.last("downlink").bytes!).toString("hex"), "c0ffee");
    equal(bench.last("downlink").port, 10);
  });

  it("TS001-1.0.4 4.3.1.5: the same downlink again, and any with a lower counter, changes nothing", () => {
    const bench = joined();
    const frames = [0, 5, 6].map((fCnt) => bench.down({ fCnt }, "", "aa"));
    bench.exchange({ rx1: frames[1] });
    for (const old of [frames[1], frames[0]]) {
      const before = bench.all("downlink").length;
      bench.exchange({ rx1: old, rx2: old });
      equal(bench.all("downlink").length, before);
    }
    bench.exchange({ rx2: frames[2] });
    equal(bench.all("downlink").length, 2);
  });

  it("TS001-1.0.4 4.3.1.5: downlink counters go on above 16 bits", () => {
    const bench = joined();
    bench.exchange({ rx1: bench.down({ fCnt: 0xfff0 }, "", "aa") });
    bench.exchange({ rx1: bench.down({ fCnt: 0x10003 }, "", "bb") });
    equal(bench.all("downlink").length, 2);
  });

  it("TS001-1.0.4 4.4: a wrong MIC, another's address, an uplink or a join accept in the window are as if nothing had come", () => {
    const quiet = joined();
    quiet.exchange();
    const expected = quiet.saved();
    const forgeries = (bench: MacBench): Uint8Array[] => {
      const wrongMic = bench.down({ fCnt: 0 }, "0350ff0001", "aa");
      wrongMic[wrongMic.length - 1] ^= 1;
      return [
        wrongMic,
        bench.down({ fCnt: 0, devAddr: 1 }),
        bench.down({ fCnt: 0, uplink: true }),
        new Uint8Array(0),
        new Uint8Array(17).fill(0x20),
        new Uint8Array(255).fill(0xff),
      ];
    };
    for (let i = 0; i < 6; i++) {
      const bench = joined();
      const frame = forgeries(bench)[i];
      bench.send();
      bench.transmitted();
      bench.toTimeout();
      // At the very time at which the quiet window would have closed.
      bench.nowMs += Math.ceil(bench.last("receive").symbolTimeout! * 1.024);
      bench.handle({ kind: "received", frame, length: frame.length, rssiDbm: -90, snrDb: 3, atMs: bench.nowMs });
      bench.window(undefined);
      equal(bench.kinds(), quiet.kinds());
      deepEqual(bench.saved(), expected);
    }
  });

  it("TS001-1.0.4 3.3.1: after a frame for us in RX1 there is no RX2; after a foreign one there is", () => {
    const bench = joined();
    bench.exchange({ rx1: bench.down() });
    equal(bench.all("receive").length, 1);
    bench.exchange({ rx1: bench.down({ devAddr: 1 }) });
    equal(bench.all("receive").length, 3);
  });

  it("TS001-1.0.4 3.3.1: a long foreign frame in RX1 that covers RX2 ends the uplink without it", () => {
    const bench = joined({ fixedDataRate: 0 });
    bench.send();
    bench.transmitted();
    bench.toTimeout();
    bench.nowMs += 4_000;
    const frame = new Uint8Array(100);
    bench.handle({ kind: "received", frame, length: 100, rssiDbm: -90, snrDb: 3, atMs: bench.nowMs });
    bench.toTimeout();
    equal(bench.all("receive").length, 1);
    equal(bench.all("sent").length, 1);
  });

  it("TS001-1.0.4 4.3.1.2: a confirmed uplink is acknowledged by ACK only", () => {
    const bench = joined();
    ok(bench.exchange({ rx1: bench.down({ ack: true }) }, "01", true).confirmed);
    equal(bench.last("sent").acknowledged, true);
    bench.exchange({ rx1: bench.down() }, "01", true);
    equal(bench.last("sent").acknowledged, false);
    bench.exchange({}, "01", true);
    equal(bench.last("sent").acknowledged, false);
    bench.exchange({ rx1: bench.down({ ack: true }) }, "01", false);
    equal(bench.last("sent").acknowledged, false);
  });

  it("TS001-1.0.4 4.3.1.2: a confirmed downlink is acknowledged with the next uplink, once", () => {
    const bench = joined();
    ok(!bench.exchange({ rx2: bench.down({ confirmed: true }) }).ack);
    ok(bench.exchange().ack);
    ok(!bench.exchange().ack);
  });

  it("TS001-1.0.4 4.3.1.4: FPending is told with sent", () => {
    const bench = joined();
    bench.exchange({ rx1: bench.down({ fPending: true }) });
    equal(bench.last("sent").fPending, true);
    bench.exchange();
    equal(bench.last("sent").fPending, false);
  });

  it("TS001-1.0.4 4.3.1.3: NbTrans repeats the same frame on other channels after 1 to 3 s, and a downlink ends it", () => {
    for (const confirmed of [false, true]) {
      const bench = joined();
      bench.exchange({ rx1: bench.down({}, "03f0070003") });
      bench.seen = [];
      bench.send("0a", confirmed);
      for (let i = 0; i < 3; i++) {
        bench.air();
        const quietFrom = bench.nowMs;
        if (i === 2) break;
        equal(bench.all("sent").length, 0);
        bench.toTimeout();
        ok(bench.nowMs - quietFrom >= 1_000 && bench.nowMs - quietFrom <= 3_000);
      }
      const sent = bench.all("transmit");
      equal(sent.length, 3);
      deepEqual(sent[1].bytes, sent[0].bytes);
      deepEqual(sent[2].bytes, sent[0].bytes);
      equal(new Set(sent.map((transmit) => transmit.modulation!.frequencyHz)).size, 3);
      equal(bench.all("sent").length, 1);

      bench.seen = [];
      bench.send("0b", confirmed);
      bench.air();
      bench.toTimeout();
      bench.air({ rx2: bench.down({ ack: true }) });
      equal(bench.all("transmit").length, 2);
      equal(bench.last("sent").acknowledged, confirmed);
    }
  });

  it("what cannot be sent is refused with the reason: not joined, busy, too long", () => {
    const bench = new MacBench();
    bench.send();
    equal(bench.last("refused").reason, "not-joined");
    bench.join();
    bench.send();
    bench.send();
    equal(bench.last("refused").reason, "busy");
    bench.air();
    bench.send("00".repeat(223));
    equal(bench.last("refused").reason, "too-long");
    equal(bench.all("transmit").length, 2);
    throws(() => bench.send("00", false, 0), RangeError);
  });

  it("RP002-1.0.4 2.5.6: the application's share of the frame by data rate, less what MAC commands take", () => {
    const sizes = [0, 1, 2, 3, 4, 5].map((fixedDataRate) => joined({ fixedDataRate }).mac.maxPayload());
    deepEqual(sizes, [51, 51, 51, 115, 222, 222]);
    const bench = joined({ fixedDataRate: 0 });
    bench.handle({ kind: "requestTime" });
    bench.handle({ kind: "requestLinkCheck" });
    equal(bench.mac.maxPayload(), 49);
    bench.send("00".repeat(50));
    equal(bench.last("refused").reason, "too-long");
    equal(bench.exchange({}, "00".repeat(49)).fOpts, "0d02");
    equal(bench.last("transmit").bytes!.length, 59 + 5);
    equal(new MacBench().mac.maxPayload(), 0);
  });

  it("TS001-1.0.4 4.3.2: an empty uplink has no FPort", () => {
    const bench = joined();
    bench.send("", false, NO_PORT);
    equal(bench.uplink().fPort, NO_PORT);
    equal(bench.last("transmit").bytes!.length, 12);
  });

  it("a fixed data rate holds for join and uplinks and switches the ADR bit off", () => {
    const bench = new MacBench({ fixedDataRate: 2 });
    bench.join();
    const uplink = bench.exchange();
    equal(uplink.adr, false);
    equal(bench.last("transmit").modulation!.spreadingFactor, 10);
    for (let i = 0; i < 200; i++) {
      ok(!bench.exchange().adrAckReq);
      bench.nowMs += 60_000;
    }
    equal(bench.last("transmit").modulation!.spreadingFactor, 10);
    ok(joined().exchange().adr);
  });

  it("a radio that fails or falls silent is told, and the machine goes on", () => {
    const bench = joined();
    bench.send();
    bench.handle({ kind: "radioError" });
    equal(bench.last("refused").reason, "radio-error");
    ok(bench.mac.idle);
    bench.send();
    bench.toTimeout();
    equal(bench.all("refused").length, 2);
    bench.send();
    equal(bench.uplink().fCnt16, 2, "a counter that may have gone out is not used again");
    bench.transmitted();
    bench.toTimeout();
    bench.handle({ kind: "radioError" });
    bench.toTimeout();
    bench.toTimeout();
    equal(bench.all("sent").length, 1);
    ok(bench.mac.idle);
    bench.handle({ kind: "join" });
    bench.handle({ kind: "radioError" });
    equal(bench.all("joinFailed").length, 1);
  });

  it("events that do not fit the state are nothing", () => {
    const bench = joined();
    const before = bench.saved();
    bench.handle({ kind: "transmitted", atMs: bench.nowMs });
    bench.handle({ kind: "receiveTimeout", atMs: bench.nowMs });
    bench.handle({ kind: "radioError" });
    const frame = bench.down();
    bench.handle({ kind: "received", frame, length: frame.length, rssiDbm: 0, snrDb: 0, atMs: bench.nowMs });
    bench.mac.handleTimeout(bench.nowMs);
    deepEqual(bench.saved(), before);
    equal(bench.seen.length, 0);
  });
});

describe("LoRaWAN saved state", () => {
  const day = (cycles: boolean): MacBench => {
    const bench = new MacBench();
    bench.cycles = cycles;
    bench.handle({ kind: "join" });
    bench.air();
    bench.nowMs = bench.last("joinFailed").untilMs!;
    bench.join({ rx1DrOffset: 1 });
    for (let i = 0; i < 120; i++) {
      if (i % 20 === 0) bench.handle({ kind: "requestTime" });
      const commands = ["", "06", "03f0070002", "070388c4840050".slice(0, 12), "0502d2ad84", "0803"][i % 6];
      const air = i % 3 === 0 ? { rx1: bench.down({ confirmed: true }, commands, "ab") } : {};
      bench.exchange(air, "0011", i % 2 === 0);
      bench.nowMs += 60_000;
    }
    return bench;
  };

  it("saved and restored into a new machine after every event, the same commands come in the same order", () => {
    const plain = day(false);
    const cycled = day(true);
    ok(plain.seen.length > 800, `${plain.seen.length}`);
    deepEqual(cycled.seen, plain.seen);
    deepEqual(cycled.saved(), plain.saved());
  });

  it("a damaged state is refused, and the machine is as new", () => {
    const bench = joined();
    const state = bench.saved();
    state[20] ^= 1;
    const mac = new Mac(bench.options);
    equal(mac.restore(state, 0, 0), -1);
    ok(!mac.joined && mac.idle);
  });

  it("commands that were not asked for yet may not be forgotten: saving then is our bug", () => {
    const bench = joined();
    bench.mac.handle({ kind: "join" }, bench.nowMs);
    throws(() => bench.saved(), /commands waiting/);
  });
});
