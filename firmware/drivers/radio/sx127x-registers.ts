/**
 * The SX1276/77/78/79's registers and bits in LoRa mode, and the transfers that the driver makes as byte templates: address (bit 7 set: write),
 * then as many bytes as registers in a row (4.3). Sections of Semtech's data sheet DS_SX1276-7-8-9_W_APP (revision 7); "errata" is
 * SX1276_77_78-ErrataNote 1.1. What is 0 here the driver fills in.
 */

/** 6.4, register RegOpMode (0x01). Long range mode can be switched in sleep only. */
export const MODE = Object.freeze({
  sleep: 0,
  standby: 1,
  transmit: 3,
  receiveContinuous: 5,
  receiveSingle: 6,
  detect: 7,
});
export const LONG_RANGE = 0x80;
/** The registers behind the low-frequency port. */
export const LOW_FREQUENCY = 0x08;

/** 6.4, register RegIrqFlags (0x12); in RegIrqFlagsMask (0x11) a set bit keeps a flag from coming up. */
export const IRQ = Object.freeze({
  receiveTimeout: 0x80,
  receiveDone: 0x40,
  payloadCrcError: 0x20,
  validHeader: 0x10,
  transmitDone: 0x08,
  detectionDone: 0x04,
  activity: 0x01,
});
export const TRANSMIT_MASK = 0xff & ~IRQ.transmitDone;
export const RECEIVE_MASK = 0xff & ~(IRQ.receiveTimeout | IRQ.receiveDone | IRQ.payloadCrcError | IRQ.validHeader);
export const DETECT_MASK = 0xff & ~(IRQ.detectionDone | IRQ.activity);

/** Table 18, RegDioMapping1 (0x40). DIO0: RxDone, DIO1: RxTimeout. */
export const DIO_RECEIVE = 0x00;
/** DIO0: TxDone. */
export const DIO_TRANSMIT = 0x40;
/** DIO0: CadDone. */
export const DIO_DETECT = 0x80;

/** 6.4, RegHopChannel (0x1C): the synthesizer did not lock. */
export const PLL_TIMEOUT = 0x80;
/** 6.2, RegImageCal (0x3B of the FSK page): the calibration runs. */
export const CALIBRATION_RUNS = 0x20;
/** 6.4, RegVersion (0x42). */
export const VERSION = 0x12;

// Start
/** RegVersion: shows that a chip is there and listens. */
export const READ_VERSION = Object.freeze([0x42, 0]);
/** 6.4 RegTcxo: a clipped sine at XTA instead of a crystal. */
export const WRITE_TCXO = Object.freeze([0xcb, 0x19]);
/** 4.2.3.8: RegPaConfig, nothing at the antenna during the calibration. */
export const WRITE_NO_POWER = Object.freeze([0x89, 0x00]);
/** 4.1.4: RegFrfMsb to RegFrfLsb. */
export const WRITE_FREQUENCY = Object.freeze([0x86, 0, 0, 0]);
/** 4.2.3.8: RegImageCal of the FSK page, ImageCalStart; temperature threshold 10 degrees. */
export const START_CALIBRATION = Object.freeze([0xbb, 0x42]);
/** 4.2.3.8: RegImageCal. */
export const READ_CALIBRATION = Object.freeze([0x3b, 0]);
/** 4.1.2 RegOpMode: LoRa, with the registers of the port. */
export const SET_SLEEP = Object.freeze([0x81, 0]);
/** 4.1.2 RegOpMode: FSK asleep, the only way between the two modems. */
export const SET_FSK_SLEEP = Object.freeze([0x81, 0]);
/** 4.2.4 RegOpMode: FSK standby, for the calibration. */
export const SET_FSK_STANDBY = Object.freeze([0x81, 0x01]);
/** RegOpMode reads back. */
export const READ_MODE = Object.freeze([0x01, 0]);
/** 6.4 RegLna: highest gain, boost of the high-frequency port. */
export const WRITE_LNA = Object.freeze([0x8c, 0]);
/** 4.1.2.3 RegFifoTxBaseAddr, RegFifoRxBaseAddr: sending and receiving share the whole buffer. */
export const WRITE_FIFO_BASES = Object.freeze([0x8e, 0, 0]);

