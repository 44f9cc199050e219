/**
 * The way to an ATECC608 on I2C and back: wake, one command after the other, polling, sleep (ATECC608B data sheet, in the words of its
 * public variants: device asleep and wake "7.1.1", word addresses "7.2.1", transmission from the chip "7.5", AC parameters "8.3").
 *
 *   asleep --request--> waking --"after wake"--> ready --command--> executing --answer--> ready ... --last answer--> asleep
 *                         ^                        |                    |
 *                         +------- resting <-idle--+ no time left       |
 *                         +------- resting <-sleep--- failure ----------+
 *
 * Nothing blocks: each arrow that takes time is one wake-up of the timer. While it is busy the chip does not acknowledge; that is polled.
 * From its wake on a watchdog runs (tWATCHDOG, 0.7 to 1.7 s, 1.3 s typically) that ends in sleep and forgets all: where the next command
 * might not fit into the shortest (with the slowest clock that a chip can be configured for), the chip is put into idle, which keeps its
 * buffers, and woken anew: 5 ms. A request that failed starts again from sleep, except where a counter may have been incremented already.
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { I2C } from "../../ports/io.ts";
import {
  ANSWER_OVERHEAD_BYTES,
  type Atecc608Error,
  COMMAND,
  type Command,
  crc16,
  isTestPattern,
  LONG_PACKET_BYTES,
  MAX_ANSWER_BYTES,
  SHORT_PACKET_BYTES,
  STATUS_ANSWER_BYTES,
  statusError,
  WORD_ADDRESS,
  writePacket,
} from "./atecc608-commands.ts";

/** tWHI is 1.5 ms; one millisecond more, because the clock shows whole ones and the present one may be nearly over. */
const WAKE_MS = 3;
/** After that it has to answer; a chip that tests itself at power-up may take tWHIST, 20 ms. */
const WAKE_LIMIT_MS = 30;
const POLL_MS = 4;
/** Beyond a command's longest time: the engine may have been late. */
const ANSWER_LIMIT_MS = 100;
/** The least of tWATCHDOG. */
const WATCHDOG_MS = 700;
/** Between sleep or idle and the next wake. */
const REST_MS = 2;
/** Where it did not answer: it may be busy with what was asked before a reset of ours, up to 665 ms. */
const LONG_REST_MS = 300;
/** Of a request: with the rests between them they outlast the longest command, and end within two seconds where there is no chip. */
const MAX_ATTEMPTS = 5;
/** A damaged answer is read again from its beginning so many times. */
const MAX_REREADS = 2;
/** Requests at a time: opening, a signature, a counter, a random number, and as many again. More is an error of ours. */
const MAX_REQUESTS = 8;

const READ_NOT_ACKNOWLEDGED = -1;
const READ_DAMAGED = -2;

export interface LinkOptions {
  /** The chip, at address 0x60 as delivered (0x35 or another one where configured so); up to 1 MHz. */
  i2c: I2C;
  /**
   * The same bus opened at address 0, at no more than 100 kHz: sending that address holds SDA low for 80 us and more (tWLO is 60 us), which
   * wakes the chip. Nobody acknowledges it.
   */
  wake: I2C;
  clock: Clock;
  /** The driver's own. */
  timer: Timer;
  /** Each failed attempt, also where a later one succeeds: for the node's health record. */
  onError?: (error: Atecc608Error) => void;
}

export type AnswerCallback = (answer: Uint8Array | undefined, error?: Atecc608Error) => void;

export interface Request {
  commands: readonly Command[];
  /** Slot or counter. */
  argument: number;
  data: Uint8Array | undefined;
  done: AnswerCallback;
}

type State = "asleep" | "resting" | "waking" | "executing" | "closed";

