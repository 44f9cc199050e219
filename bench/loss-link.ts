/**
 * One node and its receiver over a lossy link, in virtual time: the node's own fragment sender and its table of tokens set aside, the receiver's own
 * FragmentPorts. Between them stands what the uplink machine and the outbox do: a new batch every three hours goes first, then what was set aside
 * and is due; what was given up goes again after a minute, and is counted. Every frame and every answer is lost by itself with the same
 * probability; the receiver answers at once, in the windows of the frame that it answers, and once a frame.
 */
import { deepEqual } from "node:assert/strict";
import { FragmentSender } from "../firmware/core/uplink/fragment-sender.ts";
import { SetAside } from "../firmware/core/uplink/set-aside.ts";
import { SIGNATURE_BYTES } from "../firmware/wire/cose-sign1.ts";
import { COMPACT_RULE } from "../firmware/wire/parity-frame.ts";
import { RandomStream } from "../host-sim/random-stream.ts";
import { HISTORY_BYTES } from "../tools/receiver/control-writer.ts";
import { FragmentPorts } from "../tools/receiver/fragment-ports.ts";

export interface LinkOptions {
  /** Tokens by seq; made anew at each call, always the same. */
  token: (seq: number) => Uint8Array;
  batches: number;
  /** Application payload of a frame in bytes. */
  maxPayload: number;
  /** Time on air of a frame with so many bytes of payload. */
  airtimeMs: (payload: number) => number;
  /** Share of frames lost, up and down. */
  loss: number;
  downlinks: boolean;
  aheadPercent?: number;
  /** Each answer comes in the windows of the next frame only, as from a network that is slow to take it. */
  late?: boolean;
  seed: number;
}

export interface LinkResult {
  batches: number;
  /** At the receiver in the end; of these without a second try of the outbox, and before the next batch began. */
  delivered: number;
  firstTry: number;
  atOnce: number;
  airtimeMs: number;
  /** With LoRaWAN's 13 bytes a frame. */
  bytes: number;
  frames: number;
  downlinks: number;
}

const FRAME_BYTES = 13;
const BATCH_MS = 3 * 3600 * 1000;
/** Windows, and a duty cycle of 1 %. */
const PAUSE_MS = 3000;
const DUTY = 100;
/** Batches in which what is left over is delivered, without any being made. */
const TAIL = 40;
/** The outbox's pause before a second try. */
const RETRY_MS = 60_000;
const HISTORY = 8;

class Link {
  readonly result: LinkResult;
  #options: LinkOptions;
  #random: RandomStream;
  #nowMs = 0;
  #sender: FragmentSender;
  #aside = new SetAside();
  #ports = new FragmentPorts();
  /** Tries by seq; tokens that wait for another. */
  #tries: Uint8Array;
  #again: { seq: number; atMs: number }[] = [];
  #accepted: Uint8Array;
  #acknowledged: Uint8Array;
  #bySignature = new Map<string, number>();
  #sent = 0;
  /** The answer to the frame in the air; with `late` that to the one before. */
  #answer: (() => void) | undefined;
  #lateAnswer: (() => void) | undefined;

  constructor(options: LinkOptions) {
    const { downlinks, aheadPercent, batches } = options;
    this.#options = options;
    this.#random = new RandomStream(options.seed, "loss");
    this.#sender = new FragmentSender({ downlinks, aheadPercent });
    this.#tries = new Uint8Array(batches);
    this.#accepted = new Uint8Array(batches);
    this.#acknowledged = new Uint8Array(batches);
    for (let seq = 0; seq < batches; seq++) this.#bySignature.set(signatureOf(options.token(seq)), seq);
    this.result = { batches, delivered: 0, firstTry: 0, atOnce: 0, airtimeMs: 0, bytes: 0, frames: 0, downlinks: 0 };
  }

  run(): LinkResult {
    const { batches } = this.#options;
    for (let period = 0; period < batches + TAIL; period++) {
      const startMs = period * BATCH_MS;
      this.#nowMs = Math.max(this.#nowMs, startMs);
      this.#ports.handleTimeout(this.#nowMs);
      while (this.#aside.isFull && this.#aside.due(this.#nowMs) >= 0) this.#resume(this.#aside.due(this.#nowMs));
      if (period < batches) this.#deliver(period, false);
      this.#work(startMs + BATCH_MS, period >= batches);
    }
    return this.result;
  }

  /** What is left to do before `untilMs`. `hurry`: nothing new comes any more. */
  #work(untilMs: number, hurry: boolean): void {
    while (this.#nowMs < untilMs) {
      const due = this.#aside.due(this.#nowMs, hurry);
      if (due >= 0) {
        this.#resume(due);
        continue;
      }
      const again = this.#again.findIndex(({ atMs }) => atMs <= this.#nowMs);
      if (again >= 0) {
        const [{ seq }] = this.#again.splice(again, 1);
        this.#deliver(seq, false);
        continue;
      }
      const wakes = [this.#aside.pollTimeout(hurry) ?? Infinity, ...this.#again.map(({ atMs }) => atMs)];
      const next = Math.min(...wakes);
      if (next >= untilMs) return;
      this.#nowMs = Math.max(this.#nowMs, next);
    }
  }

  #resume(seq: number): void {
    if (this.#aside.isExhausted(seq)) {
      this.#fail(seq);
      return;
    }
    this.#aside.resume(seq);
    this.#deliver(seq, true);
  }

