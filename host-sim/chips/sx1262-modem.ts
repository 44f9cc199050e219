/**
 * The LoRa modem inside an SX1262: what it is set to, the 256-byte buffer, and one operation at a time over the radio channel.
 *
 *   idle --startTransmit--> transmitting --last symbol--> TxDone, idle
 *        \                        \------- timer -------> Timeout, idle
 *         \-startReceive--> searching --preamble--> locked --last symbol--> RxDone (and CrcErr), idle
 *                              |  \----- symbol timeout, timer -----> Timeout, idle
 *                              ^---------- HeaderErr --------------/
 *
 * Data sheet DS.SX1261-2.W.APP revision 2.1: 6.1 (LoRa), 13.1.4 SetTx, 13.1.5 SetRx, 13.4.9 SetLoRaSymbNumTimeout.
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { symbolUs, timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import type { PendingEvent } from "../event-queue.ts";
import { type AirListener, type AirTransmission, DETECTION_SYMBOLS, type RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { World } from "../world.ts";
import { Sx1262Settings } from "./sx1262-settings.ts";

/** The chip around it. */
export interface ModemHost {
  /** Interrupt bits come up (13.3.2); `ended`: the operation is over and the chip falls back to standby. */
  modemEvent(irq: number, ended: boolean): void;
  /** The sync word as the registers hold it now. */
  syncWord(): number;
}

const IRQ_TX_DONE = 0x0001;
const IRQ_RX_DONE = 0x0002;
const IRQ_PREAMBLE_TO_HEADER = 0x001c;
const IRQ_HEADER_ERROR = 0x0020;
const IRQ_CRC_ERROR = 0x0040;
const IRQ_TIMEOUT = 0x0200;

const TIMER_STEP_US = 15.625;
const CONTINUOUS = 0xffffff;
const HEADER_SYMBOLS = 8;

export class Sx1262Modem implements AirListener {
  readonly position: Position;
  readonly buffer = new Uint8Array(256);
  settings = new Sx1262Settings();
  /** Of the last frame received (13.5.2, 13.5.3). */
  rxLength = 0;
  rxOffset = 0;
  rssiByte = 0;
  snrByte = 0;
  signalRssiByte = 0;
  /** Totals, for the energy account. */
  listenedUs = 0;
  transmittedUs = 0;

  #world: World;
  #channel: RadioChannel;
  #host: ModemHost;
  #transmission: AirTransmission | undefined;
  #receiving = false;
  #continuous = false;
  #sinceUs = 0;
  #lock: AirTransmission | undefined;
  #headerUs = 0;
  #doneEvent: PendingEvent | undefined;
  #timerEvent: PendingEvent | undefined;
  #onDone = (): void => this.#transmitted();
  #onTimer = (): void => this.#timerEnds();
  #onSymbolTimeout = (): void => this.#symbolTimeoutEnds();

  constructor(world: World, channel: RadioChannel, position: Position, host: ModemHost) {
    this.#world = world;
    this.#channel = channel;
    this.position = position;
    this.#host = host;
  }

