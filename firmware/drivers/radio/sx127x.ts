/**
 * Driver for Semtech's SX1276, SX1277, SX1278 and SX1279 in LoRa mode, data sheet DS_SX1276-7-8-9_W_APP revision 7 with errata note 1.1, as a
 * `Radio`. It never waits: the chip takes register transfers at any time, and what needs time ends with a timer or an interrupt.
 *
 *              2 ms, 6 ms          15 ms, ENTER_PROGRAM
 *  resetting ------------> calibrating -------------------> asleep <----- sleep() ------+
 *      ^                     |  ^  no answer                 |  |                       |
 *      |                     v  +---- 2 ms -- leaving <------+  +-- receive(), detect --+-> operating
 *      +-- next operation -- failed   another band           |                          |     |
 *      |                                                     +-> waking --2 ms--> standby <---+ DIO0, DIO1, guard
 *      +------------------------------------------------------- operating: watchdog, onError
 *
 * Operations asked for while it starts or wakes are kept (one at a time) and begin when it is ready. When it finds a fault it resets the chip,
 * drops the operation and calls `onError`; a chip that does not answer stays failed until the next operation.
 *
 * `prepare` goes to `waking`, from where listening begins at once. A receive window ends by the chip's own symbol timeout (DIO1). The chip says nothing of a header that was wrong, so a guard looks once, when a
 * header must be there: without one the window ends, with one it looks again when the longest frame must have ended.
 *
 * Latency that a MAC has to allow for, from `receive` to the first symbol listened to: 0.25 ms for the oscillator out of sleep, 0.13 ms for
 * synthesizer and receiver, and at most ten transfers. A transmission out of sleep begins 2 to 3 ms later: its buffer needs the oscillator.
 *
 * Reasons given to `onError`: as those of sx126x.ts; `radio-device-error` is a calibration that does not end, a mode that was not taken, or a
 * synthesizer that did not lock.
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Digital, SPI } from "../../ports/io.ts";
import type { LoraModulation, Radio, RadioEvents } from "../../ports/radio.ts";
import { longestFrameUs, receiveGuardUs } from "./lora-timing.ts";
import { RfSwitch } from "./rf-switch.ts";
import type { Sx127xOptions } from "./sx127x-options.ts";
import * as R from "./sx127x-registers.ts";
import { DETECT, NO_OPERATION, RECEIVE, Sx127xSettings, TRANSMIT } from "./sx127x-settings.ts";
import { HIGH_BAND } from "./sx127x-variants.ts";

const RESETTING = 0;
const BOOTING = 1;
const LEAVING = 2;
const CALIBRATING = 3;
const ASLEEP = 4;
const WAKING = 5;
const STANDBY = 6;
const OPERATING = 7;
const FAILED = 8;

/** 7.2.2: NRESET low for 100 us, then 5 ms; a millisecond later on this clock may be no time at all, so one more of each. */
const RESET_PULSE_MS = 2;
const BOOT_MS = 6;
/** 4.2.3.8: how often, and how many times, it looks for the end of the calibration, which takes 10 ms. */
const CALIBRATION_MS = 15;
const CALIBRATION_LOOKS = 5;
/** 2.5.2: the oscillator starts in 250 us; one on this clock may be no time at all. */
const OSCILLATOR_MS = 2;
/** Room for a late start, for clocks of whole milliseconds, and for JavaScript. */
const SLACK_MS = 20;
const MAX_PAYLOAD = 255;
/** RegPktRssiValue of 0 (5.5.5). */
const RSSI_OFFSET_HIGH_DBM = -157;
const RSSI_OFFSET_LOW_DBM = -164;

export class Sx127x implements Radio {
  #spi: SPI;
  #reset: Digital;
  #dio0: Digital;
  #dio1: Digital;
  #clock: Clock;
  #timer: Timer;
  #events: RadioEvents;
  #rfSwitch: RfSwitch;
  #settings: Sx127xSettings;

  #state = RESETTING;
  #looks = 0;
  #irqAtMs = 0;
  /** The guard has seen a valid header. */
  #headerSeen = false;

