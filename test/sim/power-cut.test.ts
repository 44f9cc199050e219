/** Power lost at every write to storage in the life of a node, in the closed loop: what was promised in the air is kept. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { DOWN_KEY, FCNT_BLOCK } from "../../firmware/core/lorawan/mac-records.ts";
import type { AirSession } from "../../host-sim/checkers/air-sessions.ts";
import { SeqChecker } from "../../host-sim/checkers/seq-checker.ts";
import { toHex } from "../../host-sim/network/text-encoding.ts";
import { SLOW_CHIP } from "../../host-sim/node-timing.ts";
import { RandomStream } from "../../host-sim/random-stream.ts";
import { counts } from "../counts.ts";
import { Life } from "./life.ts";
import { assertReplaysChangeNothing } from "./replays.ts";

const SEED = Number(process.env.GROUNDTRUTH_SEED ?? 1);
/** The cut to look at by itself. */
const ONLY_CUT = process.env.GROUNDTRUTH_CUT;
const OPTIONS = { seed: SEED, batchReadings: 1, sampleIntervalS: 60 };
/** A hundred tokens of one frame. */
const LORA_LIFE_S = 6_050;
const WIFI_LIFE_S = 1_250;
const REJOIN_AT_US = 3_000_000_000;
const DRAIN_S = 2 * 86_400;
/**
 * A cut in the journal loses the reading that is being written. A cut elsewhere loses none that is in the journal; one may be in memory still,
 * while a receive window is near.
 */
const LOST_BY_A_CUT = 1;

function command(cut: number): string {
  return `GROUNDTRUTH_SEED=${SEED} GROUNDTRUTH_CUT=${cut} mocha test/sim/power-cut.test.ts`;
}

interface Outcome {
  operations: number;
  uplinks: number;
  joins: number;
  sessions: number;
  lost: number;
  skipped: number;
  replayed: number;
}

/** The last FCntDown on flash, -1 when there is none of this session: what was heard and not stored yet counts as never heard. */
function storedFCntDown({ node }: Life, session: AirSession): number {
  const record = new Uint8Array(6);
  if (node.keyValue.read(DOWN_KEY, record) !== record.length) return -1;
  const view = new DataView(record.buffer);
  return view.getUint16(0) === session.devNonce ? view.getUint32(2) : -1;
}

/** A life with a cut at write number `cut` (0: none), with a second join in its middle: the session's record is lost there. */
function loraLife(cut: number): Outcome {
  const life = new Life(OPTIONS, command(cut));
  const { node, loop } = life;
  const monitor = life.monitor!;
  let replayed = 0;
  /** Downlinks to the node so far, and those of them that count as taken: what keeps them from being taken again is on flash. */
  const downlinks: { frame: Uint8Array; session: AirSession | undefined; fCnt: number }[] = [];
  monitor.onFrame = (frame, transmission) => {
    if (frame.kind === "down" || frame.kind === "join-accept") {
      downlinks.push({ frame: transmission.frame.slice(), session: frame.session, fCnt: frame.fCnt });
    }
  };
  let cutIn = "";
  life.onCut = () => {
    cutIn = life.lastWritten;
    const newest = monitor.sessions.sessions.at(-1);
    const last = newest === undefined ? -1 : storedFCntDown(life, newest);
    const old = downlinks.filter(({ session, fCnt }) => session !== newest || fCnt <= last);
    replayed += assertReplaysChangeNothing(
      node,
      old.map(({ frame }) => frame),
    );
  };
  loop.world.at(REJOIN_AT_US, () => {
    node.cutPower();
    if (node.rail.isDown) return;
    node.keyValue.delete("lw.sess");
    node.powerOn();
  });
  if (cut > 0) node.rail.cutAfter(cut);
  const delivered = life.live(LORA_LIFE_S, DRAIN_S);
  const { ledger } = loop;
  ok(delivered, `${command(cut)}: not everything was delivered`);
  equal(life.cuts, cut > 0 ? 1 : 0, command(cut));
  deepEqual(monitor.violations, [], command(cut));
  equal(ledger.readingsWrong, 0, command(cut));
  const lost = ledger.readingsTaken - ledger.readingsVerified;
  ok(lost <= (cutIn === "outbox" ? 0 : life.cuts * LOST_BY_A_CUT), `${command(cut)}: ${lost} readings lost`);
  let skipped = 0;
  for (const session of monitor.counters.skipped()) skipped += session.skipped;
  ok(skipped <= FCNT_BLOCK * (life.cuts + 1), `${command(cut)}: ${skipped} counters skipped`);
  return {
    operations: node.rail.operations,
    uplinks: monitor.counters.uplinks,
    joins: monitor.counters.joinRequests,
    sessions: monitor.sessions.sessions.length,
    lost,
    skipped,
    replayed,
  };
}

/** The cuts to make: all, a seeded sample, or the one that was asked for. */
function cutsOf(operations: number, sample: number): number[] {
  if (ONLY_CUT !== undefined) return [Number(ONLY_CUT)];
  const all = Array.from({ length: operations }, (_, i) => i + 1);
  if (counts(0, 1) === 1) return all;
  const random = new RandomStream(SEED, "power cuts");
  // The first writes are the boot's and the join's: always among them.
  return [...all.slice(0, 4), ...Array.from({ length: sample }, () => 5 + random.below(operations - 5))];
}

