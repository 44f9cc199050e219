/** What an SX126x's modem is set to, by the commands that only set (data sheet DS.SX1261-2.W.APP revision 2.1, 13.1 and 13.4). */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { amplifierOffsetDb, type Sx126xVariant } from "./sx1262-variants.ts";

export class Sx1262Settings {
  frequencyHz = 0;
  spreadingFactor = 7;
  bandwidthHz: LoraModulation["bandwidthHz"] = 125_000;
  codingRate = 1;
  lowDataRate = 0;
  preambleSymbols = 12;
  implicitHeader = false;
  payloadLength = 0;
  crcOn = false;
  invertIq = false;
  txBase = 0;
  rxBase = 0;
  symbolTimeout = 0;
  stopOnPreamble = false;
  /** 13.4.7; 0 is not set. */
  cadSymbols = 0;
  dutyCycle = 0;
  #variant: Sx126xVariant;
  #powerSetting = 0;
  #hpMax = 0;

  constructor(variant: Sx126xVariant) {
    this.#variant = variant;
  }

  /** Output power in dBm, after SetPaConfig and SetTxParams. */
  get powerDbm(): number {
    return this.#powerSetting + amplifierOffsetDb(this.#variant, this.dutyCycle, this.#hpMax);
  }

  modulation(syncWord: number): LoraModulation {
    return {
      frequencyHz: this.frequencyHz,
      spreadingFactor: this.spreadingFactor,
      bandwidthHz: this.bandwidthHz,
      codingRate: this.codingRate,
      preambleSymbols: this.preambleSymbols,
      syncWord,
      invertIq: this.invertIq,
      crcOn: this.crcOn,
      implicitLength: this.implicitHeader ? this.payloadLength : undefined,
    };
  }

  /** Takes up a command of valid values; does nothing with one that sets something else. */
  apply(bytes: Uint8Array): void {
    switch (bytes[0]) {
      case 0x9f:
        this.stopOnPreamble = bytes[1] === 1;
        break;
      case 0x95:
        this.dutyCycle = bytes[1];
        this.#hpMax = bytes[2];
        break;
      case 0x8e:
        this.#powerSetting = (bytes[1] << 24) >> 24;
        break;
      case 0x86: {
        const steps = bytes[1] * 0x1000000 + ((bytes[2] << 16) | (bytes[3] << 8) | bytes[4]);
        this.frequencyHz = Math.floor((steps * 32e6) / 0x2000000 + 0.5);
        break;
      }
      case 0x8b:
        this.spreadingFactor = bytes[1];
        // Codes 4, 5 and 6 of 13.4.5.2; the narrow bandwidths are not used in LoRaWAN and not modelled.
        this.bandwidthHz = bytes[2] === 6 ? 500_000 : bytes[2] === 5 ? 250_000 : 125_000;
        this.codingRate = bytes[3];
        this.lowDataRate = bytes[4];
        break;
      case 0x8c:
        this.preambleSymbols = (bytes[1] << 8) | bytes[2];
        this.implicitHeader = bytes[3] === 1;
        this.payloadLength = bytes[4];
        this.crcOn = bytes[5] === 1;
        this.invertIq = bytes[6] === 1;
        break;
      case 0x88:
        this.cadSymbols = 1 << bytes[1];
        break;
      case 0x8f:
        this.txBase = bytes[1];
        this.rxBase = bytes[2];
        break;
      case 0xa0:
        this.symbolTimeout = bytes[1];
        break;
    }
  }
}