  /** The first symbol leaves now. */
  startTransmit(timerSteps: number): void {
    const settings = this.settings;
    const frame = new Uint8Array(settings.payloadLength);
    for (let i = 0; i < frame.length; i++) frame[i] = this.buffer[(settings.txBase + i) & 0xff];
    const modulation: LoraModulation = {
      frequencyHz: settings.frequencyHz,
      spreadingFactor: settings.spreadingFactor,
      bandwidthHz: settings.bandwidthHz,
      codingRate: settings.codingRate,
      preambleSymbols: settings.preambleSymbols,
      syncWord: this.#host.syncWord(),
      invertIq: settings.invertIq,
      crcOn: settings.crcOn,
    };
    const startUs = this.#world.nowUs;
    const endUs = startUs + timeOnAirUs(modulation, frame.length);
    this.#transmission = {
      modulation,
      powerDbm: settings.powerDbm,
      frame,
      startUs,
      endUs,
      from: this,
      position: this.position,
    };
    this.#channel.transmit(this.#transmission);
    this.#doneEvent = this.#world.at(endUs, this.#onDone);
    if (timerSteps > 0) {
      const timerUs = startUs + timerSteps * TIMER_STEP_US;
      if (timerUs < endUs) this.#timerEvent = this.#world.at(timerUs, this.#onTimer);
    }
  }

  /** The receiver is ready now. */
  startReceive(timerSteps: number): void {
    this.#receiving = true;
    this.#continuous = timerSteps === CONTINUOUS;
    this.#sinceUs = this.#world.nowUs;
    this.#channel.attach(this);
    if (this.#continuous) return;
    if (this.settings.symbolTimeout > 0)
      this.#doneEvent = this.#world.after(this.settings.symbolTimeout * this.#symbolUs(), this.#onSymbolTimeout);
    if (timerSteps > 0) this.#timerEvent = this.#world.after(timerSteps * TIMER_STEP_US, this.#onTimer);
  }

  /** Ends whatever is under way, without an interrupt. */
  stop(): void {
    this.#world.cancel(this.#doneEvent);
    this.#world.cancel(this.#timerEvent);
    this.#doneEvent = undefined;
    this.#timerEvent = undefined;
    if (this.#transmission !== undefined) {
      this.transmittedUs += this.#world.nowUs - this.#transmission.startUs;
      if (this.#world.nowUs < this.#transmission.endUs) this.#channel.breakOff(this.#transmission);
      this.#transmission = undefined;
    }
    if (!this.#receiving) return;
    this.listenedUs += this.#world.nowUs - this.#sinceUs;
    this.#receiving = false;
    this.#lock = undefined;
    this.#channel.detach(this);
  }

  hears({ modulation, startUs }: AirTransmission): boolean {
    if (!this.#receiving || this.#lock !== undefined) return false;
    const settings = this.settings;
    if (
      modulation.spreadingFactor !== settings.spreadingFactor ||
      modulation.bandwidthHz !== settings.bandwidthHz ||
      modulation.invertIq !== settings.invertIq ||
      // A LoRa receiver tolerates about a quarter of the bandwidth.
      Math.abs(modulation.frequencyHz - settings.frequencyHz) > modulation.bandwidthHz / 4 ||
      modulation.syncWord !== this.#host.syncWord()
    )
      return false;
    const preambleEndUs = startUs + modulation.preambleSymbols * this.#symbolUs();
    return Math.max(this.#sinceUs, startUs) + DETECTION_SYMBOLS * this.#symbolUs() <= preambleEndUs;
  }

  locked(transmission: AirTransmission): void {
    this.#lock = transmission;
    this.#headerUs = this.#world.nowUs + (this.settings.stopOnPreamble ? 0 : HEADER_SYMBOLS * this.#symbolUs());
  }

  received(transmission: AirTransmission, rssiDbm: number, snrDb: number): void {
    if (this.#lock !== transmission) return;
    const { frame } = transmission;
    for (let i = 0; i < frame.length; i++) this.buffer[(this.settings.rxBase + i) & 0xff] = frame[i];
    this.#describe(transmission, rssiDbm, snrDb);
    this.#ends(IRQ_RX_DONE | IRQ_PREAMBLE_TO_HEADER);
  }

  /** With a payload CRC the damage shows there; a frame without one is taken as broken in its header, which has its own check. */
  lost(transmission: AirTransmission): void {
    if (this.#lock !== transmission) return;
    this.#lock = undefined;
    if (transmission.modulation.crcOn) this.#ends(IRQ_RX_DONE | IRQ_PREAMBLE_TO_HEADER | IRQ_CRC_ERROR);
    else this.#host.modemEvent(IRQ_HEADER_ERROR, false);
  }

  #describe(transmission: AirTransmission, rssiDbm: number, snrDb: number): void {
    this.rxLength = transmission.frame.length;
    this.rxOffset = this.settings.rxBase;
    // The packet's RSSI cannot be less than the noise it is measured with; the signal's RSSI can.
    this.rssiByte = clamp(-2 * (rssiDbm - Math.min(snrDb, 0)), 0, 255);
    this.snrByte = clamp(4 * snrDb, -128, 127) & 0xff;
    this.signalRssiByte = clamp(-2 * rssiDbm, 0, 255);
  }

  #symbolUs(): number {
    return symbolUs(this.settings.spreadingFactor, this.settings.bandwidthHz);
  }

  #ends(irq: number): void {
    if (this.#continuous) this.#lock = undefined;
    else this.stop();
    this.#host.modemEvent(irq, !this.#continuous);
  }

  #transmitted(): void {
    this.stop();
    this.#host.modemEvent(IRQ_TX_DONE, true);
  }

  #timerEnds(): void {
    if (this.#lock !== undefined && this.#headerUs <= this.#world.nowUs) return;
    this.stop();
    this.#host.modemEvent(IRQ_TIMEOUT, true);
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
    this.#host.modemEvent(IRQ_TIMEOUT, true);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(value + 0.5)));
}
