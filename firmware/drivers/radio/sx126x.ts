/**
 * Driver for Semtech's SX1261, SX1262, SX1268 and LLCC68, data sheet DS.SX1261-2.W.APP revision 2.1, as a `Radio`. It never waits: commands stand in programs (lists of byte templates), of which the next command goes out when BUSY is low,
 * at once or on BUSY's falling edge (8.3.1). BUSY rises at most 600 ns after a command, sooner than JavaScript can look.
 *
 *              2 ms            BUSY falls, INIT_PROGRAM          sleep()            2 ms, GetStatus
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
 * Latency that a MAC has to allow for, from the call to the first symbol sent or listened to: 0.34 ms to wake (0.08 to 0.13 ms more to switch),
 * the TCXO's start-up time, and eight commands.
 *
 * Reasons given to `onError`: `radio-does-not-answer` (BUSY stuck or no SPI), `radio-device-error` (13.6.1: calibration, oscillator, PLL, PA),
 * `radio-operation-never-ended` (watchdog), `radio-transmit-timeout` (the chip's own).
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Digital, SPI } from "../../ports/io.ts";
import type { LoraModulation, Radio, RadioEvents } from "../../ports/radio.ts";
import { RfSwitch } from "./rf-switch.ts";
import * as C from "./sx126x-commands.ts";
import type { Sx126xOptions } from "./sx126x-options.ts";
import { Sx126xSettings } from "./sx126x-settings.ts";

const RESETTING = 0;
const STARTING = 1;
const STANDBY = 2;
const ASLEEP = 3;
const WAKING = 4;
const FAILED = 5;

const NO_OPERATION = 0;
const TRANSMIT = 1;
const RECEIVE = 2;
const DETECT = 3;

const NOTHING_YET = 0;
const TRANSMITTED = 1;
const RECEIVED = 2;
const RECEIVE_TIMEOUT = 3;
const TRANSMIT_TIMEOUT = 4;
const ACTIVITY = 5;
const NO_ACTIVITY = 6;

/** NRESET needs 100 us (8.1); a millisecond later on this clock may be no time at all, so two. */
const RESET_PULSE_MS = 2;
/** Reset and calibration take 3.5 ms each, the TCXO some more; the rest is room for slow JavaScript. */
const START_LIMIT_MS = 500;
/** SetSleep is deaf for 500 us (13.1.1); two on a clock of whole milliseconds is at least one. */
const SLEEP_DEAF_MS = 2;
/** Longer than the chip's own transmit timeout (20 s) and any frame (14.4 s). */
const OPERATION_LIMIT_MS = 25_000;
const MAX_PAYLOAD = 255;
/** Opcode and offset; opcode, offset and status. */
const WRITE_HEADER = 2;
const READ_HEADER = 3;
const LONGEST_TEMPLATE = 10;
/** Errors of 13.6.1 that matter: all defined ones. */
const DEVICE_ERRORS = 0x017f;

export class Sx126x implements Radio {
  #spi: SPI;
  #reset: Digital;
  #busy: Digital;
  #dio1: Digital;
  #clock: Clock;
  #timer: Timer;
  #events: RadioEvents;
  #rfSwitch: RfSwitch;
  #settings: Sx126xSettings;

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
  #outgoing = new Uint8Array(WRITE_HEADER + MAX_PAYLOAD);
  #incoming = new Uint8Array(READ_HEADER + MAX_PAYLOAD);
  #incomingPayload = this.#incoming.subarray(READ_HEADER);
  /** The transfers' views of the two buffers, kept as long as the frame length stays the same. */
  #outgoingView = this.#outgoing;
  #incomingView = this.#incoming;

  #rssiDbm = 0;
  #snrDb = 0;

  #onTimer = (): void => this.timeIsUp();

