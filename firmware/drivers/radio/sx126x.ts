/**
 * Driver for Semtech's SX1262 (and SX1261/68 with another power amplifier setting), data sheet DS.SX1261-2.W.APP revision 2.1, as a
 * `Radio`. It never waits: commands stand in programs (lists of byte templates), of which the next command goes out when BUSY is low,
 * at once or on BUSY's falling edge (8.3.1). BUSY rises at most 600 ns after a command, sooner than JavaScript can look.
 *
 *              1 ms            BUSY falls, INIT_PROGRAM          sleep()            2 ms, GetStatus
 *  resetting --------> starting ---------------------> standby ----------> asleep ------------------> standby
 *      ^                  | no answer                  |     ^                                           (waking)
 *      |                  v                transmit(), |     | DIO1: done, timeout
 *      +--------------- failed                receive()v     |
 *      |  next operation                             operating
 *      +-------------------------------------------------+  watchdog: onError
 *
 * Operations asked for while it starts or wakes are kept (one at a time) and begin when it is ready. When it finds a fault it resets the chip,
 * drops the operation and calls `onError`; a chip that does not answer stays failed until the next operation.
 *
 * Reasons given to `onError`: `radio-does-not-answer` (BUSY stuck or no SPI), `radio-device-error` (13.6.1: calibration, oscillator, PLL, PA),
 * `radio-operation-never-ended` (watchdog), `radio-transmit-timeout` (the chip's own).
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Digital, SPI } from "../../ports/io.ts";
import type { LoraModulation, Radio, RadioEvents } from "../../ports/radio.ts";
import * as C from "./sx126x-commands.ts";
import * as E from "./sx126x-encoding.ts";
import type { Sx126xOptions } from "./sx126x-options.ts";

const RESETTING = 0;
const STARTING = 1;
const STANDBY = 2;
const ASLEEP = 3;
const WAKING = 4;
const FAILED = 5;

const NO_OPERATION = 0;
const TRANSMIT = 1;
const RECEIVE = 2;

const NOTHING_YET = 0;
const TRANSMITTED = 1;
const RECEIVED = 2;
const RECEIVE_TIMEOUT = 3;
const TRANSMIT_TIMEOUT = 4;

/** NRESET needs 100 us (8.1); a millisecond later on this clock may be no time at all, so two. */
const RESET_PULSE_MS = 2;
/** Reset and calibration take 3.5 ms each, the TCXO some more; the rest is room for slow JavaScript. */
const START_LIMIT_MS = 500;
/** SetSleep is deaf for 500 us (13.1.1); two on a clock of whole milliseconds is at least one. */
const SLEEP_DEAF_MS = 2;
/** Longer than the chip's own transmit timeout (20 s) and any frame (14.4 s). */
const OPERATION_LIMIT_MS = 25_000;
const MAX_PAYLOAD = 255;
const LONGEST_TEMPLATE = 10;
/** Errors of 13.6.1 that matter: all defined ones. */
const DEVICE_ERRORS = 0x017f;
const DEFAULT_TCXO_START_US = 5_000;
const PUBLIC_SYNC_WORD = 0x34;

export class Sx126x implements Radio {
  #spi: SPI;
  #reset: Digital;
  #busy: Digital;
  #dio1: Digital;
  #clock: Clock;
  #timer: Timer;
  #events: RadioEvents;
  #tcxoByte: number;
  #tcxoSteps: number;
  #dio2AsRfSwitch: boolean;

  #state = RESETTING;
  #program: readonly C.Command[] = C.NO_PROGRAM;
  #step = 0;
  #operation = NO_OPERATION;
  #outcome = NOTHING_YET;
  #sleepWhenReady = false;
  #sleptAtMs = 0;
  #irqAtMs = 0;

  /** One buffer for each length of a command. */
  #commands: Uint8Array[] = [];
  #outgoing = new Uint8Array(2 + MAX_PAYLOAD);
  #incoming = new Uint8Array(3 + MAX_PAYLOAD);
  #incomingPayload = this.#incoming.subarray(3);
  /** The transfers' views of the two buffers, kept as long as the frame length stays the same. */
  #outgoingView = this.#outgoing;
  #incomingView = this.#incoming;