// Operation
/** 4.1.2 RegOpMode: standby. */
export const SET_STANDBY = Object.freeze([0x81, 0]);
/** 4.1.2 RegOpMode: what the operation asks for. */
export const SET_TRANSMIT = Object.freeze([0x81, 0]);
export const SET_RECEIVE = Object.freeze([0x81, 0]);
export const SET_DETECT = Object.freeze([0x81, 0]);
/** 4.1.4, 5.4.2, 5.4.4: RegFrf (3), RegPaConfig, RegPaRamp, RegOcp. */
export const WRITE_FREQUENCY_AND_POWER = Object.freeze([0x86, 0, 0, 0, 0, 0, 0]);
/** 5.4.3 RegPaDac. */
export const WRITE_PA_DAC = Object.freeze([0xcd, 0]);
/** 4.1.1: RegModemConfig1, RegModemConfig2, RegSymbTimeoutLsb, RegPreamble (2), RegPayloadLength. */
export const WRITE_MODEM = Object.freeze([0x9d, 0, 0, 0, 0, 0, 0]);
/** 4.1.1.6 RegModemConfig3: low data rate optimisation, gain control. */
export const WRITE_MODEM_3 = Object.freeze([0xa6, 0]);
/** Errata 2.3: RegIfFreq1, RegIfFreq2 and RegDetectOptimize (4.1.1.2 for its lower bits). */
export const WRITE_IF = Object.freeze([0xaf, 0, 0, 0]);
/** 6.4 RegInvertIQ. */
export const WRITE_INVERT_IQ = Object.freeze([0xb3, 0]);
/** Errata 2.1 RegHighBwOptimize1; 4.1.1.2 RegDetectionThreshold. */
export const WRITE_THRESHOLD = Object.freeze([0xb6, 0, 0]);
/** 6.4 RegSyncWord; errata 2.1 RegHighBwOptimize2; 6.4 RegInvertIQ2. */
export const WRITE_SYNC_WORD = Object.freeze([0xb9, 0, 0, 0]);
/** 4.1.2.4, table 18: RegDioMapping1. */
export const WRITE_DIO_MAPPING = Object.freeze([0xc0, 0]);
/** 4.1.2.4: RegIrqFlagsMask, and RegIrqFlags cleared. */
export const WRITE_IRQ_MASK = Object.freeze([0x91, 0, 0xff]);
/** 4.1.2.3 RegFifoAddrPtr. */
export const WRITE_FIFO_POINTER = Object.freeze([0x8d, 0]);
/** 4.1.2.3 RegFifo: the payload follows. */
export const WRITE_FIFO = Object.freeze([0x80]);
/** 4.1.2.3 RegFifo: the payload comes. */
export const READ_FIFO = Object.freeze([0x00]);
/** 4.1.2.4 RegIrqFlags: all cleared. */
export const CLEAR_IRQ = Object.freeze([0x92, 0xff]);
/** 6.4: RegFifoRxCurrentAddr (0x10) to RegHopChannel (0x1C), all that tells of an operation, in one transfer. */
export const READ_STATUS = Object.freeze([0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** Places in the answer to READ_STATUS. */
export const STATUS_AT = Object.freeze({ fifoAddress: 1, irqFlags: 3, length: 4, snr: 10, rssi: 11, hopChannel: 13 });

/** A byte template of the list above. */
export type Transfer = readonly number[];

/** These hold from operation to operation, in sleep too (4.1.2): written only where one of them changes. */
export const KEPT: readonly Transfer[] = Object.freeze([
  WRITE_PA_DAC,
  WRITE_MODEM_3,
  WRITE_IF,
  WRITE_INVERT_IQ,
  WRITE_THRESHOLD,
  WRITE_SYNC_WORD,
  WRITE_DIO_MAPPING,
  WRITE_LNA,
]);

/** After reset the chip is in FSK standby: the image calibration is possible there only. */
export const CALIBRATE_PROGRAM: readonly Transfer[] = Object.freeze([
  READ_VERSION,
  WRITE_TCXO,
  WRITE_NO_POWER,
  WRITE_FREQUENCY,
  START_CALIBRATION,
]);
/** From LoRa to FSK standby, for another band. */
export const LEAVE_PROGRAM: readonly Transfer[] = Object.freeze([SET_SLEEP, SET_FSK_SLEEP, SET_FSK_STANDBY]);
export const CALIBRATED_PROGRAM: readonly Transfer[] = Object.freeze([READ_CALIBRATION]);
/** To LoRa; it stays asleep. */
export const ENTER_PROGRAM: readonly Transfer[] = Object.freeze([
  SET_FSK_SLEEP,
  SET_SLEEP,
  READ_MODE,
  WRITE_LNA,
  WRITE_FIFO_BASES,
]);

export const STANDBY_PROGRAM: readonly Transfer[] = Object.freeze([SET_STANDBY]);
/** 4.1.6, data transmission; the buffer can be filled in standby only. */
export const TRANSMIT_PROGRAM: readonly Transfer[] = Object.freeze([
  WRITE_FREQUENCY_AND_POWER,
  WRITE_PA_DAC,
  WRITE_MODEM,
  WRITE_MODEM_3,
  WRITE_IF,
  WRITE_INVERT_IQ,
  WRITE_THRESHOLD,
  WRITE_SYNC_WORD,
  WRITE_DIO_MAPPING,
  WRITE_IRQ_MASK,
  WRITE_FIFO_POINTER,
  WRITE_FIFO,
  SET_TRANSMIT,
]);
/** 4.1.6, data reception in single mode; in sleep as in standby. */
export const RECEIVE_PROGRAM: readonly Transfer[] = Object.freeze([
  WRITE_FREQUENCY,
  WRITE_MODEM,
  WRITE_MODEM_3,
  WRITE_IF,
  WRITE_INVERT_IQ,
  WRITE_THRESHOLD,
  WRITE_SYNC_WORD,
  WRITE_DIO_MAPPING,
  WRITE_IRQ_MASK,
  SET_RECEIVE,
]);
/** 4.1.6, channel activity detection. */
export const DETECT_PROGRAM: readonly Transfer[] = Object.freeze([
  WRITE_FREQUENCY,
  WRITE_MODEM,
  WRITE_MODEM_3,
  WRITE_IF,
  WRITE_INVERT_IQ,
  WRITE_THRESHOLD,
  WRITE_SYNC_WORD,
  WRITE_DIO_MAPPING,
  WRITE_IRQ_MASK,
  SET_DETECT,
]);

export const STATUS_PROGRAM: readonly Transfer[] = Object.freeze([READ_STATUS]);
export const ACKNOWLEDGE_PROGRAM: readonly Transfer[] = Object.freeze([CLEAR_IRQ]);
export const FETCH_PROGRAM: readonly Transfer[] = Object.freeze([CLEAR_IRQ, WRITE_FIFO_POINTER, READ_FIFO]);
/** The receiver would go on; SET_STANDBY ends what came in. */
export const STOP_PROGRAM: readonly Transfer[] = Object.freeze([SET_STANDBY, CLEAR_IRQ]);
export const SLEEP_PROGRAM: readonly Transfer[] = Object.freeze([SET_SLEEP]);
export const ABORT_AND_SLEEP_PROGRAM: readonly Transfer[] = Object.freeze([SET_SLEEP, CLEAR_IRQ]);
