/**
 * What an SX1262 takes: each command's length, the modes in which it may be given, and the values that are not reserved (data sheet
 * DS.SX1261-2.W.APP revision 2.1, chapter 13), with the variants' own limits. Modes are numbered as GetStatus shows them (13.5.1); detecting channel activity is numbered apart.
 */
import type { Sx126xVariant } from "./sx1262-variants.ts";

export const MODE = Object.freeze({ sleep: 0, standbyRc: 2, standbyXosc: 3, fs: 4, rx: 5, tx: 6, cad: 7 });

/** Command status of GetStatus (13.5.1). */
export const STATUS = Object.freeze({ dataAvailable: 2, processingError: 4, executionFailed: 5, transmitDone: 6 });

/** Device errors (13.6.1). */
export const DEVICE_ERROR = Object.freeze({
  pllCalibration: 0x0004,
  imageCalibration: 0x0010,
  oscillatorStart: 0x0020,
  pllLock: 0x0040,
});

export interface CommandRule {
  readonly name: string;
  /** Bytes with the opcode; with `open` at least so many. */
  readonly length: number;
  readonly open?: boolean;
  /** Bit m: allowed in mode m. */
  readonly modes: number;
  /** The command answers and changes nothing: BUSY stays low (8.3.1). */
  readonly answers?: boolean;
  /** False for a reserved value. */
  readonly valid?: (bytes: Uint8Array, variant: Sx126xVariant) => boolean;
  /** Only after SetPacketType (13.4.2). */
  readonly needsPacketType?: boolean;
}

const RC = 1 << MODE.standbyRc;
const STANDBY = RC | (1 << MODE.standbyXosc);
const IDLE = STANDBY | (1 << MODE.fs);
const AWAKE = IDLE | (1 << MODE.rx) | (1 << MODE.tx) | (1 << MODE.cad);

const LORA_BANDWIDTHS: readonly number[] = Object.freeze([0, 8, 1, 9, 2, 10, 3, 4, 5, 6]);
const FALLBACK_MODES: readonly number[] = Object.freeze([0x20, 0x30, 0x40]);

const isFlag = (bytes: Uint8Array): boolean => bytes[1] <= 1;

/** Steps of RfFreq in a megahertz. */
const STEPS_IN_A_MHZ = 0x100000;

function frequencyIsValid(bytes: Uint8Array, variant: Sx126xVariant): boolean {
  const steps = bytes[1] * 0x1000000 + ((bytes[2] << 16) | (bytes[3] << 8) | bytes[4]);
  const mhz = steps / STEPS_IN_A_MHZ;
  return mhz >= variant.lowestHz / 1e6 && mhz <= variant.highestHz / 1e6;
}

function modulationIsValid(bytes: Uint8Array, variant: Sx126xVariant): boolean {
  const highest = bytes[2] < 4 || bytes[2] > 6 ? 12 : variant.highestFactor[bytes[2] - 4];
  return (
    bytes[1] >= 5 &&
    bytes[1] <= highest &&
    LORA_BANDWIDTHS.includes(bytes[2]) &&
    bytes[3] >= 1 &&
    bytes[3] <= 4 &&
    bytes[4] <= 1
  );
}

/** An implicit header needs the length. */
function packetIsValid(bytes: Uint8Array): boolean {
  const hasLength = bytes[3] === 0 || bytes[4] > 0;
  return ((bytes[1] << 8) | bytes[2]) > 0 && bytes[3] <= 1 && hasLength && bytes[5] <= 1 && bytes[6] <= 1;
}

/** 13.1.14: a duty cycle above 4 (SX1261: 7) harms the amplifier; the low-power one has no hpMax. */
function amplifierIsValid(bytes: Uint8Array, { lowPower }: Sx126xVariant): boolean {
  if (bytes[4] !== 1) return false;
  return lowPower
    ? bytes[1] <= 7 && bytes[2] === 0 && bytes[3] === 1
    : bytes[1] <= 4 && bytes[2] <= 7 && bytes[3] === 0;
}

function powerIsValid(bytes: Uint8Array, variant: Sx126xVariant): boolean {
  const dbm = (bytes[1] << 24) >> 24;
  return dbm >= variant.lowestDbm && dbm <= variant.highestDbm && bytes[2] <= 7;
}

/** 13.4.7: 1 to 16 symbols, then to standby; going on to receive (exit mode 1) is not modelled. */
function detectionIsValid(bytes: Uint8Array): boolean {
  return bytes[1] <= 4 && bytes[4] === 0;
}