describe("power cuts in the closed loop", () => {
  let lived: Outcome | undefined;

  /** The life without a cut, lived in the first test that asks: a hook's frames belong to no test (test/interop/every-frame.ts). */
  function wholeLife(): Outcome {
    lived ??= loraLife(0);
    return lived;
  }

  it("the life: two joins, 100 uplinks, ADR, hundreds of writes", () => {
    const whole = wholeLife();
    ok(whole.uplinks >= 100, `${whole.uplinks}`);
    equal(whole.sessions, 2);
    ok(whole.operations > 1_000);
  });

  it("TS001-1.0.4 4.3.1.5, 6.2.5: cut at each of its writes: no DevNonce and no FCntUp under one key twice, no replay is taken, all readings verified but the one in hand", function () {
    this.timeout(0);
    const whole = wholeLife();
    const total = { lost: 0, skipped: 0, replayed: 0 };
    let mostSkipped = 0;
    const cuts = cutsOf(whole.operations, 14);
    for (const cut of cuts) {
      const { lost, skipped, replayed } = loraLife(cut);
      total.lost += lost;
      total.skipped += skipped;
      total.replayed += replayed;
      mostSkipped = Math.max(mostSkipped, skipped);
    }
    console.log(
      `      ${cuts.length} cuts: ${total.lost} readings lost, ${total.skipped} counters skipped (at most ${mostSkipped} in one life, ` +
        `${whole.skipped} without a cut), ${total.replayed} replays`,
    );
  });
});

describe("power cuts again and again, on a slow chip", () => {
  const LIVES = counts(3, 100);
  const MOST_WRITES = 120;

  for (let seed = SEED; seed < SEED + LIVES; seed++) {
    it(`seed ${seed}: cut after each 1 to ${MOST_WRITES} writes: nothing twice, the duty cycle holds over all reboots, all is delivered in the end`, function () {
      this.timeout(0);
      const replay = `GROUNDTRUTH_SEED=${seed} mocha test/sim/power-cut.test.ts`;
      const life = new Life({ ...OPTIONS, seed, timing: { ...SLOW_CHIP, clockPpm: 40 } }, replay);
      const { node, loop } = life;
      const monitor = life.monitor!;
      const random = new RandomStream(seed, "many power cuts");
      const endUs = LORA_LIFE_S * 1_000_000;
      const planCut = (): void => {
        if (life.nowUs < endUs) node.rail.cutAfter(1 + random.below(MOST_WRITES));
      };
      life.onCut = planCut;
      planCut();
      ok(life.live(LORA_LIFE_S, DRAIN_S), `${replay}: not everything was delivered`);
      ok(life.cuts > 5, `${life.cuts}`);
      deepEqual(monitor.violations, [], replay);
      const { ledger } = loop;
      equal(ledger.readingsWrong, 0, replay);
      const lost = ledger.readingsTaken - ledger.readingsVerified;
      ok(lost <= life.cuts * LOST_BY_A_CUT, `${replay}: ${lost} readings lost by ${life.cuts} cuts`);
      let skipped = 0;
      for (const session of monitor.counters.skipped()) skipped += session.skipped;
      ok(skipped <= FCNT_BLOCK * life.cuts, `${replay}: ${skipped} counters skipped`);
    });
  }
});

describe("power cuts on Wi-Fi: the attestation path by itself", () => {
  interface WifiOutcome {
    operations: number;
    lost: number;
  }

  function wifiLife(cut: number): WifiOutcome {
    const life = new Life({ ...OPTIONS, uplink: "wifi" }, command(cut));
    const { node, loop } = life;
    const seqs = new SeqChecker();
    const devEui = toHex(node.config.devEui);
    loop.field.broker!.subscribe("groundtruth/+/token", (_topic, payload) => seqs.token(devEui, payload));
    let cutIn = "";
    life.onCut = () => {
      cutIn = life.lastWritten;
    };
    if (cut > 0) node.rail.cutAfter(cut);
    ok(life.live(WIFI_LIFE_S, DRAIN_S), `${command(cut)}: not everything was delivered`);
    deepEqual(seqs.violations, [], command(cut));
    equal(loop.ledger.readingsWrong, 0, command(cut));
    const lost = loop.ledger.readingsTaken - loop.ledger.readingsVerified;
    ok(lost <= (cutIn === "journal" ? LOST_BY_A_CUT : 0), `${command(cut)}: ${lost} readings lost`);
    return { operations: node.rail.operations, lost };
  }

  it("cut at each write: no seq twice with different contents, no reading lost but the one being written", function () {
    this.timeout(0);
    const { operations } = wifiLife(0);
    const cuts = cutsOf(operations, 12);
    let lost = 0;
    for (const cut of cuts) lost += wifiLife(cut).lost;
    console.log(`      ${cuts.length} cuts: ${lost} readings lost`);
  });
});