  constructor(options: Sx126xOptions) {
    this.#clock = options.clock;
    this.#timer = options.timer;
    this.#events = options.events;
    this.#settings = new Sx126xSettings(options);
    for (let length = 0; length <= LONGEST_TEMPLATE; length++) this.#commands.push(new Uint8Array(length));
    this.#spi = new options.spi.io({ ...options.spi });
    this.#rfSwitch = new RfSwitch(options.rfSwitch);
    this.#reset = new options.reset.io({ ...options.reset });
    this.#busy = new options.busy.io({ ...options.busy, onReadable: () => this.advance() });
    this.#dio1 = new options.dio1.io({ ...options.dio1, onReadable: () => this.interrupt() });
    if (options.isAsleep) this.#state = FAILED;
    else this.startReset();
  }

  get asleep(): boolean {
    return this.#state === ASLEEP || this.#state === FAILED;
  }

  get busy(): boolean {
    return this.#operation !== NO_OPERATION;
  }

  transmit(modulation: LoraModulation, powerDbm: number, payload: Uint8Array, length: number): void {
    if ((modulation.implicitLength ?? length) !== length) throw new RangeError("radio: length");
    this.take(TRANSMIT, modulation);
    this.#settings.setPower(powerDbm);
    this.#settings.payloadLength = length;
    if (this.#outgoingView.length !== WRITE_HEADER + length)
      this.#outgoingView = this.#outgoing.subarray(0, WRITE_HEADER + length);
    for (let i = 0; i < length; i++) this.#outgoing[WRITE_HEADER + i] = payload[i];
    this.beginOperation();
  }

  receive(modulation: LoraModulation, symbolTimeout: number): void {
    this.take(RECEIVE, modulation);
    this.#settings.payloadLength = modulation.implicitLength ?? MAX_PAYLOAD;
    this.#settings.symbolTimeout = symbolTimeout;
    this.beginOperation();
  }

  prepare(): void {
    // Right after falling asleep it is deaf; then, as in every other state, the operation itself does what it needs.
    if (this.#state !== ASLEEP || this.#clock.nowMs() < this.#sleptAtMs + SLEEP_DEAF_MS) return;
    this.#state = STANDBY;
    this.transfer(C.GET_STATUS);
    this.run(C.PREPARE_PROGRAM);
  }

  detectActivity(modulation: LoraModulation): void {
    this.take(DETECT, modulation);
    this.#settings.payloadLength = modulation.implicitLength ?? MAX_PAYLOAD;
    this.beginOperation();
  }

  supports(modulation: LoraModulation): boolean {
    return this.#settings.supports(modulation);
  }

  /** Drops an operation that is under way, without an event. */
  sleep(): void {
    const wasBusy = this.#operation !== NO_OPERATION;
    this.#operation = NO_OPERATION;
    this.#outcome = NOTHING_YET;
    if (this.#state === RESETTING || this.#state === STARTING) {
      this.#sleepWhenReady = true;
      return;
    }
    this.#timer.cancel();
    if (this.#state === WAKING) this.#state = ASLEEP;
    else if (this.#state === STANDBY && !this.isGoingToSleep())
      this.run(wasBusy ? C.ABORT_AND_SLEEP_PROGRAM : C.SLEEP_PROGRAM);
  }

  close(): void {
    this.#timer.cancel();
    this.#state = FAILED;
    this.#program = C.NO_PROGRAM;
    this.#operation = NO_OPERATION;
    this.#reset.write(0);
    this.#rfSwitch.close();
    this.#dio1.close();
    this.#busy.close();
    this.#reset.close();
    this.#spi.close();
  }

  private take(operation: number, modulation: LoraModulation): void {
    if (this.#operation !== NO_OPERATION) throw new Error("radio: operation while busy");
    this.#settings.setModulation(modulation);
    this.#operation = operation;
    this.#outcome = NOTHING_YET;
  }

  private beginOperation(): void {
    this.#sleepWhenReady = false;
    if (this.#state === STANDBY) {
      if (this.isEndless()) this.#timer.cancel();
      else this.#timer.wakeAt(this.#clock.nowMs() + OPERATION_LIMIT_MS, this.#onTimer);
      if (!this.isGoingToSleep()) this.run(this.operationProgram());
    } else if (this.#state === ASLEEP) {
      const listensAtMs = this.#sleptAtMs + SLEEP_DEAF_MS;
      if (this.#clock.nowMs() >= listensAtMs) this.wake();
      else {
        this.#state = WAKING;
        this.#timer.wakeAt(listensAtMs, this.#onTimer);
      }
    } else if (this.#state === FAILED) this.startReset();
  }

  /** It listens until a frame comes: no time is too long. */
  private isEndless(): boolean {
    return this.#operation === RECEIVE && this.#settings.symbolTimeout === 0;
  }

  private operationProgram(): readonly C.Command[] {
    if (this.#operation === TRANSMIT) return C.TRANSMIT_PROGRAM;
    return this.#operation === RECEIVE ? C.RECEIVE_PROGRAM : C.DETECT_PROGRAM;
  }

  /** The chip was told to sleep but was BUSY still; what comes next waits until it sleeps. */
  private isGoingToSleep(): boolean {
    return this.#program === C.SLEEP_PROGRAM || this.#program === C.ABORT_AND_SLEEP_PROGRAM;
  }

  /** The falling chip select wakes the chip (9.3), which keeps BUSY high until it is in standby. */
  private wake(): void {
    this.#state = STANDBY;
    this.transfer(C.GET_STATUS);
    this.beginOperation();
  }

  private startReset(): void {
    this.#state = RESETTING;
    this.#program = C.NO_PROGRAM;
    this.#step = 0;
    this.#settings.forget();
    this.#rfSwitch.off();
    this.#reset.write(0);
    this.#timer.wakeAt(this.#clock.nowMs() + RESET_PULSE_MS, this.#onTimer);
  }

  private timeIsUp(): void {
    if (this.#state === RESETTING) {
      this.#reset.write(1);
      this.#state = STARTING;
      this.#timer.wakeAt(this.#clock.nowMs() + START_LIMIT_MS, this.#onTimer);
      this.run(C.INIT_PROGRAM);
    } else if (this.#state === STARTING) this.fail("radio-does-not-answer");
    else if (this.#state === WAKING) this.wake();
    else if (this.#operation !== NO_OPERATION) this.recover("radio-operation-never-ended");
  }

  /** The chip could not be started; it is left alone until the next operation. */
  private fail(reason: string): void {
    this.#timer.cancel();
    this.#state = FAILED;
    this.drop();
    this.#events.onError(reason);
  }

  /** The chip went astray: it is started anew. */
  private recover(reason: string): void {
    this.drop();
    this.startReset();
    this.#events.onError(reason);
  }

  private drop(): void {
    this.#program = C.NO_PROGRAM;
    this.#operation = NO_OPERATION;
    this.#outcome = NOTHING_YET;
  }

  private run(program: readonly C.Command[]): void {
    this.#program = program;
    this.#step = 0;
    this.advance();
  }

  /** Sends as many commands as the chip takes without a wait; BUSY's falling edge calls it again. */
  private advance(): void {
    if (this.#program === C.NO_PROGRAM) return;
    while (this.#step < this.#program.length) {
      const command = this.#program[this.#step];
      if (this.#settings.isNeeded(command)) {
        if (this.#busy.read() !== 0) return;
        this.#step++;
        this.understand(command, this.transfer(command));
      } else this.#step++;
    }
    this.programEnded();
  }

  private programEnded(): void {
    const program = this.#program;
    this.#program = C.NO_PROGRAM;
    if (program === C.INIT_PROGRAM) this.started();
    else if (program === C.SLEEP_PROGRAM || program === C.ABORT_AND_SLEEP_PROGRAM) {
      this.#state = ASLEEP;
      this.#sleptAtMs = this.#clock.nowMs();
      if (this.#operation !== NO_OPERATION) this.beginOperation();
    } else if (this.#outcome !== NOTHING_YET) this.report();
  }

  private started(): void {
    this.#timer.cancel();
    this.#state = STANDBY;
    if (this.#operation !== NO_OPERATION) this.beginOperation();
    else if (this.#sleepWhenReady) this.sleep();
  }

  /** DIO1 rises: the time is taken before anything else is done. */
  private interrupt(): void {
    const nowMs = this.#dio1.edgeMs ?? this.#clock.nowMs();
    if (this.#state !== STANDBY || this.#operation === NO_OPERATION || this.#program !== C.NO_PROGRAM) return;
    this.#irqAtMs = nowMs;
    this.run(C.INTERRUPT_PROGRAM);
  }

  private report(): void {
    const outcome = this.#outcome;
    this.#outcome = NOTHING_YET;
    this.#operation = NO_OPERATION;
    this.#timer.cancel();
    if (outcome === TRANSMITTED) this.#events.onTransmitted(this.#irqAtMs);
    else if (outcome === RECEIVED) {
      const length = this.#incomingView.length - READ_HEADER;
      this.#events.onReceived(this.#incomingPayload, length, this.#rssiDbm, this.#snrDb, this.#irqAtMs);
    } else if (outcome === RECEIVE_TIMEOUT) this.#events.onReceiveTimeout(this.#irqAtMs);
    else if (outcome !== TRANSMIT_TIMEOUT) this.#events.onActivity?.(outcome === ACTIVITY, this.#irqAtMs);
    else this.recover("radio-transmit-timeout");
  }

  /** Sends one command; the bytes that came back are good until the next. */
  private transfer(command: C.Command): Uint8Array {
    let bytes = this.#commands[command.length];
    if (command === C.WRITE_BUFFER) bytes = this.#outgoingView;
    else if (command === C.READ_BUFFER) bytes = this.#incomingView;
    for (let i = 0; i < command.length; i++) bytes[i] = command[i];
    this.#settings.fillIn(command, bytes);
    this.setRfSwitch(command);
    this.#spi.transfer(bytes);
    return bytes;
  }

  /** The antenna's way is set before the chip sends or listens, and opened before it sleeps. */
  private setRfSwitch(command: C.Command): void {
    if (command === C.SET_TX) this.#rfSwitch.transmit();
    else if (command === C.SET_RX || command === C.SET_CAD) this.#rfSwitch.receive();
    else if (command === C.SET_SLEEP) this.#rfSwitch.off();
  }

  /** Takes in what a command brought back. */
  private understand(command: C.Command, bytes: Uint8Array): void {
    this.#settings.takeIn(command, bytes);
    switch (command) {
      case C.READ_SYNC_WORD:
        if (((bytes[4] & 0xf0) | (bytes[5] >> 4)) !== this.#settings.chipSyncWord) this.fail("radio-does-not-answer");
        break;
      case C.GET_DEVICE_ERRORS:
        if ((((bytes[2] << 8) | bytes[3]) & DEVICE_ERRORS) !== 0) this.fail("radio-device-error");
        break;
      case C.GET_IRQ_STATUS:
        this.conclude((bytes[2] << 8) | bytes[3]);
        break;
      case C.GET_RX_BUFFER_STATUS:
        if (this.#incomingView.length !== READ_HEADER + bytes[2])
          this.#incomingView = this.#incoming.subarray(0, READ_HEADER + bytes[2]);
        break;
      case C.GET_PACKET_STATUS:
        this.#rssiDbm = -bytes[2] / 2;
        this.#snrDb = ((bytes[3] << 24) >> 24) / 4;
        break;
    }
  }

  /** What the interrupt means for the operation, and which commands follow. */
  private conclude(flags: number): void {
    this.#step = 0;
    this.#program = C.ACKNOWLEDGE_PROGRAM;
    if (this.#operation === TRANSMIT) {
      if (flags & C.IRQ.txDone) this.#outcome = TRANSMITTED;
      else if (flags & C.IRQ.timeout) this.#outcome = TRANSMIT_TIMEOUT;
    } else if (this.#operation === DETECT) {
      if (flags & C.IRQ.cadDone) this.#outcome = flags & C.IRQ.cadDetected ? ACTIVITY : NO_ACTIVITY;
    } else if (flags & C.IRQ.headerError) {
      this.#outcome = RECEIVE_TIMEOUT;
      this.#program = C.STOP_PROGRAM;
    } else if (flags & C.IRQ.rxDone && !(flags & C.IRQ.crcError)) {
      this.#outcome = RECEIVED;
      this.#program = C.FETCH_PROGRAM;
    } else if (flags & (C.IRQ.rxDone | C.IRQ.timeout)) this.#outcome = RECEIVE_TIMEOUT;
  }
}
