/**
 * The LoRa modem inside a Semtech chip, which the models of both families share: the 256-byte buffer, and one operation at a time over the
 * radio channel. The chip around it says with what settings, and what its interrupts mean.
 *
 *   idle --startTransmit--> transmitting --last symbol--> TX_DONE, idle
 *        \                        \------- timer -------> TIMEOUT, idle
 *        |\-startReceive--> searching --preamble--> locked --last symbol--> RX_DONE (and CRC_ERROR), idle
 *        |                     |  \----- symbol timeout, timer -----> TIMEOUT, idle
 *        |                     ^---------- HEADER_ERROR --------------/
 *        \--startDetect---> listening --so many symbols--> CAD_DONE (and CAD_DETECTED), idle
 *
 * It counts time with the chip's crystal: one that is fast by so many parts per million sends shorter symbols, closes its windows earlier, and
 * shifts its carrier.
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { symbolUs, timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import type { PendingEvent } from "../event-queue.ts";
import { type AirListener, type AirTransmission, DETECTION_SYMBOLS, type RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { World } from "../world.ts";

/** What happened, in the bits of an SX126x's interrupts (13.3.2). */
export const MODEM = Object.freeze({
  txDone: 0x0001,
  rxDone: 0x0002,
  /** Preamble, sync word and header were found, which is told with the end of the frame. */
  preambleToHeader: 0x001c,
  headerError: 0x0020,
  crcError: 0x0040,
  cadDone: 0x0080,
  cadDetected: 0x0100,
  timeout: 0x0200,
});

/** The chip around it. */
export interface ModemHost {
  /** Bits of `MODEM` come up; `ended`: the operation is over. */
  modemEvent(events: number, ended: boolean): void;
  /** Current of the transmitter at this power, in milliamperes. */
  transmitMa(powerDbm: number): number;
}

/** How a reception ends. Times in microseconds of the chip's own clock; 0 is none. */
export interface ReceiveLimits {
  /** Ends the search for a preamble. */
  symbolTimeout: number;
  /** Ends the search for a header, or for a preamble where `stopsAtPreamble`. */
  timerUs: number;
  stopsAtPreamble: boolean;
  /** After a frame it goes on. */
  continuous: boolean;
}

const HEADER_SYMBOLS = 8;

const IDLE_MODULATION: LoraModulation = Object.freeze({
  frequencyHz: 0,
  spreadingFactor: 7,
  bandwidthHz: 125_000,
  codingRate: 1,
  preambleSymbols: 8,
  syncWord: 0,
  invertIq: false,
  crcOn: false,
});

export class LoraModem implements AirListener {
  readonly position: Position;
  readonly buffer = new Uint8Array(256);
  /** What the crystal makes of the frequency it is tuned to. */
  offsetHz = 0;
  /** Of the last frame received; the strength in dBm, of the signal alone. */
  rxLength = 0;
  rxRssiDbm = 0;
  rxSnrDb = 0;
  rxCrcOn = false;
  /** Totals, for the energy account. */
  listenedUs = 0;
  transmittedUs = 0;
  /** Transmitter's current times its time. */
  transmittedMaUs = 0;

  #world: World;
  #channel: RadioChannel;
  #host: ModemHost;
  #ppm: number;
  /** Length of this chip's second. */
  #second: number;
  #transmission: AirTransmission | undefined;
  #receiving = false;
  #tuned: LoraModulation = IDLE_MODULATION;
  #base = 0;
  #continuous = false;
  #stopsAtPreamble = false;
  #preambleOnly = false;
  #processingUs = 0;
  #detected = false;
  #sinceUs = 0;
  #lock: AirTransmission | undefined;
  #headerUs = 0;
  #doneEvent: PendingEvent | undefined;
  #timerEvent: PendingEvent | undefined;
  #onDone = (): void => this.#transmitted();
  #onTimer = (): void => this.#timerEnds();
  #onSymbolTimeout = (): void => this.#symbolTimeoutEnds();
  #onListened = (): void => this.#detects();
  #onDetected = (): void => this.#detectionEnds();

  /** `ppm`: by how much the crystal is fast. */
  constructor(world: World, channel: RadioChannel, position: Position, host: ModemHost, ppm = 0) {
    this.#world = world;
    this.#channel = channel;
    this.position = position;
    this.#host = host;
    this.#ppm = ppm;
    this.#second = 1 / (1 + ppm / 1_000_000);
  }

