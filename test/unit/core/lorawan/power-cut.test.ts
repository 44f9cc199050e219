/** Power lost at every write to flash: nothing is used twice, and nothing that was taken is taken again. */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  newDataFrame,
  newJoinRequest,
  parseDataFrame,
  parseJoinRequest,
} from "../../../../firmware/wire/lorawan-frame.ts";
import { counts } from "../../../counts.ts";
import { MacBench, PowerCut } from "./mac-bench.ts";

/** In each of two sessions; the long run crosses a block of FCntUp. */
const UPLINKS = counts(16, 100);

describe("LoRaWAN and power cuts", () => {
  it("TR007 4.13: the session goes on without a join, behind the reserved counters, with all that was agreed", () => {
    const bench = new MacBench();
    bench.join({ rx1DelayS: 2, rx1DrOffset: 1 });
    // NbTrans 1, DR3, power 4, channels 0 and 1; RX2 at DR3 on 869.525; a fourth channel.
    bench.exchange({ rx1: bench.down({}, "0334030001" + "0513d2ad84") });
    bench.exchange({ rx1: bench.down({}, "0703d0688450") });
    const powerDbm = bench.last("transmit").powerDbm;
    bench.exchange();
    bench.reboot();
    ok(bench.mac.joined && bench.mac.idle);
    bench.send();
    const uplink = bench.uplink();
    equal(uplink.fCnt16, 64);
    equal(bench.last("transmit").modulation!.spreadingFactor, 9);
    equal(bench.last("transmit").powerDbm, powerDbm);
    ok(/^store lw.up, (store lw.duty, )?transmit/.test(bench.kinds()));
    bench.transmitted();
    const endMs = bench.nowMs;
    bench.window(undefined);
    ok(Math.abs(bench.last("receive").atMs - endMs - 2_000) < 30);
    equal(bench.last("receive").modulation!.spreadingFactor, 10);
    bench.window(undefined);
    equal(bench.last("receive").modulation!.spreadingFactor, 9);
  });

  it("TR007 4.13: without anything on flash it is a new device", () => {
    const bench = new MacBench();
    bench.reboot();
    ok(!bench.mac.joined);
    bench.send();
    equal(bench.last("refused").reason, "not-joined");
  });

  it("a session record of another region, or damaged, is no session", () => {
    const bench = new MacBench();
    bench.join();
    const record = bench.flash.get("lw.sess")!;
    bench.flash.set("lw.sess", record.slice(0, record.length - 1));
    bench.reboot();
    ok(!bench.mac.joined);
  });

  it("TS001-1.0.4 5.4: a sticky answer is still given after a power cut", () => {
    const bench = new MacBench();
    bench.join();
    bench.exchange({ rx1: bench.down({}, "0502d2ad84" + "06") });
    bench.reboot();
    equal(bench.exchange().fOpts, "0507");
  });

  /** A life with joins, uplinks, MAC commands and a second join; `cutAt` loses the power at that write. */
  function life(cutAt: number, log: Log): number {
    const bench = new MacBench();
    let writes = 0;
    bench.cut = () => writes++ === cutAt;
    let isCut = false;
    const note = (): void => {
      for (const { kind, bytes } of bench.seen) if (kind === "transmit") log.transmit(bench, bytes!);
      bench.seen = [];
    };
    const step = (action: () => void): void => {
      try {
        action();
        note();
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        isCut = true;
        note();
        bench.reboot();
        for (const old of log.taken) replay(bench, old, log, note);
      }
    };
    /** A downlink counts as taken when what keeps it from being taken again is on flash: before that nothing came of it. */
    const hear = (frame: Uint8Array, key: string): void => {
      const before = bench.flash.get(key);
      try {
        bench.air({ rx1: frame });
      } finally {
        if (bench.flash.get(key) !== before) log.taken.push(frame);
      }
    };
    const join = (): void => {
      bench.handle({ kind: "join" });
      log.requests(bench);
      hear(bench.accept(), "lw.sess");
    };
    const uplink = (commands: string): void => {
      if (!bench.mac.joined) return;
      bench.nowMs += 30_000;
      const down = bench.down({ confirmed: true }, commands, "aa");
      bench.send();
      hear(down, "lw.down");
    };
    for (let round = 0; round < 2; round++) {
      for (let tries = 0; tries < 3; tries++) {
        bench.nowMs += 3_000_000;
        step(join);
        if (bench.mac.joined) break;
      }
      const commands = ["", "0350070001", "0502d2ad84", "0803", "0703d0688450", "0401", "0a01d2ad84"];
      for (let i = 0; i < UPLINKS; i++) step(() => uplink(commands[i % commands.length]));
      ok(bench.mac.joined, `cut at ${cutAt}`);
    }
    return isCut ? -1 : writes;
  }

  /** An old downlink, sent again after the cut: the device must end as if nothing had come. */
  function replay(bench: MacBench, old: Uint8Array, log: Log, note: () => void): void {
    if (!bench.mac.joined) return;
    bench.nowMs += 30_000;
    bench.send();
    const before = bench.all("downlink").length;
    bench.air({ rx1: old, rx2: old });
    equal(bench.all("downlink").length, before, "a downlink was taken twice");
    equal(bench.all("joined").length, 0);
    ok(bench.mac.uplinksSinceDownlink > 0);
    log.replays++;
    note();
  }

  class Log {
    replays = 0;
    taken: Uint8Array[] = [];
    #nonces = new Set<number>();
    #counters = new Map<string, string>();
    highest = new Map<string, number>();

    requests(bench: MacBench): void {
      const request = newJoinRequest();
      const { bytes } = bench.last("transmit");
      ok(parseJoinRequest(bytes!, bytes!.length, request));
      ok(!this.#nonces.has(request.devNonce), `DevNonce ${request.devNonce} twice`);
      this.#nonces.add(request.devNonce);
    }

    transmit(bench: MacBench, bytes: Uint8Array): void {
      const parsed = newDataFrame();
      if (!parseDataFrame(bytes, bytes.length, parsed)) return;
      const key = bench.deviceKeys.key(3).toString("hex");
      const name = `${key} ${parsed.fCnt16}`;
      const frame = Buffer.from(bytes).toString("hex");
      ok((this.#counters.get(name) ?? frame) === frame, `FCntUp ${parsed.fCnt16} twice under one key`);
      this.#counters.set(name, frame);
      this.highest.set(key, Math.max(this.highest.get(key) ?? 0, parsed.fCnt16));
    }
  }

  it(`TS001-1.0.4 4.3.1.5, 6.2.5: a cut at every write of two joins and ${2 * UPLINKS} uplinks: no nonce and no counter twice, every replay refused`, function () {
    this.timeout(0);
    const writes = life(-1, new Log());
    ok(writes > 2 * UPLINKS);
    let replays = 0;
    for (let cutAt = 0; cutAt < writes; cutAt++) {
      const log = new Log();
      equal(life(cutAt, log), -1);
      replays += log.replays;
      // One block at most is skipped by one cut: the uplinks, the replays' uplinks, and 64.
      for (const highest of log.highest.values()) ok(highest < 2 * UPLINKS + log.replays + 64);
    }
    ok(replays > UPLINKS * UPLINKS, `${replays}`);
  });

  it("the records are small: what is written each time", () => {
    const bench = new MacBench();
    bench.join();
    bench.exchange({ rx1: bench.down({}, "", "aa") });
    const sizes = [...bench.flash].map(([key, value]) => [key, value.length]);
    deepEqual(sizes, [
      ["lw.join", 9],
      ["lw.duty", 7],
      ["lw.sess", 191],
      ["lw.up", 6],
      ["lw.down", 6],
    ]);
  });
});
