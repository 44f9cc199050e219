/**
 * What the SX127x shall be set to: the value of every register that the driver writes, from the operation asked for; and what the chip is known
 * to hold. Sections of the data sheet (DS_SX1276-7-8-9_W_APP revision 7) and of the errata note 1.1.
 */
import type { LoraModulation } from "../../ports/radio.ts";
import { needsLowDataRate } from "./lora-timing.ts";
import type { Sx127xOptions } from "./sx127x-options.ts";
import * as R from "./sx127x-registers.ts";
import { bandOf, canDo, HIGH_BAND, type Sx127xName } from "./sx127x-variants.ts";

export const NO_OPERATION = 0;
export const TRANSMIT = 1;
export const RECEIVE = 2;
export const DETECT = 3;

/** 6.4: RegSymbTimeout has 10 bits, and fewer than 4 symbols find nothing. */
const MIN_SYMBOL_TIMEOUT = 4;
const MAX_SYMBOL_TIMEOUT = 1023;
/** 5.4.2: RFO in dBm. The data sheet promises 14; what the formula gives below 0 is at MaxPower 0. */
const RFO_DBM = Object.freeze({ lowest: -4, highest: 14 });
/** 5.4.2, 5.4.3: PA_BOOST in dBm; above 17 with the other setting of RegPaDac. */
const BOOST_DBM = Object.freeze({ lowest: 2, ordinary: 17, highest: 20 });
const REGISTERS = 0x50;
const UNKNOWN = -1;

export class Sx127xSettings {
  operation = NO_OPERATION;
  powerDbm = 0;
  payloadLength = 0;
  symbolTimeout = 0;
  /** Where the FIFO is written or read next. */
  fifoPointer = 0;
  /** The band the chip was calibrated for last; -1 after a reset. */
  chipBand = UNKNOWN;
  readonly modulation: LoraModulation = {
    frequencyHz: 0,
    spreadingFactor: 7,
    bandwidthHz: 125_000,
    codingRate: 1,
    preambleSymbols: 8,
    syncWord: 0x34,
    invertIq: false,
    crcOn: true,
    implicitLength: undefined,
  };
  readonly name: Sx127xName;
  readonly paBoost: boolean;
  readonly tcxo: boolean;
  /** What the chip's registers hold, as far as they were written. */
  #held = new Int16Array(REGISTERS);

  constructor(options: Sx127xOptions) {
    this.name = options.chip ?? "sx1276";
    this.paBoost = options.paBoost ?? true;
    this.tcxo = options.tcxo ?? false;
    this.modulation.frequencyHz = options.frequencyHz;
    this.forget();
  }

  supports(modulation: LoraModulation): boolean {
    return canDo(this.name, modulation);
  }

  setModulation(modulation: LoraModulation): void {
    if (!this.supports(modulation)) throw new RangeError("radio: modulation");
    const own = this.modulation;
    own.frequencyHz = modulation.frequencyHz;
    own.spreadingFactor = modulation.spreadingFactor;
    own.bandwidthHz = modulation.bandwidthHz;
    own.codingRate = modulation.codingRate;
    own.preambleSymbols = modulation.preambleSymbols;
    own.syncWord = modulation.syncWord;
    own.invertIq = modulation.invertIq;
    own.crcOn = modulation.crcOn;
    own.implicitLength = modulation.implicitLength;
  }

  /** In dBm; the nearest below that the amplifier can, or its lowest. */
  setPower(powerDbm: number): void {
    const { lowest, highest } = this.paBoost ? BOOST_DBM : RFO_DBM;
    this.powerDbm = Math.max(lowest, Math.min(highest, Math.floor(powerDbm)));
  }

  /** 0 is without end. */
  setSymbolTimeout(symbols: number): void {
    this.symbolTimeout = symbols === 0 ? 0 : Math.max(MIN_SYMBOL_TIMEOUT, Math.min(MAX_SYMBOL_TIMEOUT, symbols));
  }

  /** The chip was reset and knows nothing any more. */
  forget(): void {
    this.chipBand = UNKNOWN;
    this.#held.fill(UNKNOWN);
  }

  /** It listens until a frame comes. */
  get isEndless(): boolean {
    return this.operation === RECEIVE && this.symbolTimeout === 0;
  }

  get band(): number {
    return bandOf(this.modulation.frequencyHz);
  }

