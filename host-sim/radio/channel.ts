/**
 * The air between radios. A frame is heard by whoever is tuned to it at the end of its preamble, strong enough above the noise and not lost to
 * chance; it is received when no other frame on its channel was too strong beside it.
 *
 *   transmit ----> preamble ends: each listener that hears it locks ----> last symbol: received, or lost to a collision
 *
 * Frames collide when they overlap in frequency, spreading factor, bandwidth and IQ polarity, and the other lasts into the last five symbols
 * of the preamble. The stronger survives from 6 dB on (capture; Bor et al., "Do LoRa low-power wide-area networks scale?", MSWiM 2016).
 *
 * Cost: a transmission looks at those that listen at that moment, and at those in the air on its own channel.
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { preambleUs, symbolUs } from "../../firmware/wire/time-on-air.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";
import {
  demodulationFloorDb,
  noiseDbm,
  OULU_2015,
  type PathLossModel,
  type Position,
  pathLossDb,
} from "./propagation.ts";

export interface AirTransmission {
  readonly modulation: LoraModulation;
  readonly powerDbm: number;
  readonly frame: Uint8Array;
  readonly startUs: number;
  /** When the last symbol has left. */
  readonly endUs: number;
  /** Who sends. */
  readonly from: object;
  readonly position: Position;
  /** How far the sender's crystal shifts the carrier from `modulation.frequencyHz`. */
  readonly offsetHz?: number;
}

export interface AirListener {
  readonly position: Position;
  /** How far its own crystal shifts what it is tuned to. */
  readonly offsetHz?: number;
  /** Asked at the end of the preamble: is it tuned to this, has it listened long enough, and is it free? Changes nothing. */
  hears(transmission: AirTransmission): boolean;
  /** It demodulates this frame from now on. */
  locked?(transmission: AirTransmission): void;
  /** The frame came through. */
  received(transmission: AirTransmission, rssiDbm: number, snrDb: number): void;
  /** A frame it had locked to was spoilt by another, or broken off. */
  lost?(transmission: AirTransmission): void;
}

export interface ChannelOptions {
  /** Chance that a receiver misses a frame, 0 to 1. */
  lossProbability?: number;
  pathLoss?: PathLossModel;
}

const CAPTURE_DB = 6;
/** A LoRa receiver tolerates this part of the bandwidth as frequency error (SX1276 data sheet 4.1.5, SX1261/2 data sheet 6.1.1). */
const FREQUENCY_TOLERANCE = 1 / 4;
/** Symbols of preamble that a receiver needs to find a frame. */
export const DETECTION_SYMBOLS = 5;

/** A frame in the air, and what the channel remembers of it. */
interface Flight {
  readonly transmission: AirTransmission;
  readonly key: number;
  readonly preambleEndUs: number;
  /** The part that must not be disturbed begins here. */
  readonly criticalUs: number;
  /** Others on the same channel at the same time. */
  readonly rivals: Flight[];
  readonly lockedBy: AirListener[];
  endUs: number;
}

export class RadioChannel {
  #world: World;
  #loss: RandomStream;
  #lossProbability: number;
  #pathLoss: PathLossModel;
  #listeners = new Set<AirListener>();
  #flights: Flight[] = [];
  #observers: ((transmission: AirTransmission) => void)[] = [];
  /** Frames sent, receptions that came through, were spoilt by another frame, lost to chance, too weak. */
  readonly counts = { sent: 0, received: 0, collided: 0, lost: 0, tooWeak: 0 };

  constructor(world: World, options: ChannelOptions = {}) {
    this.#world = world;
    this.#loss = world.random("radio channel: loss");
    this.#lossProbability = options.lossProbability ?? 0;
    this.#pathLoss = options.pathLoss ?? OULU_2015;
  }

  /** From now on it is asked what it hears: a gateway always, a chip while it receives. */
  attach(listener: AirListener): void {
    this.#listeners.add(listener);
  }

  detach(listener: AirListener): void {
    this.#listeners.delete(listener);
  }

  /** `observer` sees every transmission at its start. */
  onTransmission(observer: (transmission: AirTransmission) => void): void {
    this.#observers.push(observer);
  }

