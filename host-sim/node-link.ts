/**
 * What a node's LoRaWAN link is in a region at a data rate, and the node's habits on it, for whoever reckons with a node instead of running
 * one: the figures stand with the machines that keep to them (core/bounds.ts, core/lorawan/), and nothing here decides anything.
 */
import {
  ACK_REQUEST_FIRST_MS,
  CLOCK_DRIFT_PPM,
  SLEEPING_CLOCK_DRIFT_PPM,
  SLEEPING_TIME_REFRESH_MS,
  SPREAD_FRACTION,
  SPREAD_MAX_MS,
  TIME_REFRESH_MS,
} from "../firmware/core/bounds.ts";
import { regionOf } from "../firmware/core/lorawan/region/index.ts";
import { type DataRate, isDataRate, subBandOf } from "../firmware/core/lorawan/region/region.ts";
import { type AirModulation, symbolUs } from "../firmware/wire/time-on-air.ts";
import { TIME_SOURCE, timeQuality } from "../firmware/wire/time-quality.ts";
import { SLOW_CHIP } from "./node-timing.ts";

/** What a node does of itself, in milliseconds. */
export const NODE_HABITS = Object.freeze({
  /** A token's first frame waits up to this part of the batch's duration, and no longer than the second figure. */
  spreadFraction: SPREAD_FRACTION,
  spreadMaxMs: SPREAD_MAX_MS,
  /** From one request for the time to the next: awake, and with deep sleep. */
  timeRefreshMs: TIME_REFRESH_MS,
  sleepingTimeRefreshMs: SLEEPING_TIME_REFRESH_MS,
  /** The time quality byte of readings then: DeviceTimeAns's second, and what the clock drifts until it is told anew. */
  timeQuality: timeQuality(TIME_SOURCE.deviceTime, 1000 + (TIME_REFRESH_MS * CLOCK_DRIFT_PPM) / 1_000_000),
  sleepingTimeQuality: timeQuality(
    TIME_SOURCE.deviceTime,
    1000 + (SLEEPING_TIME_REFRESH_MS * SLEEPING_CLOCK_DRIFT_PPM) / 1_000_000,
  ),
  /** How long an answer to a whole token is waited for before it is asked for. */
  ackRequestMs: ACK_REQUEST_FIRST_MS,
  /** A signature, and what a wake-up with its sample takes besides booting (as the simulator's nodes take it). */
  signatureMs: SLOW_CHIP.signatureMs,
  sampleMs: 35,
});

export interface NodeLink {
  region: string;
  dataRate: number;
  modulation: AirModulation;
  /** Longest application payload without options in the header, in bytes. */
  maxPayload: number;
  /** No frame may last longer than 400 ms (the payload says so already). */
  dwellLimited: boolean;
  /** Of any hour, in the sub-band of the channels that every network of the region has; undefined: there is no limit. */
  dutyCyclePermille: number | undefined;
  /** What the radio puts out at full power, with the antenna that the node assumes. */
  powerDbm: number;
  /** How downlinks are sent in the two receive windows. */
  rx1: AirModulation;
  rx2: AirModulation;
}

/** M, the longest MACPayload, less FHDR and FPort. */
const HEADER_BYTES = 8;
const NO_LIMIT_PERMILLE = 1000;
const ANTENNA_GAIN_DB = 2;
/** As much as an SX1262 can do. */
const MAX_POWER_DBM = 22;
/** rx-window.ts: symbols of preamble to be heard, lateness of JavaScript, and the error of a time stamp. */
const DETECTION_SYMBOLS = 6;
const TIME_STAMP_ERROR_MS = 1;

/** The data rates that a node may send at in a region; empty for a region that does not exist. */
export function uplinkDataRates(regionName: string): number[] {
  const region = regionOf(regionName);
  if (region === undefined) return [];
  const all = Array.from({ length: region.maxUplinkDataRate + 1 }, (_, dataRate) => dataRate);
  return all.filter((dataRate) => isDataRate(region, dataRate));
}

/** True where uplinks are kept within 400 ms until the network lifts that. */
export function hasLiftableDwell(regionName: string): boolean {
  return regionOf(regionName)?.uplinkDwell ?? false;
}

/**
 * The link at a data rate of `uplinkDataRates`; `dwellLifted`: the network has lifted the region's 400 ms. A payload of 0 or less: no frame is
 * short enough.
 */
export function nodeLink(regionName: string, dataRate: number, dwellLifted: boolean): NodeLink | undefined {
  const region = regionOf(regionName);
  const rate = region?.dataRates[dataRate];
  if (region === undefined || rate === undefined || dataRate > region.maxUplinkDataRate) return undefined;
  const dwellLimited = region.uplinkDwell && !dwellLifted;
  const payloads = dwellLimited ? region.maxMacPayloadDwell : region.maxMacPayload;
  const rx1Rates = dwellLimited ? region.rx1DataRatesDwell : region.rx1DataRates;
  const band = region.subBands[subBandOf(region, region.defaultChannels[0].firstHz)];
  const wide = rate.bandwidthHz === 500_000 ? region.wideEirpDbm : region.fewChannelsEirpDbm;
  const eirpDbm = Math.min(region.maxEirpDbm, band.maxEirpDbm ?? region.maxEirpDbm, wide ?? region.maxEirpDbm);
  return {
    region: region.name,
    dataRate,
    modulation: modulationOf(rate, true),
    maxPayload: payloads[dataRate] - HEADER_BYTES,
    dwellLimited,
    dutyCyclePermille: band.dutyCyclePermille === NO_LIMIT_PERMILLE ? undefined : band.dutyCyclePermille,
    powerDbm: Math.min(eirpDbm - ANTENNA_GAIN_DB, MAX_POWER_DBM),
    rx1: modulationOf(region.dataRates[rx1Rates[dataRate][0]] ?? rate, false),
    rx2: modulationOf(region.dataRates[region.rx2DataRate] ?? rate, false),
  };
}

/** How long a receive window listens in vain, at most, that opens `delayMs` after the uplink (core/lorawan/rx-window.ts). */
export function windowMs(modulation: AirModulation, delayMs: number): number {
  const symbolMs = symbolUs(modulation.spreadingFactor, modulation.bandwidthHz) / 1000;
  const errorMs = (delayMs * CLOCK_DRIFT_PPM) / 1_000_000 + TIME_STAMP_ERROR_MS;
  // It opens on a whole millisecond.
  const symbols = Math.ceil((2 * errorMs + SLOW_CHIP.latencyMs + 1) / symbolMs) + DETECTION_SYMBOLS;
  // An SX126x counts its timeout in even numbers of symbols.
  return 2 * Math.ceil(symbols / 2) * symbolMs;
}

/** RP002-1.0.4 chapter 4: 8 symbols of preamble, coding rate 4/5; downlinks have no payload CRC. */
function modulationOf({ spreadingFactor, bandwidthHz }: DataRate, crcOn: boolean): AirModulation {
  return { spreadingFactor, bandwidthHz, codingRate: 1, preambleSymbols: 8, crcOn };
}
