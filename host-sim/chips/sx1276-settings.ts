/** What an SX1276's LoRa modem is set to by its registers, and which of their values are reserved (data sheet DS_SX1276-7-8-9_W_APP, 6.4). */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { REGISTER, type Sx1276Registers } from "./sx1276-registers.ts";

export type Sx127xChip = "sx1276" | "sx1277" | "sx1278" | "sx1279";

/** Table 1: frequency range in Hz and highest spreading factor. */
const VARIANTS: Readonly<Record<Sx127xChip, readonly [number, number]>> = Object.freeze({
  sx1276: [1020e6, 12],
  sx1277: [1020e6, 9],
  sx1278: [525e6, 12],
  sx1279: [960e6, 12],
});
/** 5.3: the synthesizer's bands, each of which has its image calibration; the last on the high-frequency port. */
const BANDS: readonly (readonly [number, number])[] = Object.freeze([
  [137e6, 175e6],
  [410e6, 525e6],
  [779e6, 1020e6],
]);
export const HIGH_BAND = 2;

const BANDWIDTHS: readonly number[] = Object.freeze([
  7_800, 10_400, 15_600, 20_800, 31_250, 41_700, 62_500, 125_000, 250_000, 500_000,
]);

/** Index of the band, or -1. */
export function bandOf(frequencyHz: number): number {
  return BANDS.findIndex(([from, to]) => frequencyHz >= from && frequencyHz <= to);
}

/**
 * 4.1.4, as the channel that is meant: the synthesizer's steps of 61 Hz hit few channels exactly, and those of LoRaWAN are multiples of 100 Hz
 * (TS001-1.0.4 5.6). The rest, 31 Hz at most, is nothing beside the crystal's error.
 */
export function frequencyHz(registers: Sx1276Registers): number {
  const at = REGISTER.frequency;
  const steps = (registers.read(at) << 16) | (registers.read(at + 1) << 8) | registers.read(at + 2);
  return Math.floor((steps * 32e6) / 0x80000 / 100 + 0.5) * 100;
}

/** 5.4.2, 5.4.3. */
export function powerDbm(registers: Sx1276Registers): number {
  const config = registers.read(REGISTER.paConfig);
  const output = config & 0x0f;
  if (config & 0x80) return output + (registers.read(REGISTER.paDac) === 0x87 ? 5 : 2);
  return Math.floor((10.8 + 0.6 * ((config >> 4) & 7) - (15 - output)) * 10 + 0.5) / 10;
}

export function symbolTimeout(registers: Sx1276Registers): number {
  return ((registers.read(REGISTER.modemConfig2) & 3) << 8) | registers.read(REGISTER.symbolTimeout);
}

/** I and Q are inverted by different bits for sending and receiving. */
export function modulation(registers: Sx1276Registers, transmitting: boolean): LoraModulation {
  const config1 = registers.read(REGISTER.modemConfig1);
  const config2 = registers.read(REGISTER.modemConfig2);
  const invertIq = registers.read(REGISTER.invertIq);
  return {
    frequencyHz: frequencyHz(registers),
    spreadingFactor: config2 >> 4,
    bandwidthHz: BANDWIDTHS[config1 >> 4] as LoraModulation["bandwidthHz"],
    codingRate: (config1 >> 1) & 7,
    preambleSymbols: (registers.read(REGISTER.preamble) << 8) | registers.read(REGISTER.preamble + 1),
    syncWord: registers.read(REGISTER.syncWord),
    invertIq: transmitting ? (invertIq & 1) === 0 : (invertIq & 0x40) !== 0,
    crcOn: (config2 & 4) !== 0,
    implicitLength: config1 & 1 ? registers.read(REGISTER.payloadLength) : undefined,
  };
}