  /** One buffer for each length of a transfer. */
  #transfers: Uint8Array[] = [];
  #outgoing = new Uint8Array(1 + MAX_PAYLOAD);
  #incoming = new Uint8Array(1 + MAX_PAYLOAD);
  #incomingPayload = this.#incoming.subarray(1);
  /** The transfers' views of the two buffers, kept as long as the frame length stays the same. */
  #outgoingView = this.#outgoing;
  #incomingView = this.#incoming;

  #onTimer = (): void => this.timeIsUp();

  constructor(options: Sx127xOptions) {
    this.#clock = options.clock;
    this.#timer = options.timer;
    this.#events = options.events;
    this.#settings = new Sx127xSettings(options);
    for (let length = 0; length <= R.READ_STATUS.length; length++) this.#transfers.push(new Uint8Array(length));
    this.#rfSwitch = new RfSwitch(options.rfSwitch);
    this.#spi = new options.spi.io({ ...options.spi });
    this.#reset = new options.reset.io({ ...options.reset });
    this.#dio0 = new options.dio0.io({ ...options.dio0, onReadable: () => this.interrupt(this.#dio0) });
    this.#dio1 = new options.dio1.io({ ...options.dio1, onReadable: () => this.interrupt(this.#dio1) });
    if (options.isAsleep) this.#state = FAILED;
    else this.startReset();
  }

  get asleep(): boolean {
    return this.#state === ASLEEP || this.#state === FAILED;
  }

  get busy(): boolean {
    return this.#settings.operation !== NO_OPERATION;
  }