export class Atecc608Link {
  #options: LinkOptions;
  #state: State = "asleep";
  #queue: Request[] = [];
  #step = 0;
  #attempts = 0;
  #rereads = 0;
  #isAwake = false;
  #wokenMs = 0;
  #commandsSinceWake = 0;
  #deadlineMs = 0;
  #generalCall = new Uint8Array([0x01]);
  #word = new Uint8Array(1);
  #packet = new Uint8Array(LONG_PACKET_BYTES);
  #shortPacket = this.#packet.subarray(0, SHORT_PACKET_BYTES);
  #answer = new Uint8Array(MAX_ANSWER_BYTES);
  #count = this.#answer.subarray(0, 1);
  #tick = (): void => this.onTimer();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Requests under way get no answer. */
  close(): void {
    this.#options.timer.cancel();
    this.writeWord(WORD_ADDRESS.sleep);
    this.#state = "closed";
    this.#queue.length = 0;
    this.#options.i2c.close();
    this.#options.wake.close();
  }

  /** Asks for all commands of the request in turn; `done` gets the data of the last answer, in a later turn. */
  enqueue(request: Request): void {
    if (this.#state === "closed") throw new Error("ATECC608: closed");
    if (this.#queue.length >= MAX_REQUESTS) throw new Error("ATECC608: too many requests");
    this.#queue.push(request);
    if (this.#state === "asleep") this.rest(0);
  }

  private onTimer(): void {
    if (this.#state === "resting") this.pulse();
    else if (this.#state === "waking") this.checkWake();
    else if (this.#state === "executing") this.poll();
  }

  private pulse(): void {
    const nowMs = this.#options.clock.nowMs();
    try {
      // The address byte is the pulse. The byte after it is for nobody: one with its lowest bit set is no general call command (UM10204 3.1.13).
      this.#options.wake.write(this.#generalCall);
    } catch {
      // Nobody acknowledges address 0.
    }
    this.#wokenMs = nowMs;
    this.#commandsSinceWake = 0;
    this.#deadlineMs = nowMs + WAKE_LIMIT_MS;
    this.continue("waking", WAKE_MS);
  }

  private checkWake(): void {
    const result = this.readAnswer(STATUS_ANSWER_BYTES);
    if (result === STATUS_ANSWER_BYTES && statusError(this.#answer[1]) === "wake") {
      this.#isAwake = true;
      this.send();
    } else if (result !== READ_NOT_ACKNOWLEDGED) {
      // It was awake before, its watchdog runs since we do not know when, and this is some old answer: to sleep with it first.
      this.retry("wake", REST_MS);
    } else if (this.#options.clock.nowMs() < this.#deadlineMs) {
      this.continue("waking", POLL_MS);
    } else {
      this.retry("no-answer", LONG_REST_MS);
    }
  }

  private send(): void {
    const request = this.#queue[0];
    const command = request.commands[this.#step];
    const nowMs = this.#options.clock.nowMs();
    // Right after a wake there is no better moment, however late the engine was; the chip itself says so when the time is too short.
    if (this.#commandsSinceWake > 0 && nowMs - this.#wokenMs + command.longestMs > WATCHDOG_MS) {
      this.writeWord(WORD_ADDRESS.idle);
      this.#isAwake = false;
      this.rest(REST_MS);
      return;
    }
    const length = writePacket(command, command.parameter ?? request.argument, request.data, this.#packet);
    try {
      this.#options.i2c.write(length === SHORT_PACKET_BYTES ? this.#shortPacket : this.#packet);
    } catch {
      // A transfer may break off after its last byte as well.
      this.lost("no-answer");
      return;
    }
    this.#commandsSinceWake++;
    this.#rereads = 0;
    this.#deadlineMs = nowMs + command.longestMs + ANSWER_LIMIT_MS;
    this.continue("executing", command.firstPollMs);
  }

  private poll(): void {
    const command = this.#queue[0].commands[this.#step];
    const expected = Math.max(command.answerBytes, 1) + ANSWER_OVERHEAD_BYTES;
    const result = this.readAnswer(expected);
    if (result === READ_NOT_ACKNOWLEDGED) {
      if (this.#options.clock.nowMs() < this.#deadlineMs) this.continue("executing", POLL_MS);
      else this.lost("no-answer");
    } else if (result === READ_DAMAGED) {
      this.#rereads++;
      if (this.#rereads <= MAX_REREADS) this.continue("executing", POLL_MS);
      else this.lost("answer-crc");
    } else if (result === STATUS_ANSWER_BYTES) {
      const error = statusError(this.#answer[1]);
      if (error !== undefined) this.refused(error);
      else if (command.answerBytes === 0) this.answered(command);
      else this.refused("unknown-status");
    } else {
      this.answered(command);
    }
  }

  private answered(command: Command): void {
    if (command.opcode === COMMAND.random.opcode && isTestPattern(this.#answer, 1)) {
      this.fail("config-unlocked");
      return;
    }
    this.#step++;
    if (this.#step < this.#queue[0].commands.length) this.send();
    else this.finish(this.#answer.slice(1, 1 + command.answerBytes), undefined);
  }

  /** The chip said that it did not do it. */
  private refused(error: Atecc608Error): void {
    // It slept and was woken by someone else's bytes on the bus. Whether before or after the command, it does not tell.
    if (error === "wake") this.lost(error);
    // Where a digest was to be in its buffer, "execution" may mean that the same happened unseen in between.
    else if (isPassing(error) || (error === "execution" && this.#step > 0)) this.retry(error, REST_MS);
    else this.fail(error);
  }

  /** It may have done it. */
  private lost(error: Atecc608Error): void {
    if (this.#queue[0].commands[this.#step].runsOnce) this.fail(error);
    else this.retry(error, error === "no-answer" ? LONG_REST_MS : REST_MS);
  }

  private retry(error: Atecc608Error, restMs: number): void {
    this.#attempts++;
    if (this.#attempts >= MAX_ATTEMPTS) {
      this.fail(error);
      return;
    }
    this.#options.onError?.(error);
    this.writeWord(WORD_ADDRESS.sleep);
    this.#isAwake = false;
    this.#step = 0;
    this.rest(restMs);
  }

  private fail(error: Atecc608Error): void {
    this.#options.onError?.(error);
    this.writeWord(WORD_ADDRESS.sleep);
    this.#isAwake = false;
    this.finish(undefined, error);
  }

  private finish(answer: Uint8Array | undefined, error: Atecc608Error | undefined): void {
    this.#attempts = 0;
    this.#step = 0;
    const request = this.#queue.shift();
    request?.done(answer, error);
    // Whoever was called may have asked for more, or have closed.
    if (this.isClosed()) return;
    if (this.#queue.length === 0) {
      if (this.#isAwake) this.writeWord(WORD_ADDRESS.sleep);
      this.#isAwake = false;
      this.#state = "asleep";
    } else if (this.#isAwake) {
      this.send();
    } else {
      this.rest(REST_MS);
    }
  }

  private isClosed(): boolean {
    return this.#state === "closed";
  }

  private rest(ms: number): void {
    this.continue("resting", ms);
  }

  private continue(state: State, afterMs: number): void {
    this.#state = state;
    this.#options.timer.wakeAt(this.#options.clock.nowMs() + afterMs, this.#tick);
  }

  /** Sleep, idle or the address counter. A chip that does not acknowledge is busy or asleep already; false then. */
  private writeWord(word: number): boolean {
    this.#word[0] = word;
    try {
      this.#options.i2c.write(this.#word);
      return true;
    } catch {
      return false;
    }
  }

  /** Reads an answer from its first byte on; its length, if that is `expected` or a bare status and the CRC is right. */
  private readAnswer(expected: number): number {
    const answer = this.#answer;
    if (!this.writeWord(WORD_ADDRESS.resetCounter)) return READ_NOT_ACKNOWLEDGED;
    try {
      this.#options.i2c.read(this.#count);
      const count = answer[0];
      if (count !== expected && count !== STATUS_ANSWER_BYTES) return READ_DAMAGED;
      this.#options.i2c.read(answer.subarray(1, count));
      const crc = crc16(answer, 0, count - 2);
      return answer[count - 2] === (crc & 0xff) && answer[count - 1] === crc >>> 8 ? count : READ_DAMAGED;
    } catch {
      return READ_NOT_ACKNOWLEDGED;
    }
  }
}

/** Whether the same command may succeed next time. */
function isPassing(error: Atecc608Error): boolean {
  return error === "ecc-fault" || error === "crc" || error === "watchdog" || error === "unknown-status";
}
