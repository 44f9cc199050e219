/**
 * What an SX1262 takes: each command's length, the modes in which it may be given, and the values that are not reserved (data sheet
 * DS.SX1261-2.W.APP revision 2.1, chapter 13). Modes are numbered as GetStatus shows them (13.5.1).
 */

export const MODE = Object.freeze({ sleep: 0, standbyRc: 2, standbyXosc: 3, fs: 4, rx: 5, tx: 6 });

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
  readonly valid?: (bytes: Uint8Array) => boolean;
  /** Only after SetPacketType (13.4.2). */
  readonly needsPacketType?: boolean;
}

const RC = 1 << MODE.standbyRc;
const STANDBY = RC | (1 << MODE.standbyXosc);
const IDLE = STANDBY | (1 << MODE.fs);
const AWAKE = IDLE | (1 << MODE.rx) | (1 << MODE.tx);

const LORA_BANDWIDTHS: readonly number[] = Object.freeze([0, 8, 1, 9, 2, 10, 3, 4, 5, 6]);
const FALLBACK_MODES: readonly number[] = Object.freeze([0x20, 0x30, 0x40]);

const isFlag = (bytes: Uint8Array): boolean => bytes[1] <= 1;

/** RfFreq for 150 and 960 MHz, the chip's range. */
const LOWEST_STEPS = 150 * 0x100000;
const HIGHEST_STEPS = 960 * 0x100000;

function frequencyIsValid(bytes: Uint8Array): boolean {
  const steps = bytes[1] * 0x1000000 + ((bytes[2] << 16) | (bytes[3] << 8) | bytes[4]);
  return steps >= LOWEST_STEPS && steps <= HIGHEST_STEPS;
}

function modulationIsValid(bytes: Uint8Array): boolean {
  return (
    bytes[1] >= 5 &&
    bytes[1] <= 12 &&
    LORA_BANDWIDTHS.includes(bytes[2]) &&
    bytes[3] >= 1 &&
    bytes[3] <= 4 &&
    bytes[4] <= 1
  );
}

/** The implicit header (byte 3 = 1) is not modelled. */
function packetIsValid(bytes: Uint8Array): boolean {
  return ((bytes[1] << 8) | bytes[2]) > 0 && bytes[3] === 0 && bytes[5] <= 1 && bytes[6] <= 1;
}

/** 13.1.14 for an SX1262: a duty cycle above 4 harms the amplifier. */
function amplifierIsValid(bytes: Uint8Array): boolean {
  return bytes[1] <= 4 && bytes[2] <= 7 && bytes[3] === 0 && bytes[4] === 1;
}

function powerIsValid(bytes: Uint8Array): boolean {
  const dbm = (bytes[1] << 24) >> 24;
  return dbm >= -9 && dbm <= 22 && bytes[2] <= 7;
}

const RULES: Readonly<Record<number, CommandRule>> = Object.freeze({
  132: { name: "SetSleep", length: 2, modes: STANDBY, valid: (bytes) => (bytes[1] & 0xfa) === 0 },
  128: { name: "SetStandby", length: 2, modes: AWAKE, valid: isFlag },
  193: { name: "SetFs", length: 1, modes: AWAKE },
  131: { name: "SetTx", length: 4, modes: IDLE | (1 << MODE.rx), needsPacketType: true },
  130: { name: "SetRx", length: 4, modes: IDLE, needsPacketType: true },
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