  transmit(modulation: LoraModulation, powerDbm: number, payload: Uint8Array, length: number): void {
    if ((modulation.implicitLength ?? length) !== length) throw new RangeError("radio: length");
    this.take(TRANSMIT, modulation);
    this.#settings.setPower(powerDbm);
    this.#settings.payloadLength = length;
    if (this.#outgoingView.length !== 1 + length) this.#outgoingView = this.#outgoing.subarray(0, 1 + length);
    for (let i = 0; i < length; i++) this.#outgoing[1 + i] = payload[i];
    this.beginOperation();
  }

  receive(modulation: LoraModulation, symbolTimeout: number): void {
    this.take(RECEIVE, modulation);
    this.#settings.payloadLength = modulation.implicitLength ?? MAX_PAYLOAD;
    this.#settings.setSymbolTimeout(symbolTimeout);
    this.beginOperation();
  }

  prepare(): void {
    if (this.#state === ASLEEP) this.wake();
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
    this.#settings.operation = NO_OPERATION;
    if (this.#state !== WAKING && this.#state !== STANDBY && this.#state !== OPERATING) return;
    this.#timer.cancel();
    this.run(this.#state === OPERATING ? R.ABORT_AND_SLEEP_PROGRAM : R.SLEEP_PROGRAM);
    this.#rfSwitch.off();
    this.#state = ASLEEP;
  }

  close(): void {
    this.#timer.cancel();
    this.#state = FAILED;
    this.#settings.operation = NO_OPERATION;
    this.#reset.write(0);
    this.#rfSwitch.close();
    this.#dio1.close();
    this.#dio0.close();
    this.#reset.close();
    this.#spi.close();
  }

  private take(operation: number, modulation: LoraModulation): void {
    if (this.busy) throw new Error("radio: operation while busy");
    this.#settings.setModulation(modulation);
    this.#settings.operation = operation;
  }

  private beginOperation(): void {
    const { operation, band, chipBand } = this.#settings;
    if (this.#state === FAILED) this.startReset();
    else if (this.#state === ASLEEP || this.#state === WAKING || this.#state === STANDBY) {
      if (band !== chipBand) this.leaveForCalibration();
      else if (operation !== TRANSMIT || this.#state === STANDBY) this.operate();
      else if (this.#state === ASLEEP) this.wake();
    }
  }

  /** The buffer needs the oscillator. */
  private wake(): void {
    this.run(R.STANDBY_PROGRAM);
    this.enter(WAKING, OSCILLATOR_MS);
  }

  private operate(): void {
    const settings = this.#settings;
    const { operation, modulation } = settings;
    this.#headerSeen = false;
    settings.fifoPointer = 0;
    if (operation === RECEIVE) {
      this.run(R.RECEIVE_PROGRAM);
      this.#state = OPERATING;
      if (settings.isEndless) this.#timer.cancel();
      else this.enter(OPERATING, receiveGuardUs(modulation, settings.symbolTimeout) / 1000 + SLACK_MS);
    } else {
      this.run(operation === TRANSMIT ? R.TRANSMIT_PROGRAM : R.DETECT_PROGRAM);
      this.enter(OPERATING, longestFrameUs(modulation) / 1000 + SLACK_MS);
    }
  }

  private enter(state: number, forMs: number): void {
    this.#state = state;
    this.#timer.wakeAt(this.#clock.nowMs() + Math.ceil(forMs), this.#onTimer);
  }

  private startReset(): void {
    this.#settings.forget();
    this.#rfSwitch.off();
    this.#reset.write(0);
    this.enter(RESETTING, RESET_PULSE_MS);
  }

  private timeIsUp(): void {
    switch (this.#state) {
      case RESETTING:
        this.#reset.write(1);
        this.enter(BOOTING, BOOT_MS);
        break;
      case BOOTING:
      case LEAVING:
        this.calibrate();
        break;
      case CALIBRATING:
        this.run(R.CALIBRATED_PROGRAM);
        break;
      case WAKING:
        this.#state = STANDBY;
        if (this.busy) this.beginOperation();
        break;
      case OPERATING:
        this.guard();
        break;
    }
  }

  private leaveForCalibration(): void {
    this.run(R.LEAVE_PROGRAM);
    this.enter(LEAVING, OSCILLATOR_MS);
  }

  private calibrate(): void {
    this.#looks = 0;
    this.enter(CALIBRATING, CALIBRATION_MS);
    this.run(R.CALIBRATE_PROGRAM);
  }

  private calibrationRead(value: number): void {
    if ((value & R.CALIBRATION_RUNS) === 0) {
      this.#timer.cancel();
      this.#settings.chipBand = this.#settings.band;
      this.#state = ASLEEP;
      this.run(R.ENTER_PROGRAM);
      if (this.#state === ASLEEP && this.busy) this.beginOperation();
    } else if (++this.#looks < CALIBRATION_LOOKS) this.enter(CALIBRATING, CALIBRATION_MS);
    else this.fail("radio-device-error");
  }

  /** The chip could not be started; it is left alone until the next operation. */
  private fail(reason: string): void {
    this.#timer.cancel();
    this.#state = FAILED;
    this.#settings.operation = NO_OPERATION;
    this.#events.onError(reason);
  }

  /** The chip went astray: it is started anew. */
  private recover(reason: string): void {
    this.#settings.operation = NO_OPERATION;
    this.startReset();
    this.#events.onError(reason);
  }

  /** Makes the transfers, unless one of them shows that the chip is not well. */
  private run(program: readonly R.Transfer[]): void {
    for (let i = 0; i < program.length && this.#state !== FAILED; i++) {
      const transfer = program[i];
      if (this.#settings.isNeeded(transfer)) this.understand(transfer, this.transfer(transfer));
    }
  }

  /** Makes one transfer; the bytes that came back are good until the next. */
  private transfer(transfer: R.Transfer): Uint8Array {
    let bytes = this.#transfers[transfer.length];
    if (transfer === R.WRITE_FIFO) bytes = this.#outgoingView;
    else if (transfer === R.READ_FIFO) bytes = this.#incomingView;
    for (let i = 0; i < transfer.length; i++) bytes[i] = transfer[i];
    this.#settings.fillIn(transfer, bytes);
    if (transfer === R.SET_TRANSMIT) this.#rfSwitch.transmit();
    else if (transfer === R.SET_RECEIVE || transfer === R.SET_DETECT) this.#rfSwitch.receive();
    this.#spi.transfer(bytes);
    return bytes;
  }

  private understand(transfer: R.Transfer, bytes: Uint8Array): void {
    if (transfer === R.READ_VERSION && bytes[1] !== R.VERSION) this.fail("radio-does-not-answer");
    else if (transfer === R.READ_MODE && bytes[1] !== this.#settings.asleepMode) this.fail("radio-device-error");
    else if (transfer === R.READ_CALIBRATION) this.calibrationRead(bytes[1]);
  }

  /** DIO0 or DIO1 rises: the time is taken before anything else is done. */
  private interrupt(pin: Digital): void {
    const nowMs = pin.edgeMs ?? this.#clock.nowMs();
    if (this.#state !== OPERATING) return;
    this.#irqAtMs = nowMs;
    this.conclude(this.readStatus());
  }

  private readStatus(): Uint8Array {
    return this.transfer(R.READ_STATUS);
  }

  /** A line may have been missed; or a preamble was none. */
  private guard(): void {
    const status = this.readStatus();
    const { operation, modulation } = this.#settings;
    const flags = status[R.STATUS_AT.irqFlags];
    this.#irqAtMs = this.#clock.nowMs();
    if (status[R.STATUS_AT.hopChannel] & R.PLL_TIMEOUT) this.recover("radio-device-error");
    // Were it sent, nobody would know when: the windows after it would be wrong.
    else if (operation !== RECEIVE) this.recover("radio-operation-never-ended");
    else if (flags & (R.IRQ.receiveDone | R.IRQ.receiveTimeout)) this.conclude(status);
    else if (flags & R.IRQ.validHeader && !this.#headerSeen) {
      this.#headerSeen = true;
      this.enter(OPERATING, longestFrameUs(modulation) / 1000);
    } else {
      this.run(R.STOP_PROGRAM);
      this.ended();
      this.#events.onReceiveTimeout(this.#irqAtMs);
    }
  }

  /** What the chip says of the operation. */
  private conclude(status: Uint8Array): void {
    const { operation } = this.#settings;
    const flags = status[R.STATUS_AT.irqFlags];
    if (status[R.STATUS_AT.hopChannel] & R.PLL_TIMEOUT) this.recover("radio-device-error");
    else if (operation === TRANSMIT && flags & R.IRQ.transmitDone) {
      this.acknowledge();
      this.#events.onTransmitted(this.#irqAtMs);
    } else if (operation === DETECT && flags & R.IRQ.detectionDone) {
      this.acknowledge();
      this.#events.onActivity?.((flags & R.IRQ.activity) !== 0, this.#irqAtMs);
    } else if (operation === RECEIVE && flags & R.IRQ.receiveDone && !(flags & R.IRQ.payloadCrcError)) {
      this.fetch(status);
    } else if (operation === RECEIVE && flags & (R.IRQ.receiveDone | R.IRQ.receiveTimeout)) {
      this.acknowledge();
      this.#events.onReceiveTimeout(this.#irqAtMs);
    }
  }

  private acknowledge(): void {
    this.run(this.#settings.isEndless ? R.STOP_PROGRAM : R.ACKNOWLEDGE_PROGRAM);
    this.ended();
  }

  private ended(): void {
    this.#timer.cancel();
    this.#state = STANDBY;
    this.#settings.operation = NO_OPERATION;
  }

  private fetch(status: Uint8Array): void {
    const settings = this.#settings;
    const length = settings.modulation.implicitLength ?? status[R.STATUS_AT.length];
    const snrDb = ((status[R.STATUS_AT.snr] << 24) >> 24) / 4;
    // 5.5.5: below the noise the signal alone; above it the more precise of the two formulas.
    const offsetDbm = settings.band === HIGH_BAND ? RSSI_OFFSET_HIGH_DBM : RSSI_OFFSET_LOW_DBM;
    const rssi = status[R.STATUS_AT.rssi];
    const rssiDbm = offsetDbm + (snrDb < 0 ? rssi + snrDb : (rssi * 16) / 15);
    settings.fifoPointer = status[R.STATUS_AT.fifoAddress];
    if (this.#incomingView.length !== 1 + length) this.#incomingView = this.#incoming.subarray(0, 1 + length);
    if (settings.isEndless) this.run(R.STANDBY_PROGRAM);
    this.run(R.FETCH_PROGRAM);
    this.ended();
    this.#events.onReceived(this.#incomingPayload, length, rssiDbm, snrDb, this.#irqAtMs);
  }
}
