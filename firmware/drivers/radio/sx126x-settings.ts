/**
 * What the SX126x shall be set to, what it is known to be set to already, and the command bytes that follow from the two. The driver decides
 * when; this decides what. Sections of the data sheet (DS.SX1261-2.W.APP revision 2.1) stand at the templates.
 */
import type { LoraModulation } from "../../ports/radio.ts";
import { needsLowDataRate } from "./lora-timing.ts";
import * as C from "./sx126x-commands.ts";
import * as E from "./sx126x-encoding.ts";
import type { Sx126xOptions } from "./sx126x-options.ts";
import { type Amplifier, amplifierFor, canDo, SX126X_VARIANTS, type Sx126xVariant } from "./sx126x-variants.ts";

const DEFAULT_TCXO_START_US = 5_000;
const PUBLIC_SYNC_WORD = 0x34;

export class Sx126xSettings {
  /** The operation asked for. */
  powerDbm = 0;
  payloadLength = 0;
  symbolTimeout = 0;
  readonly modulation: LoraModulation = {
    frequencyHz: 0,
    spreadingFactor: 7,
    bandwidthHz: 125_000,
    codingRate: 1,
    preambleSymbols: 8,
    syncWord: PUBLIC_SYNC_WORD,
    invertIq: false,
    crcOn: true,
    implicitLength: undefined,
  };
  amplifier: Amplifier;
  /** Where the last frame received lies in the chip's buffer. */
  rxOffset = 0;
  /** Registers as they were after reset, of which a workaround changes some bits. */
  txClamp = 0;
  txModulation = 0;
  iqPolarity = 0;
  eventMask = 0;
  /** What the chip holds now; -1 after a reset. */
  chipSyncWord = -1;
  chipBand = -1;
  chipAmplifier: Amplifier | undefined;

  readonly variant: Sx126xVariant;
  readonly tcxoByte: number;
  readonly tcxoSteps: number;
  readonly dio2AsRfSwitch: boolean;

  constructor(options: Sx126xOptions) {
    const volts = options.tcxoVoltage;
    this.tcxoByte = volts === undefined ? -1 : C.TCXO_VOLTS.indexOf(volts);
    if (volts !== undefined && this.tcxoByte < 0) throw new RangeError("tcxoVoltage");
    this.tcxoSteps = Math.ceil((options.tcxoStartUs ?? DEFAULT_TCXO_START_US) / E.TIMER_STEP_US);
    this.dio2AsRfSwitch = options.dio2AsRfSwitch ?? false;
    this.modulation.frequencyHz = options.frequencyHz;
    this.variant = SX126X_VARIANTS[options.chip ?? "sx1262"];
    this.amplifier = this.variant.amplifiers[0];
  }

