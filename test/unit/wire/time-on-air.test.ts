import { equal, ok } from "node:assert/strict";
import { type AirModulation, lowDataRateOptimise, symbolUs, timeOnAirUs } from "../../../firmware/wire/time-on-air.ts";
import { counts } from "../../counts.ts";

/**
 * The formula as AN1200.13 prints it, in floating point, for spreading factors 7 to 12; with the two differences of the SX1261/2 data sheet (6.1.4)
 * for 5 and 6: 8 bits fewer, 2 symbols of sync word more.
 */
function an1200Us(m: AirModulation, length: number, implicit: boolean): number {
  const ts = 2 ** m.spreadingFactor / m.bandwidthHz;
  const de = ts >= 0.016 ? 1 : 0;
  const fast = m.spreadingFactor < 7;
  const quotient =
    (8 * length - 4 * m.spreadingFactor + (fast ? 20 : 28) + (m.crcOn ? 16 : 0) - (implicit ? 20 : 0)) /
    (4 * (m.spreadingFactor - 2 * de));
  const symbols = 8 + Math.max(Math.ceil(quotient) * (m.codingRate + 4), 0);
  return Math.round(((m.preambleSymbols + (fast ? 6.25 : 4.25)) * ts + symbols * ts) * 1e6);
}

const uplink = (spreadingFactor: number): AirModulation => ({
  spreadingFactor,
  bandwidthHz: 125_000,
  codingRate: 1,
  preambleSymbols: 8,
  crcOn: true,
});

describe("time on air", () => {
  it("AN1200.13: the printed examples at 125 kHz, CR 4/5", () => {
    equal(Math.round(timeOnAirUs(uplink(7), 33) / 1000), 72);
    equal(Math.round(timeOnAirUs(uplink(10), 33) / 1000), 453);
    equal(Math.round(timeOnAirUs(uplink(12), 33) / 1000), 1810);
    equal(Math.round(timeOnAirUs(uplink(12), 64) / 1000), 2793);
  });

  const PREAMBLES = counts(1, 5) === 1 ? [8] : [6, 8, 10, 12, 65_535];

  it("AN1200.13, SX1261/2 data sheet 6.1.4: to the microsecond over SF5 to SF12, bandwidths, coding rates, lengths 0 to 255, both headers, CRC on and off", () => {
    let compared = 0;
    for (let spreadingFactor = 5; spreadingFactor <= 12; spreadingFactor++) {
      for (const bandwidthHz of [125_000, 250_000, 500_000] as const) {
        for (let codingRate = 1; codingRate <= 4; codingRate++) {
          for (const crcOn of [true, false]) {
            for (const preambleSymbols of PREAMBLES) {
              const modulation = { spreadingFactor, bandwidthHz, codingRate, preambleSymbols, crcOn };
              for (let length = 0; length <= 255; length++) {
                const us = timeOnAirUs(modulation, length);
                equal(us, an1200Us(modulation, length, false));
                equal(timeOnAirUs(modulation, length, true), an1200Us(modulation, length, true));
                ok(Number.isInteger(us));
                compared += 2;
              }
            }
          }
        }
      }
    }
    equal(compared, 8 * 3 * 4 * 2 * PREAMBLES.length * 256 * 2);
  });

  it("SX1261/2 data sheet 6.1.4: SF5 and SF6 have 6.25 symbols of sync and no 8 bits more", () => {
    // 10 bytes at SF5, 125 kHz: ceil((80 + 16 - 20 + 20) / 20) * 5 = 25 symbols; 8 + 6.25 + 8 + 25 = 47.25; 256 us each.
    equal(timeOnAirUs(uplink(5), 10), 12_096);
    // SF6: ceil((80 + 16 - 24 + 20) / 24) * 5 = 20; 42.25 symbols of 512 us.
    equal(timeOnAirUs(uplink(6), 10), 21_632);
  });

  it("the low data rate optimisation is for symbols of 16 ms and more", () => {
    equal(symbolUs(11, 125_000), 16_384);
    ok(lowDataRateOptimise(11, 125_000) && lowDataRateOptimise(12, 125_000) && lowDataRateOptimise(12, 250_000));
    ok(!lowDataRateOptimise(10, 125_000) && !lowDataRateOptimise(11, 250_000) && !lowDataRateOptimise(12, 500_000));
  });
});