  #fail(seq: number): void {
    this.#aside.remove(seq);
    this.#tries[seq]++;
    this.#again.push({ seq, atMs: this.#nowMs + RETRY_MS });
  }

  #deliver(seq: number, resumed: boolean): void {
    const { token, maxPayload, downlinks } = this.#options;
    const sender = this.#sender;
    const bytes = token(seq);
    this.#sent = Math.max(this.#sent, seq);
    sender.start(bytes, bytes.length, COMPACT_RULE, seq, resumed, resumed ? this.#aside.missingOf(seq) : undefined);
    while (!sender.idle) {
      if (!sender.wantsToSend) {
        this.#nowMs = Math.max(this.#nowMs, sender.pollTimeout()!);
        sender.handleTimeout(this.#nowMs);
        continue;
      }
      const length = sender.nextFrame(maxPayload);
      if (length === 0) throw new Error("a frame does not fit");
      this.#transmit(sender.port, sender.frame.slice(0, length));
    }
    if (sender.takeFailed()) this.#fail(seq);
    else if (sender.takeDone() && downlinks && this.#acknowledged[seq] === 0) {
      if (this.#aside.isFull && !this.#aside.has(seq)) this.#fail(this.#aside.oldest);
      this.#aside.add(seq, 0, this.#nowMs);
    }
  }

  #transmit(port: number, frame: Uint8Array): void {
    const { airtimeMs, downlinks } = this.#options;
    const onAirMs = airtimeMs(frame.length);
    this.result.airtimeMs += onAirMs;
    this.result.bytes += frame.length + FRAME_BYTES;
    this.result.frames++;
    this.#answer = undefined;
    if (!this.#isLost()) this.#receive(port, frame);
    if (this.#options.late === true) [this.#answer, this.#lateAnswer] = [this.#lateAnswer, this.#answer];
    if (this.#answer !== undefined && downlinks) {
      this.result.downlinks++;
      if (!this.#isLost()) {
        this.#aside.answered();
        (this.#answer as () => void)();
      }
    }
    this.#nowMs += onAirMs + PAUSE_MS;
    this.#sender.sent(this.#nowMs, false);
    this.#nowMs += onAirMs * (DUTY - 1);
  }

  #isLost(): boolean {
    return this.#random.unit() < this.#options.loss;
  }

  #receive(port: number, frame: Uint8Array): void {
    const ports = this.#ports;
    ports.handle(port, frame, this.#nowMs);
    for (let command = ports.pollCommand(); command !== undefined; command = ports.pollCommand()) {
      if (command.kind === "datagram") this.#accept(command.bytes);
      else if (command.kind === "reply") {
        const { port: downPort, frame: down } = command;
        this.#answer ??= () => {
          this.#sender.received(downPort, down, down.length);
          if (downPort === COMPACT_RULE) this.#aside.lacks(down, 0, down.length, this.#sender.seq);
        };
      } else if (command.kind === "parity") {
        const { rule, firstParity, tiles, check } = command;
        this.#answer ??= () => this.#sender.requestParity(rule, firstParity, tiles, check);
      }
    }
  }

  /** The receiver put a token together, the one in hand or an earlier one of its slot once more: which, the signature tells. */
  #accept(bytes: Uint8Array): void {
    const seq = this.#bySignature.get(signatureOf(bytes)) ?? -1;
    deepEqual(bytes, this.#options.token(seq));
    if (this.#accepted[seq] === 0) {
      this.#accepted[seq] = 1;
      this.result.delivered++;
      if (this.#tries[seq] === 0) this.result.firstTry++;
      if (seq === this.#sent) this.result.atOnce++;
    }
    let newest = seq;
    for (let i = seq; i <= seq + HISTORY && i < this.#accepted.length; i++) if (this.#accepted[i] === 1) newest = i;
    let earlier = 0;
    for (let i = 0; i < HISTORY; i++) if (this.#accepted[newest - 1 - i] === 1) earlier |= 1 << i;
    const missing = this.#ports.missing(HISTORY_BYTES);
    this.#answer = () => {
      this.#acknowledge(newest, earlier);
      this.#aside.lacks(missing, 0, missing.length, this.#sender.seq);
    };
  }

  /** The node hears an acknowledgement with history. */
  #acknowledge(newest: number, earlier: number): void {
    this.#aside.history(newest, earlier);
    this.#acknowledged[newest] = 1;
    for (let i = 0; i < HISTORY; i++) if ((earlier & (1 << i)) !== 0) this.#acknowledged[newest - 1 - i] = 1;
    if (this.#acknowledged[this.#sender.seq] === 1) this.#sender.confirmed();
  }
}

function signatureOf(token: Uint8Array): string {
  return Buffer.from(token.subarray(token.length - SIGNATURE_BYTES)).toString("hex");
}

export function runLink(options: LinkOptions): LinkResult {
  return new Link(options).run();
}