const RULES: Readonly<Record<number, CommandRule>> = Object.freeze({
  132: { name: "SetSleep", length: 2, modes: STANDBY, valid: (bytes) => (bytes[1] & 0xfa) === 0 },
  128: { name: "SetStandby", length: 2, modes: AWAKE, valid: isFlag },
  193: { name: "SetFs", length: 1, modes: AWAKE },
  131: { name: "SetTx", length: 4, modes: IDLE | (1 << MODE.rx), needsPacketType: true },
  130: { name: "SetRx", length: 4, modes: IDLE, needsPacketType: true },
  197: { name: "SetCad", length: 1, modes: IDLE, needsPacketType: true },
  159: { name: "StopTimerOnPreamble", length: 2, modes: AWAKE, valid: isFlag },
  150: { name: "SetRegulatorMode", length: 2, modes: RC, valid: isFlag },
  137: { name: "Calibrate", length: 2, modes: RC, valid: (bytes) => bytes[1] < 0x80 },
  152: { name: "CalibrateImage", length: 3, modes: RC, valid: (bytes) => bytes[1] > 0 && bytes[1] <= bytes[2] },
  149: { name: "SetPaConfig", length: 5, modes: IDLE, valid: amplifierIsValid },
  147: { name: "SetRxTxFallbackMode", length: 2, modes: IDLE, valid: (bytes) => FALLBACK_MODES.includes(bytes[1]) },
  13: { name: "WriteRegister", length: 4, open: true, modes: AWAKE },
  29: { name: "ReadRegister", length: 5, open: true, modes: AWAKE, answers: true },
  14: { name: "WriteBuffer", length: 2, open: true, modes: AWAKE },
  30: { name: "ReadBuffer", length: 3, open: true, modes: AWAKE, answers: true },
  8: { name: "SetDioIrqParams", length: 9, modes: AWAKE },
  18: { name: "GetIrqStatus", length: 4, modes: AWAKE, answers: true },
  2: { name: "ClearIrqStatus", length: 3, modes: AWAKE },
  157: { name: "SetDIO2AsRfSwitchCtrl", length: 2, modes: IDLE, valid: isFlag },
  151: { name: "SetDIO3AsTCXOCtrl", length: 5, modes: RC, valid: (bytes) => bytes[1] <= 7 },
  134: { name: "SetRfFrequency", length: 5, modes: IDLE, valid: frequencyIsValid },
  138: { name: "SetPacketType", length: 2, modes: IDLE, valid: isFlag },
  17: { name: "GetPacketType", length: 3, modes: AWAKE, answers: true },
  142: { name: "SetTxParams", length: 3, modes: IDLE, valid: powerIsValid, needsPacketType: true },
  139: { name: "SetModulationParams", length: 5, modes: IDLE, valid: modulationIsValid, needsPacketType: true },
  140: { name: "SetPacketParams", length: 7, modes: IDLE, valid: packetIsValid, needsPacketType: true },
  136: { name: "SetCadParams", length: 8, modes: IDLE, valid: detectionIsValid, needsPacketType: true },
  143: { name: "SetBufferBaseAddress", length: 3, modes: IDLE },
  160: { name: "SetLoRaSymbNumTimeout", length: 2, modes: IDLE, needsPacketType: true },
  192: { name: "GetStatus", length: 2, modes: AWAKE, answers: true },
  19: { name: "GetRxBufferStatus", length: 4, modes: AWAKE, answers: true },
  20: { name: "GetPacketStatus", length: 5, modes: AWAKE, answers: true },
  23: { name: "GetDeviceErrors", length: 4, modes: AWAKE, answers: true },
  7: { name: "ClearDeviceErrors", length: 3, modes: AWAKE },
});

/** The rule for an opcode; undefined for one that the chip, or this model of it, does not have. */
export function commandRule(opcode: number): CommandRule | undefined {
  return RULES[opcode];
}

/** Table 8-2: microseconds from the end of the command to BUSY's falling edge. */
export const SWITCH_US = Object.freeze({
  coldStart: 3_500,
  warmStart: 340,
  rcToXosc: 31,
  rcToFs: 50,
  rcToRx: 83,
  rcToTx: 126,
  xoscToFs: 40,
  xoscToRx: 62,
  xoscToTx: 105,
  fsToRx: 41,
  fsToTx: 76,
  rxToTx: 92,
  /** 9.2: all blocks; the image alone is not stated and taken as long. */
  calibration: 3_500,
  /** 13.1.1: after SetSleep the chip is deaf. */
  sleepDeaf: 500,
});

/** From this mode to the first symbol sent; the oscillator's own start comes on top. */
export function transmitSwitchUs(mode: number): number {
  if (mode === MODE.standbyRc) return SWITCH_US.rcToTx;
  if (mode === MODE.standbyXosc) return SWITCH_US.xoscToTx;
  return mode === MODE.fs ? SWITCH_US.fsToTx : SWITCH_US.rxToTx;
}

/** From this mode to the first symbol listened to. */
export function receiveSwitchUs(mode: number): number {
  if (mode === MODE.standbyRc) return SWITCH_US.rcToRx;
  return mode === MODE.standbyXosc ? SWITCH_US.xoscToRx : SWITCH_US.fsToRx;
}