  /** A frame is coming in and its header was right. */
  get headerIsIn(): boolean {
    return this.#lock !== undefined && this.#headerUs <= this.#world.nowUs;
  }

  /** The first symbol of the `length` bytes at `base` leaves now. `timerUs` breaks it off; 0 is none. */
  startTransmit(modulation: LoraModulation, powerDbm: number, base: number, length: number, timerUs: number): void {
    const frame = new Uint8Array(length);
    for (let i = 0; i < length; i++) frame[i] = this.buffer[(base + i) & 0xff];
    const startUs = this.#world.nowUs;
    const airtimeUs = timeOnAirUs(modulation, length, modulation.implicitLength !== undefined);
    const endUs = Math.floor(startUs + airtimeUs * this.#second + 0.5);
    this.#transmission = {
      modulation,
      powerDbm,
      frame,
      startUs,
      endUs,
      from: this,
      position: this.position,
      offsetHz: this.#offsetOf(modulation.frequencyHz),
    };
    this.#channel.transmit(this.#transmission);
    this.#doneEvent = this.#world.at(endUs, this.#onDone);
    if (timerUs > 0 && timerUs < airtimeUs) this.#startTimer(timerUs);
  }

  /** The receiver is ready now; a frame goes to the buffer at `base`. */
  startReceive(modulation: LoraModulation, base: number, limits: ReceiveLimits): void {
    this.#listen(modulation);
    this.#base = base;
    this.#continuous = limits.continuous;
    this.#stopsAtPreamble = limits.stopsAtPreamble;
    this.#channel.attach(this);
    if (limits.continuous) return;
    if (limits.symbolTimeout > 0)
      this.#doneEvent = this.#world.after(limits.symbolTimeout * this.#symbolUs(), this.#onSymbolTimeout);
    if (limits.timerUs > 0) this.#startTimer(limits.timerUs);
  }

  /** Channel activity detection: listens for `symbols`, which may be a fraction, then computes for `processingUs`. */
  startDetect(modulation: LoraModulation, symbols: number, processingUs: number, preambleOnly: boolean): void {
    this.#listen(modulation);
    this.#preambleOnly = preambleOnly;
    this.#processingUs = processingUs;
    this.#doneEvent = this.#world.after(symbols * this.#symbolUs(), this.#onListened);
  }

  /** Ends whatever is under way, without an interrupt. */
  stop(): void {
    this.stopTimer();
    this.#endOperation();
  }

  /** The timer alone. */
  stopTimer(): void {
    this.#world.cancel(this.#timerEvent);
    this.#timerEvent = undefined;
  }

