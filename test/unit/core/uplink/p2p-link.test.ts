import assert from "node:assert/strict";
import { cmac } from "@noble/ciphers/aes.js";
import {
  P2P_ANSWER_LATENCY_MS,
  P2P_BACK_OFF_FIRST_MS,
  P2P_BACK_OFF_MAX_MS,
  P2P_COUNTER_BLOCK,
} from "../../../../firmware/core/bounds.ts";
import { Chance } from "../../../../firmware/core/lorawan/chance.ts";
import { DUTY_KEY } from "../../../../firmware/core/lorawan/duty-cycle.ts";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { US915 } from "../../../../firmware/core/lorawan/region/us915.ts";
import { P2P_COUNTER_KEY } from "../../../../firmware/core/uplink/p2p-counter.ts";
import { type P2pEvent, P2pLink } from "../../../../firmware/core/uplink/p2p-link.ts";
import { p2pPlan } from "../../../../firmware/core/uplink/p2p-plan.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { NO_PORT } from "../../../../firmware/wire/lorawan-frame.ts";
import { TOKEN_FPORT } from "../../../../firmware/wire/schc-fragment.ts";
import { symbolUs, timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { bytesToHex } from "../../../../tools/receiver/hex.ts";
import { P2pSource, type P2pUplink } from "../../../../tools/receiver/p2p-source.ts";
import { throughSavedState } from "../saved-state.ts";
import { acknowledgement, CIPHERS, UEID } from "./control.ts";

const TOPIC = "groundtruth/p2p/0102030405060708/up";
/** A complete ACK, and a Receiver-Abort (RFC 8724 8.3). */
const COMPLETE = Uint8Array.from([0x20]);
const ABORT = Uint8Array.from([0xff, 0xff]);
/** An ACK REQ, and a Regular fragment with one tile. */
const QUESTION = Uint8Array.from([0]);
const TILE = new Uint8Array(11);

/** A link, saved and restored after every event, on a radio and a flash that do what the test says. */
class Bench {
  flash = new Map<string, Uint8Array>();
  stores: string[] = [];
  /** What chance gives, before it is taken modulo the bound. */
  chance = 500;
  dataRate: number | undefined;
  link = this.newLink();
  nowMs = 0;
  radio: string[] = [];
  frame = new Uint8Array(0);
  window: { atMs: number; symbolTimeout: number; syncWord: number } | undefined;
  results: string[] = [];
  downlinks: { port: number; hex: string }[] = [];
  time: { unixMs: number; atMs: number; uncertaintyMs: number } | undefined;
  source = this.newSource();

  newSource(): P2pSource {
    const source = new P2pSource((key, message) => cmac(message, key));
    source.addNode("0102030405060708", UEID, new Uint8Array(16).fill(9));
    return source;
  }

  newLink(): P2pLink {
    const chance = new Chance({
      fill: (bytes) => new DataView(bytes.buffer).setUint32(0, this.chance),
    });
    return new P2pLink({ ueid: UEID, region: EU868, plan: p2pPlan(EU868, this.dataRate), ciphers: CIPHERS, chance });
  }

  powerOn(): void {
    this.link = this.newLink();
    this.link.loadPersistent((key, into) => {
      const value = this.flash.get(key);
      into.set(value ?? []);
      return value?.length ?? -1;
    }, this.nowMs);
  }

  handle(event: P2pEvent): void {
    this.link.handle(event, this.nowMs);
    this.run();
  }

  /** Time passes up to the next wake-up that the link asked for. */
  pass(): void {
    this.nowMs = this.link.pollTimeout()!;
    this.link.handleTimeout(this.nowMs);
    this.run();
  }

  run(): void {
    for (let command = this.link.pollCommand(); command !== undefined; command = this.link.pollCommand()) {
      if (command.kind === "store") {
        assert.ok(this.radio.at(-1) !== "transmit", "stored before it is sent");
        this.flash.set(command.key, command.value.slice(0, command.length));
        this.stores.push(command.key);
      } else if (command.kind === "transmit") {
        this.radio.push("transmit");
        this.frame = command.frame.slice(0, command.length);
      } else if (command.kind === "receive") {
        this.radio.push("receive");
        const { symbolTimeout, modulation } = command;
        this.window = { atMs: this.nowMs, symbolTimeout, syncWord: modulation.syncWord };
      } else if (command.kind === "sleepRadio") this.radio.push("sleep");
      else if (command.kind === "downlink")
        this.downlinks.push({ port: command.port, hex: bytesToHex(command.payload.subarray(0, command.length)) });
      else if (command.kind === "time") this.time = { ...command };
      else if (command.kind === "refused") this.results.push(`refused until ${command.untilMs}`);
      else this.results.push(command.kind);
    }
    this.link = throughSavedState(this.link, () => this.newLink(), this.nowMs);
    assert.equal(this.link.pollCommand(), undefined);
  }

  /** Sends a frame up to the end of its last symbol; what the receiver makes of it. */
  send(port: number, payload: Uint8Array, asksTime = false): P2pUplink {
    this.handle({ kind: "want" });
    this.pass();
    assert.ok(this.link.ready);
    this.handle({ kind: "send", port, payload, length: payload.length, asksTime });
    this.nowMs += Math.ceil(timeOnAirUs(p2pPlan(EU868).uplink, this.frame.length) / 1000);
    this.handle({ kind: "transmitted", atMs: this.nowMs });
    const uplink = this.source.take(TOPIC, this.frame);
    assert.ok(uplink.kind === "uplink");
    return uplink;
  }

  /** A frame comes into the window, a second after the uplink's end; without one the window closes. */
  answer(frame?: Uint8Array): void {
    this.pass();
    assert.ok(this.link.listening);
    this.nowMs += 60;
    if (frame === undefined) this.handle({ kind: "receiveTimeout" });
    else this.handle({ kind: "received", frame, length: frame.length, atMs: this.nowMs });
  }

  exchange(port: number, payload: Uint8Array, content?: { port: number; payload: Uint8Array }): P2pUplink {
    const uplink = this.send(port, payload);
    this.answer(content && this.source.answer(uplink, content.port, content.payload, undefined, 0));
    return uplink;
  }
}

describe("point to point link", () => {
  it("idle, backing off, ready, transmitting, waiting, listening, idle: one frame and its window", () => {
    const bench = new Bench();
    bench.handle({ kind: "want" });
    assert.equal(bench.link.pollTimeout(), 500);
    const uplink = bench.send(TOKEN_FPORT, TILE);
    assert.deepEqual([uplink.port, uplink.counter, uplink.asksTime], [TOKEN_FPORT, 0, false]);
    assert.deepEqual([...uplink.payload], [...TILE]);
    assert.ok(bench.link.waiting);
    bench.answer();
    assert.deepEqual(bench.radio, ["transmit", "sleep", "receive", "sleep"]);
    assert.deepEqual(bench.results, ["sent"]);
    assert.ok(bench.link.idle);
    assert.equal(bench.window?.syncWord, 0x12);
  });

  it("the window hears an answer that begins from a second less to a second more than clocks and latency allow", () => {
    const bench = new Bench();
    bench.send(TOKEN_FPORT, QUESTION);
    const answerMs = bench.nowMs + 1000;
    bench.pass();
    const { answer } = p2pPlan(EU868);
    const symbolMs = symbolUs(answer.spreadingFactor, answer.bandwidthHz) / 1000;
    const { atMs, symbolTimeout } = bench.window!;
    assert.ok(atMs <= answerMs - P2P_ANSWER_LATENCY_MS);
    assert.ok(atMs + symbolTimeout * symbolMs >= answerMs + P2P_ANSWER_LATENCY_MS + 5 * symbolMs);
    assert.ok(symbolTimeout <= 248, "SX1261/2 data sheet 13.4.9");
  });

  it("a question that nobody answers doubles the random wait, up to a bound; an answer ends that", () => {
    const bench = new Bench();
    bench.chance = 0xffffffff;
    const wait = (): number => {
      bench.handle({ kind: "want" });
      return bench.link.pollTimeout()! - bench.nowMs;
    };
    const bounds = [2000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000];
    assert.deepEqual([bounds[0], bounds[7]], [P2P_BACK_OFF_FIRST_MS, P2P_BACK_OFF_MAX_MS]);
    for (const [i, bound] of bounds.entries()) {
      assert.equal(wait(), bench.chance % bound);
      bench.exchange(TOKEN_FPORT, i === 0 ? TILE : QUESTION);
    }
    bench.exchange(TOKEN_FPORT, QUESTION, { port: TOKEN_FPORT, payload: COMPLETE });
    assert.equal(wait(), bench.chance % P2P_BACK_OFF_FIRST_MS);
  });

  it("ETSI EN 300 220-1 4.3.3: refuses a frame beyond the duty cycle and says until when", () => {
    const bench = new Bench();
    const long = new Uint8Array(bench.link.maxPayload - (bench.link.maxPayload % 10) + 1);
    let sent = 0;
    while (sent < 1000 && !bench.results.some((result) => result.startsWith("refused"))) {
      bench.handle({ kind: "want" });
      bench.pass();
      bench.handle({ kind: "send", port: TOKEN_FPORT, payload: long, length: long.length, asksTime: false });
      if (!bench.link.idle) {
        sent++;
        bench.handle({ kind: "transmitted", atMs: bench.nowMs + 400 });
        bench.answer();
      }
    }
    const airtimeMs = Math.ceil(timeOnAirUs(p2pPlan(EU868).uplink, long.length + 14) / 1000);
    assert.equal(sent, Math.floor(36_000 / airtimeMs));
    assert.match(bench.results.at(-1)!, /^refused until 3900000$/);
    assert.ok(bench.stores.includes(DUTY_KEY));
  });

  it("a counter is on flash before it is used, is never used twice over power cuts, and costs a write in 256 frames", () => {
    const bench = new Bench();
    const used = new Set<number>();
    for (let cut = 0; cut < 4; cut++) {
      bench.powerOn();
      for (let i = 0; i < 3; i++) {
        const { counter } = bench.exchange(TOKEN_FPORT, TILE);
        assert.ok(!used.has(counter));
        used.add(counter);
      }
    }
    assert.deepEqual(
      [...used].filter((counter) => counter % P2P_COUNTER_BLOCK === 0),
      [0, 256, 512, 768],
    );
    assert.equal(bench.stores.filter((key) => key === P2P_COUNTER_KEY).length, 4);
  });

  it("takes an ACK of fragments once, and none for uplinks before the datagram's first", () => {
    const bench = new Bench();
    const first = bench.exchange(TOKEN_FPORT, QUESTION, { port: TOKEN_FPORT, payload: COMPLETE });
    assert.equal(bench.downlinks.length, 1);
    bench.send(TOKEN_FPORT, QUESTION);
    bench.answer(bench.source.answer(first, TOKEN_FPORT, ABORT, undefined, 0));
    assert.equal(bench.downlinks.length, 1, "a second answer to the first uplink");
    const heldBack = bench.exchange(TOKEN_FPORT, QUESTION);
    bench.handle({ kind: "datagram" });
    bench.send(TOKEN_FPORT, QUESTION);
    bench.answer(bench.source.answer(heldBack, TOKEN_FPORT, ABORT, undefined, 0));
    assert.equal(bench.downlinks.length, 1, "an abort held back from the datagram before");
    assert.equal(bench.link.framesRefused, 2);
    bench.exchange(TOKEN_FPORT, QUESTION, { port: TOKEN_FPORT, payload: ABORT });
    assert.deepEqual(bench.downlinks[1], { port: TOKEN_FPORT, hex: "ffff" });
  });

  it("takes a final acknowledgement however late it comes", () => {
    const bench = new Bench();
    const control = acknowledgement(7, LORAWAN_TAG_BYTES);
    const early = bench.exchange(TOKEN_FPORT, QUESTION);
    bench.handle({ kind: "datagram" });
    bench.send(TOKEN_FPORT, TILE);
    bench.answer(bench.source.answer(early, CONTROL_FPORT, control, undefined, 0));
    assert.deepEqual(bench.downlinks, [{ port: CONTROL_FPORT, hex: bytesToHex(control) }]);
  });

  it("RFC 4493: refuses every frame with one bit changed, its own uplinks, and answers to uplinks not yet sent", () => {
    const bench = new Bench();
    const uplink = bench.send(TOKEN_FPORT, QUESTION);
    const answer = bench.source.answer(uplink, TOKEN_FPORT, ABORT, undefined, 0);
    const future = bench.source.answer({ ...uplink, counter: 5 }, TOKEN_FPORT, ABORT, undefined, 0);
    const hostile = [bench.frame, future];
    for (let bit = 0; bit < answer.length * 8; bit++) {
      const frame = answer.slice();
      frame[bit >> 3] ^= 1 << (bit & 7);
      hostile.push(frame);
    }
    bench.answer(hostile[0]);
    for (const frame of hostile.slice(1)) {
      bench.send(TOKEN_FPORT, TILE);
      bench.answer(frame);
    }
    assert.deepEqual(bench.downlinks, []);
    assert.equal(bench.link.framesRefused, hostile.length);
  });

  it("learns the time from the answer to its last uplink, half the time between the two frames uncertain", () => {
    const bench = new Bench();
    const uplink = bench.send(NO_PORT, new Uint8Array(0), true);
    assert.ok(uplink.asksTime);
    const endMs = bench.nowMs;
    const frame = bench.source.answer(uplink, 0, new Uint8Array(0), 1_782_000_000_000, 7);
    bench.answer(frame);
    const startMs = bench.nowMs - Math.floor(timeOnAirUs(p2pPlan(EU868).answer, frame.length) / 1000);
    const { unixMs, atMs, uncertaintyMs } = bench.time!;
    assert.equal(unixMs, 1_782_000_000_000);
    // Whenever between the two frames the receiver wrote it, it is right within what is stated.
    assert.ok(atMs - uncertaintyMs + 128 <= endMs && atMs + uncertaintyMs - 128 >= startMs);
    assert.ok(uncertaintyMs < 700);
  });

  it("takes no time from the answer to an earlier uplink, nor unasked", () => {
    const bench = new Bench();
    const earlier = bench.send(NO_PORT, new Uint8Array(0), true);
    bench.answer();
    bench.send(NO_PORT, new Uint8Array(0), true);
    bench.answer(bench.source.answer(earlier, 0, new Uint8Array(0), 1_782_000_000_000, 7));
    const unasked = bench.send(TOKEN_FPORT, QUESTION);
    bench.answer(bench.source.answer(unasked, 0, new Uint8Array(0), 1_782_000_000_000, 7));
    assert.equal(bench.time, undefined);
  });

  it("a radio that fails or says nothing ends the exchange, and its airtime counts", () => {
    for (const fails of ["error", "silence"]) {
      const bench = new Bench();
      bench.handle({ kind: "want" });
      bench.pass();
      bench.handle({ kind: "send", port: TOKEN_FPORT, payload: TILE, length: TILE.length, asksTime: false });
      if (fails === "error") bench.handle({ kind: "radioError" });
      else bench.pass();
      assert.deepEqual(bench.results, ["sent"]);
      assert.ok(bench.link.idle);
      bench.send(TOKEN_FPORT, TILE);
      bench.pass();
      bench.pass();
      assert.ok(bench.link.idle, "a window that nothing ends");
    }
  });
});

describe("point to point plan", () => {
  it("RP002-1.0.4 2.4: EU868 sends on 868.1 MHz and answers on 869.525 MHz, at any data rate of the channel", () => {
    for (let dataRate = 0; dataRate <= 5; dataRate++) {
      const { uplink, answer, maxFrameBytes } = p2pPlan(EU868, dataRate);
      assert.deepEqual([uplink.frequencyHz, answer.frequencyHz], [868_100_000, 869_525_000]);
      assert.deepEqual([uplink.spreadingFactor, uplink.invertIq, answer.invertIq], [12 - dataRate, false, true]);
      assert.deepEqual([uplink.syncWord, answer.syncWord], [0x12, 0x12]);
      assert.equal(maxFrameBytes, EU868.maxMacPayload[dataRate] + 5);
    }
    assert.equal(p2pPlan(EU868).uplink.spreadingFactor, 7);
    assert.throws(() => p2pPlan(EU868, 6), RangeError);
  });

  it("FCC 15.247: without hopping US915 has 500 kHz", () => {
    const { uplink } = p2pPlan(US915);
    assert.deepEqual([uplink.bandwidthHz, uplink.spreadingFactor], [500_000, 8]);
    assert.throws(() => p2pPlan(US915, 3), RangeError);
  });
});