  supports(modulation: LoraModulation): boolean {
    return canDo(this.variant, modulation);
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

  /** In dBm at the frequency set; the nearest below that the amplifier can, or its lowest. */
  setPower(powerDbm: number): void {
    this.amplifier = amplifierFor(this.variant, powerDbm, this.modulation.frequencyHz);
    this.powerDbm = Math.max(this.variant.lowestDbm, Math.min(this.amplifier.upToDbm, Math.floor(powerDbm)));
  }

  /** The chip was reset and knows nothing any more. */
  forget(): void {
    this.chipSyncWord = -1;
    this.chipBand = -1;
    this.chipAmplifier = undefined;
  }

  /** False for a command that this board does not need, or whose effect the chip has already. */
  isNeeded(command: C.Command): boolean {
    switch (command) {
      case C.SET_DIO3_TCXO:
        return this.tcxoByte >= 0;
      case C.SET_DIO2_RF_SWITCH:
        return this.dio2AsRfSwitch;
      case C.SET_PA_CONFIG:
      case C.WRITE_OVER_CURRENT:
        return this.amplifier !== this.chipAmplifier;
      case C.READ_TX_CLAMP:
      case C.WRITE_TX_CLAMP:
        return this.variant.deviceSel === 0;
      case C.STOP_TIMER:
      case C.READ_EVENT_MASK:
      case C.WRITE_EVENT_MASK:
        return this.modulation.implicitLength !== undefined;
      case C.WRITE_SYNC_WORD:
        return this.modulation.syncWord !== this.chipSyncWord;
      case C.SET_STANDBY_TO_CALIBRATE:
      case C.CALIBRATE_IMAGE: {
        const band = E.imageBand(this.modulation.frequencyHz);
        return band >= 0 && band !== this.chipBand;
      }
      default:
        return true;
    }
  }

  /** Keeps what a command brought back that a later one needs. */
  takeIn(command: C.Command, bytes: Uint8Array): void {
    if (command === C.READ_TX_CLAMP) this.txClamp = bytes[4];
    else if (command === C.READ_TX_MODULATION) this.txModulation = bytes[4];
    else if (command === C.READ_IQ_POLARITY) this.iqPolarity = bytes[4];
    else if (command === C.READ_EVENT_MASK) this.eventMask = bytes[4];
    else if (command === C.GET_RX_BUFFER_STATUS) this.rxOffset = bytes[3];
  }

  /** Fills in what the template leaves open. */
  fillIn(command: C.Command, bytes: Uint8Array): void {
    const modulation = this.modulation;
    switch (command) {
      case C.SET_RF_FREQUENCY:
        put32(bytes, 1, E.frequencySteps(modulation.frequencyHz));
        break;
      case C.CALIBRATE_IMAGE:
        this.chipBand = E.imageBand(modulation.frequencyHz);
        bytes[1] = C.IMAGE_BANDS[this.chipBand][2];
        bytes[2] = C.IMAGE_BANDS[this.chipBand][3];
        break;
      case C.SET_PA_CONFIG:
        bytes[1] = this.amplifier.dutyCycle;
        bytes[2] = this.amplifier.hpMax;
        bytes[3] = this.variant.deviceSel;
        break;
      case C.WRITE_OVER_CURRENT:
        this.chipAmplifier = this.amplifier;
        bytes[3] = this.variant.overCurrent;
        break;
      case C.SET_TX_PARAMS:
        bytes[1] = Math.max(this.powerDbm + this.amplifier.offsetDb, this.variant.lowestSetting);
        break;
      case C.SET_MODULATION_PARAMS:
        bytes[1] = modulation.spreadingFactor;
        bytes[2] = E.bandwidthByte(modulation.bandwidthHz);
        bytes[3] = modulation.codingRate;
        bytes[4] = needsLowDataRate(modulation) ? 1 : 0;
        break;
      case C.WRITE_TX_MODULATION:
        bytes[3] = modulation.bandwidthHz === 500_000 ? this.txModulation & ~4 : this.txModulation | 4;
        break;
      case C.SET_PACKET_PARAMS:
        bytes[1] = modulation.preambleSymbols >> 8;
        bytes[2] = modulation.preambleSymbols;
        bytes[3] = modulation.implicitLength === undefined ? 0 : 1;
        bytes[4] = this.payloadLength;
        bytes[5] = modulation.crcOn ? 1 : 0;
        bytes[6] = modulation.invertIq ? 1 : 0;
        break;
      case C.WRITE_IQ_POLARITY:
        bytes[3] = modulation.invertIq ? this.iqPolarity & ~4 : this.iqPolarity | 4;
        break;
      case C.WRITE_SYNC_WORD:
        this.chipSyncWord = modulation.syncWord;
        bytes[3] = (modulation.syncWord & 0xf0) | 0x04;
        bytes[4] = ((modulation.syncWord & 0x0f) << 4) | 0x04;
        break;
      case C.SET_SYMBOL_TIMEOUT:
        bytes[1] = E.symbolTimeoutSymbols(E.symbolTimeoutRegister(this.symbolTimeout));
        break;
      case C.WRITE_SYMBOL_TIMEOUT:
        bytes[3] = E.symbolTimeoutRegister(this.symbolTimeout);
        break;
      case C.SET_CAD_PARAMS: {
        const [symbols, peak, least] = E.detectionSettings(modulation.spreadingFactor);
        bytes[1] = symbols;
        bytes[2] = peak;
        bytes[3] = least;
        break;
      }
      case C.WRITE_EVENT_MASK:
        bytes[3] = this.eventMask | 2;
        break;
      case C.SET_RX:
        put24(bytes, 1, E.receiveGuardSteps(modulation, this.symbolTimeout));
        break;
      case C.SET_DIO3_TCXO:
        bytes[1] = this.tcxoByte;
        put24(bytes, 2, this.tcxoSteps);
        break;
      case C.WRITE_TX_CLAMP:
        bytes[3] = this.txClamp | 0x1e;
        break;
      case C.READ_BUFFER:
        bytes[1] = this.rxOffset;
        break;
    }
  }
}

function put24(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 16;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value;
}

function put32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  put24(bytes, offset + 1, value);
}