  hears({ modulation, startUs }: AirTransmission): boolean {
    if (!this.#receiving || this.#lock !== undefined) return false;
    const tuned = this.#tuned;
    if (
      modulation.spreadingFactor !== tuned.spreadingFactor ||
      modulation.bandwidthHz !== tuned.bandwidthHz ||
      modulation.invertIq !== tuned.invertIq ||
      // A LoRa receiver tolerates about a quarter of the bandwidth.
      Math.abs(modulation.frequencyHz - tuned.frequencyHz) > modulation.bandwidthHz / 4 ||
      modulation.syncWord !== tuned.syncWord
    )
      return false;
    const preambleEndUs = startUs + modulation.preambleSymbols * this.#symbolUs();
    return Math.max(this.#sinceUs, startUs) + DETECTION_SYMBOLS * this.#symbolUs() <= preambleEndUs;
  }

  locked(transmission: AirTransmission): void {
    this.#lock = transmission;
    this.#headerUs = this.#world.nowUs + (this.#stopsAtPreamble ? 0 : HEADER_SYMBOLS * this.#symbolUs());
  }

  received(transmission: AirTransmission, rssiDbm: number, snrDb: number): void {
    if (this.#lock !== transmission) return;
    if (!this.#isReadable(transmission)) {
      this.lost(transmission);
      return;
    }
    this.#take(transmission.frame, 0);
    this.rxRssiDbm = rssiDbm;
    this.rxSnrDb = snrDb;
    this.rxCrcOn = transmission.modulation.crcOn;
    this.#ends(MODEM.rxDone | MODEM.preambleToHeader);
  }

  /**
   * With a payload CRC the damage shows there; a frame without one is taken as broken in its header, which has its own check. Without a header
   * too, nothing shows it: damaged bytes come in.
   */
  lost(transmission: AirTransmission): void {
    if (this.#lock !== transmission) return;
    const implicit = this.#tuned.implicitLength !== undefined;
    this.rxCrcOn = implicit ? this.#tuned.crcOn : transmission.modulation.crcOn;
    if (!this.#isReadable(transmission) && !implicit) this.rxCrcOn = false;
    if (this.rxCrcOn) {
      this.#take(transmission.frame, 0xff);
      this.#ends(MODEM.rxDone | MODEM.preambleToHeader | MODEM.crcError);
    } else if (implicit) {
      this.#take(transmission.frame, 0xff);
      this.#ends(MODEM.rxDone | MODEM.preambleToHeader);
    } else {
      this.#lock = undefined;
      this.#host.modemEvent(MODEM.headerError, false);
    }
  }

  /** Both ends have a header, or agree on what it would say. */
  #isReadable({ modulation }: AirTransmission): boolean {
    const tuned = this.#tuned;
    if (modulation.implicitLength === undefined || tuned.implicitLength === undefined)
      return modulation.implicitLength === tuned.implicitLength;
    return (
      modulation.implicitLength === tuned.implicitLength &&
      modulation.codingRate === tuned.codingRate &&
      modulation.crcOn === tuned.crcOn
    );
  }

  #take(frame: Uint8Array, damage: number): void {
    this.rxLength = this.#tuned.implicitLength ?? frame.length;
    for (let i = 0; i < this.rxLength; i++) this.buffer[(this.#base + i) & 0xff] = (frame[i] ?? 0) ^ damage;
  }

  #listen(modulation: LoraModulation): void {
    this.#receiving = true;
    this.#tuned = modulation;
    this.offsetHz = this.#offsetOf(modulation.frequencyHz);
    this.#sinceUs = this.#world.nowUs;
  }

  #offsetOf(frequencyHz: number): number {
    return (frequencyHz * this.#ppm) / 1_000_000;
  }

  #startTimer(us: number): void {
    this.stopTimer();
    this.#timerEvent = this.#world.after(us * this.#second, this.#onTimer);
  }

  #symbolUs(): number {
    return symbolUs(this.#tuned.spreadingFactor, this.#tuned.bandwidthHz) * this.#second;
  }

  #endOperation(): void {
    this.#world.cancel(this.#doneEvent);
    this.#doneEvent = undefined;
    if (this.#transmission !== undefined) {
      const us = this.#world.nowUs - this.#transmission.startUs;
      this.transmittedUs += us;
      this.transmittedMaUs += us * this.#host.transmitMa(this.#transmission.powerDbm);
      if (this.#world.nowUs < this.#transmission.endUs) this.#channel.breakOff(this.#transmission);
      this.#transmission = undefined;
    }
    if (!this.#receiving) return;
    this.listenedUs += this.#world.nowUs - this.#sinceUs;
    this.#receiving = false;
    this.#lock = undefined;
    this.#channel.detach(this);
  }

  #ends(events: number): void {
    if (this.#continuous) this.#lock = undefined;
    // SX1261/2 data sheet 15.3: without a header the timer runs on after the frame.
    else if (this.#tuned.implicitLength !== undefined) this.#endOperation();
    else this.stop();
    this.#host.modemEvent(events, !this.#continuous);
  }

  #transmitted(): void {
    this.stop();
    this.#host.modemEvent(MODEM.txDone, true);
  }

  #detects(): void {
    this.#detected = this.#channel.isActive(this, this.#tuned, this.#sinceUs, this.#preambleOnly);
    this.#endOperation();
    this.#doneEvent = this.#world.after(this.#processingUs * this.#second, this.#onDetected);
  }

  #detectionEnds(): void {
    this.#doneEvent = undefined;
    this.#host.modemEvent(MODEM.cadDone | (this.#detected ? MODEM.cadDetected : 0), true);
  }

  #timerEnds(): void {
    this.#timerEvent = undefined;
    if (this.headerIsIn && this.#tuned.implicitLength === undefined) return;
    this.stop();
    this.#host.modemEvent(MODEM.timeout, true);
  }

  #symbolTimeoutEnds(): void {
    if (this.#lock !== undefined) return;
    const preambleEndUs = this.#channel.preambleBeingFound(this, this.#sinceUs);
    if (preambleEndUs !== undefined) {
      // A preamble was found in time. Should no frame come of it (chance took it), the receiver is free a symbol later.
      this.#doneEvent = this.#world.at(preambleEndUs + this.#symbolUs(), this.#onSymbolTimeout);
      return;
    }
    this.stop();
    this.#host.modemEvent(MODEM.timeout, true);
  }
}