  /** False for a transfer that this board does not need, or that would change nothing. */
  isNeeded(transfer: R.Transfer): boolean {
    if (transfer === R.WRITE_TCXO) return this.tcxo;
    if (!R.KEPT.includes(transfer)) return true;
    const address = transfer[0] & 0x7f;
    for (let i = 1; i < transfer.length; i++)
      if (this.#held[address + i - 1] !== this.valueOf(address + i - 1)) return true;
    return false;
  }

  /** Fills in what the template leaves open. */
  fillIn(transfer: R.Transfer, bytes: Uint8Array): void {
    const address = transfer[0] & 0x7f;
    if (transfer[0] === 0x81) bytes[1] = this.modeFor(transfer);
    else if (this.isFilledIn(transfer)) {
      for (let i = 1; i < transfer.length; i++) {
        bytes[i] = this.valueOf(address + i - 1);
        this.#held[address + i - 1] = bytes[i];
      }
    }
  }

  private isFilledIn(transfer: R.Transfer): boolean {
    return (
      transfer[0] >= 0x80 &&
      transfer !== R.WRITE_TCXO &&
      transfer !== R.WRITE_NO_POWER &&
      transfer !== R.START_CALIBRATION
    );
  }

  /** RegOpMode for a transfer that sets it. */
  private modeFor(transfer: R.Transfer): number {
    const port = this.band === HIGH_BAND ? 0 : R.LOW_FREQUENCY;
    switch (transfer) {
      case R.SET_FSK_SLEEP:
        return port | R.MODE.sleep;
      case R.SET_FSK_STANDBY:
        return port | R.MODE.standby;
      case R.SET_STANDBY:
        return R.LONG_RANGE | port | R.MODE.standby;
      case R.SET_TRANSMIT:
        return R.LONG_RANGE | port | R.MODE.transmit;
      case R.SET_RECEIVE:
        return R.LONG_RANGE | port | (this.symbolTimeout === 0 ? R.MODE.receiveContinuous : R.MODE.receiveSingle);
      case R.SET_DETECT:
        return R.LONG_RANGE | port | R.MODE.detect;
      default:
        return R.LONG_RANGE | port | R.MODE.sleep;
    }
  }

  /** What RegOpMode must read in LoRa sleep. */
  get asleepMode(): number {
    return this.modeFor(R.SET_SLEEP);
  }

  private valueOf(register: number): number {
    const modulation = this.modulation;
    const sixth = modulation.spreadingFactor === 6;
    const wide = modulation.bandwidthHz === 500_000;
    switch (register) {
      case 0x06:
        return this.steps() >>> 16;
      case 0x07:
        return (this.steps() >>> 8) & 0xff;
      case 0x08:
        return this.steps() & 0xff;
      case 0x09:
        return this.paConfig();
      case 0x0a: // RegPaRamp: 40 us, as after reset.
        return 0x09;
      case 0x0b: // 5.4.4: 100 mA as after reset; 140 mA where the amplifier takes 120 (5.4.3).
        return this.isHighPower() ? 0x31 : 0x2b;
      case 0x0c:
        return this.band === HIGH_BAND ? 0x23 : 0x20;
      case 0x0d:
        return this.fifoPointer;
      case 0x11:
        return this.byOperation(R.TRANSMIT_MASK, R.RECEIVE_MASK, R.DETECT_MASK);
      case 0x12:
        return 0xff;
      case 0x1d:
        return (
          (modulation.bandwidthHz === 125_000 ? 0x70 : wide ? 0x90 : 0x80) |
          (modulation.codingRate << 1) |
          (modulation.implicitLength === undefined ? 0 : 1)
        );
      case 0x1e:
        return (modulation.spreadingFactor << 4) | (modulation.crcOn ? 4 : 0) | (this.symbolTimeout >> 8);
      case 0x1f:
        return this.symbolTimeout & 0xff;
      case 0x20:
        return modulation.preambleSymbols >> 8;
      case 0x21:
        return modulation.preambleSymbols & 0xff;
      case 0x22:
        return this.payloadLength;
      case 0x26: // With automatic gain control.
        return needsLowDataRate(modulation) ? 0x0c : 0x04;
      case 0x2f: // Errata 2.3: the intermediate frequency by hand below 500 kHz.
        return wide ? 0x20 : 0x40;
      case 0x31: // Errata 2.3: bit 7 sets it automatically. Reserved bits as after reset.
        return (wide ? 0xc0 : 0x40) | (sixth ? 0x05 : 0x03);
      case 0x33: // Bit 6: the receiver's I and Q inverted; bit 0: the transmitter's not. Reserved bits as after reset.
        return this.operation === TRANSMIT ? (modulation.invertIq ? 0x26 : 0x27) : modulation.invertIq ? 0x67 : 0x27;
      case 0x36: // Errata 2.1.
        return wide ? 0x02 : 0x03;
      case 0x37:
        return sixth ? 0x0c : 0x0a;
      case 0x39:
        return modulation.syncWord;
      case 0x3a: // Errata 2.1; it matters at 500 kHz only.
        return this.band === HIGH_BAND ? 0x64 : 0x7f;
      case 0x3b:
        return modulation.invertIq ? 0x19 : 0x1d;
      case 0x40:
        return this.byOperation(R.DIO_TRANSMIT, R.DIO_RECEIVE, R.DIO_DETECT);
      case 0x4d: // 5.4.3.
        return this.isHighPower() ? 0x87 : 0x84;
      default: // RegFifoTxBaseAddr, RegFifoRxBaseAddr, RegIfFreq2.
        return 0;
    }
  }

  private byOperation(transmit: number, receive: number, detect: number): number {
    return this.operation === TRANSMIT ? transmit : this.operation === RECEIVE ? receive : detect;
  }

  /** 4.1.4: Frf = frequency * 2^19 / 32 MHz. */
  private steps(): number {
    return Math.floor((this.modulation.frequencyHz * 0x80000) / 32_000_000 + 0.5);
  }

  private isHighPower(): boolean {
    return this.paBoost && this.powerDbm > BOOST_DBM.ordinary;
  }

  /** 5.4.2 RegPaConfig. */
  private paConfig(): number {
    if (this.paBoost) return 0x80 | (this.powerDbm - (this.isHighPower() ? 5 : 2));
    // Pout = 10.8 + 0.6 * MaxPower - (15 - OutputPower): MaxPower 7 gives OutputPower itself, MaxPower 0 0.2 dB below OutputPower - 4.
    return this.powerDbm >= 0 ? 0x70 | this.powerDbm : this.powerDbm + 4;
  }
}