  #modulation: LoraModulation = {
    frequencyHz: 0,
    spreadingFactor: 7,
    bandwidthHz: 125_000,
    codingRate: 1,
    preambleSymbols: 8,
    syncWord: PUBLIC_SYNC_WORD,
    invertIq: false,
    crcOn: true,
  };
  #powerDbm = 0;
  #payloadLength = 0;
  #symbolTimeout = 0;
  #rssiDbm = 0;
  #snrDb = 0;

  /** What the chip holds now: registers read at start, the sync word, the calibrated band. */
  #txClamp = 0;
  #txModulation = 0;
  #iqPolarity = 0;
  #chipSyncWord = -1;
  #chipBand = -1;

  #onTimer = (): void => this.#timeIsUp();

  constructor(options: Sx126xOptions) {
    this.#clock = options.clock;
    this.#timer = options.timer;
    this.#events = options.events;
    const volts = options.tcxoVoltage;
    this.#tcxoByte = volts === undefined ? -1 : C.TCXO_VOLTS.indexOf(volts);
    if (volts !== undefined && this.#tcxoByte < 0) throw new RangeError("tcxoVoltage");
    this.#tcxoSteps = Math.ceil((options.tcxoStartUs ?? DEFAULT_TCXO_START_US) / E.TIMER_STEP_US);
    this.#dio2AsRfSwitch = options.dio2AsRfSwitch ?? false;
    this.#modulation.frequencyHz = options.frequencyHz;
    for (let length = 0; length <= LONGEST_TEMPLATE; length++) this.#commands.push(new Uint8Array(length));
    this.#spi = new options.spi.io({ ...options.spi });
    this.#reset = new options.reset.io({ ...options.reset });
    this.#busy = new options.busy.io({ ...options.busy, onReadable: () => this.#advance() });
    this.#dio1 = new options.dio1.io({ ...options.dio1, onReadable: () => this.#interrupt() });
    this.#startReset();
  }

  get busy(): boolean {
    return this.#operation !== NO_OPERATION;
  }

  transmit(modulation: LoraModulation, powerDbm: number, payload: Uint8Array, length: number): void {
    this.#take(TRANSMIT, modulation);
    // Table 13-41: -9 to +22 dBm for the high-power amplifier.
    this.#powerDbm = Math.max(-9, Math.min(22, Math.floor(powerDbm)));
    this.#payloadLength = length;
    if (this.#outgoingView.length !== 2 + length) this.#outgoingView = this.#outgoing.subarray(0, 2 + length);
    for (let i = 0; i < length; i++) this.#outgoing[2 + i] = payload[i];
    this.#beginOperation();
  }

  receive(modulation: LoraModulation, symbolTimeout: number): void {
    this.#take(RECEIVE, modulation);
    this.#payloadLength = MAX_PAYLOAD;
    this.#symbolTimeout = symbolTimeout;
    this.#beginOperation();
  }

  /** Drops an operation that is under way, without an event. */
  sleep(): void {
    this.#operation = NO_OPERATION;
    if (this.#state === STANDBY) this.#goToSleep();
    else if (this.#state === WAKING) this.#state = ASLEEP;
    else this.#sleepWhenReady = this.#state !== ASLEEP && this.#state !== FAILED;
    if (this.#state === STANDBY || this.#state === ASLEEP) this.#timer.cancel();
  }

  close(): void {
    this.#timer.cancel();
    this.#state = FAILED;
    this.#program = C.NO_PROGRAM;
    this.#operation = NO_OPERATION;
    this.#reset.write(0);
    this.#dio1.close();
    this.#busy.close();
    this.#reset.close();
    this.#spi.close();
  }

  #take(operation: number, modulation: LoraModulation): void {
    if (this.#operation !== NO_OPERATION) throw new Error("radio: operation while busy");
    this.#operation = operation;
    this.#outcome = NOTHING_YET;
    const own = this.#modulation;
    own.frequencyHz = modulation.frequencyHz;
    own.spreadingFactor = modulation.spreadingFactor;
    own.bandwidthHz = modulation.bandwidthHz;
    own.codingRate = modulation.codingRate;
    own.preambleSymbols = modulation.preambleSymbols;
    own.syncWord = modulation.syncWord;
    own.invertIq = modulation.invertIq;
    own.crcOn = modulation.crcOn;
  }

  #beginOperation(): void {
    this.#sleepWhenReady = false;
    if (this.#state === STANDBY) {
      this.#timer.wakeAt(this.#clock.nowMs() + OPERATION_LIMIT_MS, this.#onTimer);
      this.#run(this.#operation === TRANSMIT ? C.TRANSMIT_PROGRAM : C.RECEIVE_PROGRAM);
    } else if (this.#state === ASLEEP) {
      const listensAtMs = this.#sleptAtMs + SLEEP_DEAF_MS;
      if (this.#clock.nowMs() >= listensAtMs) this.#wake();
      else {
        this.#state = WAKING;
        this.#timer.wakeAt(listensAtMs, this.#onTimer);
      }
    } else if (this.#state === FAILED) this.#startReset();
  }

  /** The falling chip select wakes the chip (9.3), which keeps BUSY high until it is in standby. */
  #wake(): void {
    this.#state = STANDBY;
    this.#transfer(C.GET_STATUS);
    this.#beginOperation();
  }

  #goToSleep(): void {
    this.#sleepWhenReady = false;
    this.#run(C.SLEEP_PROGRAM);
  }

  #startReset(): void {
    this.#state = RESETTING;
    this.#program = C.NO_PROGRAM;
    this.#step = 0;
    this.#chipSyncWord = -1;
    this.#chipBand = -1;
    this.#reset.write(0);
    this.#timer.wakeAt(this.#clock.nowMs() + RESET_PULSE_MS, this.#onTimer);
  }

  #timeIsUp(): void {
    if (this.#state === RESETTING) {
      this.#reset.write(1);
      this.#state = STARTING;
      this.#timer.wakeAt(this.#clock.nowMs() + START_LIMIT_MS, this.#onTimer);
      this.#run(C.INIT_PROGRAM);
    } else if (this.#state === STARTING) this.#fail("radio-does-not-answer");
    else if (this.#state === WAKING) this.#wake();
    else if (this.#operation !== NO_OPERATION) this.#recover("radio-operation-never-ended");
  }

  #fail(reason: string): void {
    this.#timer.cancel();
    this.#state = FAILED;
    this.#program = C.NO_PROGRAM;
    this.#operation = NO_OPERATION;
    this.#events.onError(reason);
  }

  #recover(reason: string): void {
    this.#operation = NO_OPERATION;
    this.#startReset();
    this.#events.onError(reason);
  }

  #run(program: readonly C.Command[]): void {
    this.#program = program;
    this.#step = 0;
    this.#advance();
  }

  /** Sends as many commands as the chip takes without a wait; BUSY's falling edge calls it again. */
  #advance(): void {
    while (this.#step < this.#program.length) {
      const command = this.#program[this.#step];
      if (!this.#isNeeded(command)) {
        this.#step++;
        continue;
      }
      if (this.#busy.read() !== 0) return;
      this.#step++;
      const answer = this.#transfer(command);
      this.#take419(command, answer);
    }
    this.#programEnded();
  }

  #programEnded(): void {
    const program = this.#program;
    this.#program = C.NO_PROGRAM;
    this.#step = 0;
    if (program === C.INIT_PROGRAM) this.#started();
    else if (program === C.SLEEP_PROGRAM) {
      this.#state = ASLEEP;
      this.#sleptAtMs = this.#clock.nowMs();
    } else if (this.#outcome !== NOTHING_YET) this.#report();
  }
}