  /** The first symbol leaves now: `startUs` is the world's time. */
  transmit(transmission: AirTransmission): void {
    const { modulation, startUs } = transmission;
    const symbol = symbolUs(modulation.spreadingFactor, modulation.bandwidthHz);
    const flight: Flight = {
      transmission,
      key: channelKey(modulation),
      preambleEndUs: startUs + preambleUs(modulation),
      criticalUs: startUs + (modulation.preambleSymbols - DETECTION_SYMBOLS) * symbol,
      rivals: [],
      lockedBy: [],
      endUs: transmission.endUs,
    };
    for (const other of this.#flights) {
      if (other.key !== flight.key) continue;
      other.rivals.push(flight);
      flight.rivals.push(other);
    }
    this.#flights.push(flight);
    this.counts.sent++;
    for (const observer of this.#observers) observer(transmission);
    this.#world.at(flight.preambleEndUs, () => this.#preambleEnds(flight));
    this.#world.at(transmission.endUs, () => this.#ends(flight));
  }

  /** The sender stopped in the middle of a frame. */
  breakOff(transmission: AirTransmission): void {
    const flight = this.#flights.find((candidate) => candidate.transmission === transmission);
    if (flight !== undefined) flight.endUs = this.#world.nowUs;
  }

  /**
   * When the preamble ends that `listener` is just finding, listening since `sinceUs`; undefined where there is none. A chip asks when its
   * symbol timeout comes.
   */
  preambleBeingFound(listener: AirListener, sinceUs: number): number | undefined {
    const nowUs = this.#world.nowUs;
    for (const { transmission, preambleEndUs, endUs } of this.#flights) {
      const { modulation, startUs } = transmission;
      const symbol = symbolUs(modulation.spreadingFactor, modulation.bandwidthHz);
      const foundUs = Math.max(sinceUs, startUs) + DETECTION_SYMBOLS * symbol;
      if (foundUs > nowUs || preambleEndUs < nowUs || endUs < nowUs || !reaches(transmission, listener)) continue;
      if (this.#snrDb(transmission, listener) >= demodulationFloorDb(modulation.spreadingFactor)) return preambleEndUs;
    }
    return undefined;
  }

  /**
   * Was there a signal of this modulation all the time since `sinceUs`, strong enough at `listener`? With `preambleOnly` what comes after a
   * preamble does not count. A chip asks at the end of a channel activity detection.
   */
  isActive(listener: AirListener, modulation: LoraModulation, sinceUs: number, preambleOnly: boolean): boolean {
    for (const { transmission, preambleEndUs, endUs } of this.#flights) {
      const other = transmission.modulation;
      const lastUs = preambleOnly ? Math.min(preambleEndUs, endUs) : endUs;
      if (
        transmission.startUs <= sinceUs &&
        lastUs >= this.#world.nowUs &&
        other.spreadingFactor === modulation.spreadingFactor &&
        other.bandwidthHz === modulation.bandwidthHz &&
        other.invertIq === modulation.invertIq &&
        isTuned(transmission, modulation.frequencyHz + (listener.offsetHz ?? 0)) &&
        this.#snrDb(transmission, listener) >= demodulationFloorDb(other.spreadingFactor)
      )
        return true;
    }
    return false;
  }

  #rssiDbm(transmission: AirTransmission, listener: AirListener): number {
    return transmission.powerDbm - pathLossDb(transmission.position, listener.position, this.#pathLoss);
  }

  #snrDb(transmission: AirTransmission, listener: AirListener): number {
    return this.#rssiDbm(transmission, listener) - noiseDbm(transmission.modulation.bandwidthHz);
  }

  #preambleEnds(flight: Flight): void {
    const { transmission } = flight;
    if (flight.endUs < this.#world.nowUs) return;
    const floorDb = demodulationFloorDb(transmission.modulation.spreadingFactor);
    for (const listener of this.#listeners) {
      if (!reaches(transmission, listener)) continue;
      if (this.#snrDb(transmission, listener) < floorDb) this.counts.tooWeak++;
      else if (this.#lossProbability > 0 && this.#loss.unit() < this.#lossProbability) this.counts.lost++;
      else flight.lockedBy.push(listener);
    }
    for (const listener of flight.lockedBy) listener.locked?.(transmission);
  }

  #ends(flight: Flight): void {
    const { transmission } = flight;
    this.#flights.splice(this.#flights.indexOf(flight), 1);
    const spoilt = flight.endUs < transmission.endUs;
    for (const listener of flight.lockedBy) {
      if (spoilt || this.#isSpoilt(flight, listener)) {
        this.counts.collided++;
        listener.lost?.(transmission);
      } else {
        this.counts.received++;
        const rssiDbm = this.#rssiDbm(transmission, listener);
        listener.received(transmission, rssiDbm, rssiDbm - noiseDbm(transmission.modulation.bandwidthHz));
      }
    }
    flight.rivals.length = 0;
  }

  #isSpoilt(flight: Flight, listener: AirListener): boolean {
    if (flight.rivals.length === 0) return false;
    const rssiDbm = this.#rssiDbm(flight.transmission, listener);
    for (const rival of flight.rivals) {
      if (rival.endUs <= flight.criticalUs || rival.transmission.startUs >= flight.endUs) continue;
      if (rssiDbm - this.#rssiDbm(rival.transmission, listener) < CAPTURE_DB) return true;
    }
    return false;
  }
}

function isTuned({ modulation, offsetHz = 0 }: AirTransmission, toHz: number): boolean {
  return Math.abs(modulation.frequencyHz + offsetHz - toHz) <= modulation.bandwidthHz * FREQUENCY_TOLERANCE;
}

/** It is tuned to this channel, and the two crystals agree well enough. */
function reaches(transmission: AirTransmission, listener: AirListener): boolean {
  const errorHz = Math.abs((transmission.offsetHz ?? 0) - (listener.offsetHz ?? 0));
  return errorHz <= transmission.modulation.bandwidthHz * FREQUENCY_TOLERANCE && listener.hears(transmission);
}

/** Frames with the same key disturb each other: frequencies are compared in steps of 10 kHz, finer than any channel grid. */
function channelKey(modulation: LoraModulation): number {
  const step = Math.floor(modulation.frequencyHz / 10_000 + 0.5);
  const bandwidth = modulation.bandwidthHz / 125_000;
  return ((step * 16 + modulation.spreadingFactor) * 8 + bandwidth) * 2 + (modulation.invertIq ? 1 : 0);
}