/** True for a value that the register does not have. */
export function isReserved(register: number, value: number, chip: Sx127xChip): boolean {
  switch (register) {
    case REGISTER.modemConfig1:
      return value >> 4 >= BANDWIDTHS.length || ((value >> 1) & 7) < 1 || ((value >> 1) & 7) > 4;
    case REGISTER.modemConfig2:
      return value >> 4 < 6 || value >> 4 > VARIANTS[chip][1];
    case REGISTER.detectOptimize:
      return (value & 7) !== 3 && (value & 7) !== 5;
    case REGISTER.detectionThreshold:
      return value !== 0x0a && value !== 0x0c;
    case REGISTER.paDac:
      return value !== 0x84 && value !== 0x87;
    case REGISTER.dioMapping1:
      return (value & 0xc0) === 0xc0 || (value & 0x30) === 0x30;
    default:
      return false;
  }
}

/** What a careless driver forgets before it sends, listens or detects: the chip goes on, but works badly. Names of the rules broken. */
export function neglected(
  registers: Sx1276Registers,
  chip: Sx127xChip,
  mode: "transmit" | "receive" | "listen" | "detect",
): string[] {
  const rules: string[] = [];
  const check = (rule: string, good: boolean): void => {
    if (!good) rules.push(rule);
  };
  const m = modulation(registers, mode === "transmit");
  const band = bandOf(m.frequencyHz);
  const read = (register: number): number => registers.read(register);
  const sixth = m.spreadingFactor === 6;
  check("outside-band", band >= 0 && m.frequencyHz <= VARIANTS[chip][0]);
  check("frequency-port", ((read(REGISTER.opMode) & 8) !== 0) === (band !== HIGH_BAND));
  check("bandwidth-in-band", band > 0 || m.bandwidthHz <= 125_000);
  const slow = ((1 << m.spreadingFactor) * 1e6) / m.bandwidthHz > 16_000;
  check("low-data-rate", slow === ((read(REGISTER.modemConfig3) & 8) !== 0));
  check("spreading-factor-6", !sixth || m.implicitLength !== undefined);
  check("detection-optimize", (read(REGISTER.detectOptimize) & 7) === (sixth ? 5 : 3));
  check("detection-threshold", read(REGISTER.detectionThreshold) === (sixth ? 0x0c : 0x0a));
  check("invert-iq", read(REGISTER.invertIq2) === (m.invertIq ? 0x19 : 0x1d));
  if (mode === "transmit") {
    const overCurrent = read(REGISTER.overCurrent);
    // 5.4.3: 120 mA at 20 dBm, of which the limit must not cut off any; 5.4.4: -30 + 10 * OcpTrim above 15.
    const highPower = read(REGISTER.paDac) === 0x87;
    check("over-current", !highPower || (overCurrent & 0x20) === 0 || (overCurrent & 0x1f) >= 0x10);
    check("power-amplifier", !highPower || (read(REGISTER.paConfig) & 0x80) !== 0);
    check("payload-length", read(REGISTER.payloadLength) > 0 || m.implicitLength === undefined);
  } else {
    const wide = m.bandwidthHz === 500_000;
    const automatic = (read(REGISTER.detectOptimize) & 0x80) !== 0;
    check("erratum 2.1", read(REGISTER.highBwOptimize1) === (wide ? 0x02 : 0x03));
    check("erratum 2.1", !wide || read(REGISTER.highBwOptimize2) === (band === HIGH_BAND ? 0x64 : 0x7f));
    check("erratum 2.3", automatic === wide);
    check("erratum 2.3", wide || (read(REGISTER.ifFrequency1) === 0x40 && read(REGISTER.ifFrequency2) === 0));
    check("symbol-timeout", mode !== "receive" || symbolTimeout(registers) >= 4);
  }
  return rules;
}

/** 2.5.1 and 5.4.3: the transmitter's current at 7, 13, 17 and 20 dBm. */
const TRANSMIT_MA: readonly (readonly [number, number])[] = Object.freeze([
  [7, 20],
  [13, 29],
  [17, 87],
  [20, 120],
]);

/** 2.5.1: receiving in the high band with LnaBoost, standby, sleep. */
export const CURRENTS_MA = Object.freeze({ radioReceive: 11.5, radioStandby: 1.6, radioSleep: 0.0002 });

export function transmitMa(dbm: number): number {
  for (const [upToDbm, ma] of TRANSMIT_MA) if (dbm <= upToDbm) return ma;
  return TRANSMIT_MA[TRANSMIT_MA.length - 1][1];
}
