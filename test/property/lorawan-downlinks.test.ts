/**
 * Ten million random and mutated downlinks, in the long run, through the frame parser and the whole LoRaWAN machine, in receive windows of
 * both kinds and in regions of both kinds. Whatever comes: nothing is thrown, and the machine is left as by a window in which nothing came, to
 * the byte. Seeds are split, so that a failure names a run of a minute; to run one: mocha -g "seed 3".
 *
 * Coverage of the parser and the machine under these and the other LoRaWAN tests:
 *   c8 --include 'firmware/core/lorawan/**' --include 'firmware/wire/lorawan-*.ts' --include firmware/wire/mac-commands.ts \
 *     mocha 'test/unit/core/lorawan/*.test.ts' 'test/unit/wire/lorawan-*.test.ts' 'test/property/lorawan*.test.ts' 'test/sim/certification/*.test.ts'
 */
import { deepEqual, equal } from "node:assert/strict";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import { US915 } from "../../firmware/core/lorawan/region/us915.ts";
import { NetworkCrypto, nobleAes } from "../../host-sim/network/network-crypto.ts";
import { RandomStream } from "../../host-sim/random-stream.ts";
import { counts } from "../counts.ts";
import { MacBench } from "../unit/core/lorawan/mac-bench.ts";

const SEEDS = 10;
const FRAMES_A_SEED = counts(2_500, 1_000_000);
const APP_KEY = Buffer.from("00112233445566778899aabbccddeeff", "hex");
const COMMANDS = "030a0700010352ff00610407050d0d2ad84060703184f845008020905" + "0a00d2ad840214020d006d7c4d80";

interface Window {
  bench: MacBench;
  /** The machine's state with the window open, and after it has closed without a frame. */
  open: Uint8Array;
  closed: Uint8Array;
  atMs: number;
  /** Frames that the network might send; each is one of its own. */
  valid: Uint8Array[];
}

function openWindow(region: typeof EU868, activity: "data" | "join"): Window {
  const crypto = new NetworkCrypto(nobleAes);
  crypto.importKey(2, APP_KEY);
  const bench = new MacBench({ region, crypto });
  const rx2DataRate = region.rx2DataRate;
  if (activity === "data") {
    bench.join({ rx2DataRate });
    bench.exchange({ rx1: bench.down({ confirmed: true }, "0803") });
    bench.handle({ kind: "requestTime" });
    bench.send("0102");
  } else {
    bench.handle({ kind: "join" });
  }
  bench.transmitted();
  bench.toTimeout();
  const open = bench.saved();
  const atMs = bench.nowMs + 30;
  bench.mac.handle({ kind: "receiveTimeout", atMs }, atMs);
  while (bench.mac.pollCommand() !== undefined);
  const closed = bench.saved();
  const valid =
    activity === "join"
      ? [bench.accept({ rx2DataRate }), bench.accept({ rx2DataRate, hasCfList: true })]
      : [
          bench.down({ fCnt: 900 }, "0350070001060d006d7c4d80", "c0ffee"),
          bench.down({ fCnt: 901, confirmed: true, ack: true, fPending: true }, "", "00".repeat(50)),
          bench.down({ fCnt: 902, fPort: 0 }, "", COMMANDS),
          bench.down({ fCnt: 903 }, "0803"),
          bench.down({ fCnt: 904 }),
        ];
  return { bench, open, closed, atMs, valid };
}

/** A third random bytes, a third a good frame with some bytes changed, a third a good frame cut, stretched or spliced with another. */
function makeFrame(random: RandomStream, valid: readonly Uint8Array[], into: Uint8Array): number {
  const kind = random.below(3);
  if (kind === 0) {
    const length = random.below(256);
    for (let i = 0; i < length; i++) into[i] = random.below(256);
    return length;
  }
  const base = valid[random.below(valid.length)];
  into.set(base);
  let { length } = base;
  if (kind === 1) {
    for (let changes = 1 + random.below(4); changes > 0; changes--) {
      const at = random.below(length);
      into[at] = random.below(2) === 0 ? into[at] ^ (1 << random.below(8)) : random.below(256);
    }
    return length;
  }
  const other = valid[random.below(valid.length)];
  const from = random.below(other.length);
  const at = random.below(length + 1);
  const part = other.subarray(from, Math.min(other.length, from + 255 - at));
  into.set(part, at);
  length = random.below(2) === 0 ? at + part.length : Math.min(length + random.below(8), 255);
  return length;
}

function isOneOf(valid: readonly Uint8Array[], frame: Uint8Array): boolean {
  return valid.some((known) => Buffer.compare(known, frame) === 0);
}

describe(`${SEEDS * FRAMES_A_SEED} hostile downlinks at the LoRaWAN machine`, function () {
  this.timeout(0);

  for (let seed = 1; seed <= SEEDS; seed++) {
    const region = seed % 2 === 0 ? EU868 : US915;
    const activity = seed % 5 < 2 ? "join" : "data";
    it(`TS001-1.0.4 4.3, 4.4, 6.2.6: after ${activity === "join" ? "a join request" : "an uplink"} in ${region.name}, seed ${seed}`, () => {
      const random = new RandomStream(seed, "hostile downlinks");
      const { bench, open, closed, atMs, valid } = openWindow(region, activity);
      const { mac } = bench;
      const buffer = new Uint8Array(512);
      const state = new Uint8Array(2048);
      let tried = 0;
      for (let i = 0; i < FRAMES_A_SEED; i++) {
        const length = makeFrame(random, valid, buffer);
        const frame = buffer.subarray(0, Math.min(length, 255));
        if (isOneOf(valid, frame)) continue;
        tried++;
        equal(mac.restore(open, 0, 0), open.length);
        mac.handle({ kind: "received", frame, length: frame.length, rssiDbm: -90, snrDb: 1, atMs }, atMs);
        const commands: string[] = [];
        for (let command = mac.pollCommand(); command; command = mac.pollCommand()) commands.push(command.kind);
        deepEqual(commands, ["sleepRadio"]);
        const end = mac.save(state, 0);
        equal(Buffer.compare(state.subarray(0, end), closed), 0, `frame ${i}: ${Buffer.from(frame).toString("hex")}`);
      }
      equal(tried > 0.9 * FRAMES_A_SEED, true, `${tried}`);
    });
  }
});
