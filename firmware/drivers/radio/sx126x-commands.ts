/**
 * The SX1261/62/68's commands as byte templates, its registers and its interrupt bits, with the section of the data sheet (Semtech
 * DS.SX1261-2.W.APP, revision 2.1) that defines each. The driver copies a template and fills in what is zero there.
 */

// Operational modes (13.1)
/** 13.1.1 SetSleep: warm start, so that the configuration is kept; no wake-up by the chip's own clock. */
export const SET_SLEEP = Object.freeze([0x84, 0x04]);
/** 13.1.2 SetStandby: STDBY_RC. */
export const SET_STANDBY = Object.freeze([0x80, 0x00]);
/** 13.1.2 SetStandby: STDBY_XOSC, the oscillator runs. */
export const SET_STANDBY_XOSC = Object.freeze([0x80, 0x01]);
/** 13.1.2 SetStandby: STDBY_RC, in which alone the image can be calibrated. */
export const SET_STANDBY_TO_CALIBRATE = Object.freeze([0x80, 0x00]);
/** 13.1.4 SetTx: 20 s in steps of 15.625 us. Only a stuck chip reaches it: the longest LoRa frame takes 14.4 s. */
export const SET_TX = Object.freeze([0x83, 0x13, 0x88, 0x00]);
/** 13.1.5 SetRx: the timeout is filled in. */
export const SET_RX = Object.freeze([0x82, 0, 0, 0]);
/** 13.1.6 StopTimerOnPreamble: the receive timer stops at a valid header, so that a false preamble cannot hold the receiver. */
export const STOP_TIMER_ON_HEADER = Object.freeze([0x9f, 0x00]);
/** 13.1.11 SetRegulatorMode: DC-DC. */
export const SET_REGULATOR_DCDC = Object.freeze([0x96, 0x01]);
/** 13.1.12 Calibrate: all blocks. */
export const CALIBRATE_ALL = Object.freeze([0x89, 0x7f]);
/** 13.1.13 CalibrateImage: the band is filled in. */
export const CALIBRATE_IMAGE = Object.freeze([0x98, 0, 0]);
/** 13.1.14 SetPaConfig: duty cycle, hpMax and amplifier are filled in (table 13-21). */
export const SET_PA_CONFIG = Object.freeze([0x95, 0, 0, 0, 0x01]);
/** 13.1.15 SetRxTxFallbackMode: STDBY_RC. */
export const SET_FALLBACK_STANDBY = Object.freeze([0x93, 0x20]);

// Registers and buffer (13.2)
/** 13.1.7 SetCad. */
export const SET_CAD = Object.freeze([0xc5]);
/** 13.2.1 WriteRegister 0x08E7 (12.1): over-current limit, which SetPaConfig sets too: written for boards on which it came out lower. */
export const WRITE_OVER_CURRENT = Object.freeze([0x0d, 0x08, 0xe7, 0]);
/** 13.2.1 WriteRegister 0x0920: stops the timer that a frame without a header left running (15.3). */
export const STOP_TIMER = Object.freeze([0x0d, 0x09, 0x20, 0x00]);
/** 13.2.2 ReadRegister 0x0944, for the workaround of 15.3. */
export const READ_EVENT_MASK = Object.freeze([0x1d, 0x09, 0x44, 0, 0]);
/** 13.2.1 WriteRegister 0x0944: clears the event of that timer (15.3). */
export const WRITE_EVENT_MASK = Object.freeze([0x0d, 0x09, 0x44, 0]);
/** 13.2.2 ReadRegister 0x08D8, for the workaround of 15.2. */
export const READ_TX_CLAMP = Object.freeze([0x1d, 0x08, 0xd8, 0, 0]);
/** 13.2.1 WriteRegister 0x08D8: better resistance to antenna mismatch (15.2). */
export const WRITE_TX_CLAMP = Object.freeze([0x0d, 0x08, 0xd8, 0]);
/** 13.2.2 ReadRegister 0x0889, for the workaround of 15.1. */
export const READ_TX_MODULATION = Object.freeze([0x1d, 0x08, 0x89, 0, 0]);
/** 13.2.1 WriteRegister 0x0889: modulation quality at 500 kHz (15.1). */
export const WRITE_TX_MODULATION = Object.freeze([0x0d, 0x08, 0x89, 0]);
/** 13.2.2 ReadRegister 0x0736, for the workaround of 15.4. */
export const READ_IQ_POLARITY = Object.freeze([0x1d, 0x07, 0x36, 0, 0]);
/** 13.2.1 WriteRegister 0x0736: inverted IQ operation (15.4). */
export const WRITE_IQ_POLARITY = Object.freeze([0x0d, 0x07, 0x36, 0]);
/** 13.2.1 WriteRegister 0x08AC: boosted receiver gain (9.6). */
export const WRITE_RX_GAIN_BOOSTED = Object.freeze([0x0d, 0x08, 0xac, 0x96]);
/** 13.2.1 WriteRegister 0x029F: three more registers to keep in a warm sleep: 0x08AC, 0x0889 and 0x0736 (9.6). */
export const WRITE_RETENTION_LIST = Object.freeze([0x0d, 0x02, 0x9f, 3, 0x08, 0xac, 0x08, 0x89, 0x07, 0x36]);
/** 13.2.1 WriteRegister 0x0740 (12.1): LoRa sync word. */
export const WRITE_SYNC_WORD = Object.freeze([0x0d, 0x07, 0x40, 0, 0]);
/** 13.2.2 ReadRegister 0x0740: shows that a chip is there and listens. */
export const READ_SYNC_WORD = Object.freeze([0x1d, 0x07, 0x40, 0, 0, 0]);
/** 13.2.1 WriteRegister 0x0706: the symbol timeout as mantissa and exponent, as Semtech's driver adds to SetLoRaSymbNumTimeout. */
export const WRITE_SYMBOL_TIMEOUT = Object.freeze([0x0d, 0x07, 0x06, 0]);
/** 13.2.3 WriteBuffer: the payload follows. */
export const WRITE_BUFFER = Object.freeze([0x0e, 0x00]);
/** 13.2.4 ReadBuffer: the offset is filled in, the payload comes after the status. */
export const READ_BUFFER = Object.freeze([0x1e, 0x00, 0x00]);

// Interrupts and pins (13.3)
export const IRQ = Object.freeze({
  txDone: 0x0001,
  rxDone: 0x0002,
  preambleDetected: 0x0004,
  syncWordValid: 0x0008,
  headerValid: 0x0010,
  headerError: 0x0020,
  crcError: 0x0040,
  cadDone: 0x0080,
  cadDetected: 0x0100,
  timeout: 0x0200,
});
/** 13.3.1 SetDioIrqParams: TxDone and Timeout, on DIO1. */
export const SET_TX_INTERRUPTS = Object.freeze([0x08, 0x02, 0x01, 0x02, 0x01, 0, 0, 0, 0]);
/** 13.3.1 SetDioIrqParams: RxDone, HeaderErr, CrcErr and Timeout; CrcErr comes with RxDone and needs no pin. */
export const SET_RX_INTERRUPTS = Object.freeze([0x08, 0x02, 0x62, 0x02, 0x22, 0, 0, 0, 0]);
/** 13.3.1 SetDioIrqParams: CadDone and CadDetected, the former on DIO1. */
export const SET_CAD_INTERRUPTS = Object.freeze([0x08, 0x01, 0x80, 0x00, 0x80, 0, 0, 0, 0]);
/** 13.3.3 GetIrqStatus. */
export const GET_IRQ_STATUS = Object.freeze([0x12, 0, 0, 0]);
/** 13.3.4 ClearIrqStatus: all. */
export const CLEAR_IRQ_STATUS = Object.freeze([0x02, 0x43, 0xff]);
/** 13.3.5 SetDIO2AsRfSwitchCtrl: DIO2 is high while sending. */
export const SET_DIO2_RF_SWITCH = Object.freeze([0x9d, 0x01]);
/** 13.3.6 SetDIO3AsTCXOCtrl: voltage and start-up time are filled in. */
export const SET_DIO3_TCXO = Object.freeze([0x97, 0, 0, 0, 0]);

// Modulation and packets (13.4)
/** 13.4.1 SetRfFrequency. */
export const SET_RF_FREQUENCY = Object.freeze([0x86, 0, 0, 0, 0]);
/** 13.4.2 SetPacketType: LoRa. */
export const SET_PACKET_TYPE_LORA = Object.freeze([0x8a, 0x01]);
/** 13.4.4 SetTxParams: the power is filled in; ramp 200 us. */
export const SET_TX_PARAMS = Object.freeze([0x8e, 0, 0x04]);
/** 13.4.5.2 SetModulationParams, LoRa: spreading factor, bandwidth, coding rate, low data rate optimisation. */
export const SET_MODULATION_PARAMS = Object.freeze([0x8b, 0, 0, 0, 0]);
/** 13.4.6.2 SetPacketParams, LoRa: preamble, header mode, length, CRC, IQ. */
export const SET_PACKET_PARAMS = Object.freeze([0x8c, 0, 0, 0x00, 0, 0, 0]);
/** 13.4.7 SetCadParams: symbols and thresholds are filled in; standby afterwards. */
export const SET_CAD_PARAMS = Object.freeze([0x88, 0, 0, 0, 0x00, 0, 0, 0]);
/** 13.4.8 SetBufferBaseAddress: sending and receiving share the whole buffer. */
export const SET_BUFFER_BASE = Object.freeze([0x8f, 0x00, 0x00]);
/** 13.4.9 SetLoRaSymbNumTimeout. */
export const SET_SYMBOL_TIMEOUT = Object.freeze([0xa0, 0]);

// Status (13.5, 13.6)
/** 13.5.1 GetStatus; its falling chip select also ends sleep (9.3). */
export const GET_STATUS = Object.freeze([0xc0, 0]);
/** 13.5.2 GetRxBufferStatus: length and offset come back. */
export const GET_RX_BUFFER_STATUS = Object.freeze([0x13, 0, 0, 0]);
/** 13.5.3 GetPacketStatus: RSSI, SNR and signal RSSI come back. */
export const GET_PACKET_STATUS = Object.freeze([0x14, 0, 0, 0, 0]);
/** 13.6.1 GetDeviceErrors. */
export const GET_DEVICE_ERRORS = Object.freeze([0x17, 0, 0, 0]);
/** 13.6.2 ClearDeviceErrors. */
export const CLEAR_DEVICE_ERRORS = Object.freeze([0x07, 0, 0]);

/** A byte template of the list above. */
export type Command = readonly number[];

/** 9.2.1, table 9-2: image calibration bands as [from MHz, to MHz, first byte, second byte]. */
export const IMAGE_BANDS: readonly (readonly [number, number, number, number])[] = Object.freeze([
  Object.freeze([430, 440, 0x6b, 0x6f] as const),
  Object.freeze([470, 510, 0x75, 0x81] as const),
  Object.freeze([779, 787, 0xc1, 0xc5] as const),
  Object.freeze([863, 870, 0xd7, 0xdb] as const),
  Object.freeze([902, 928, 0xe1, 0xe9] as const),
]);

/** 13.3.6: what DIO3 can supply a TCXO with, in volts; the index is the byte. */
export const TCXO_VOLTS: readonly number[] = Object.freeze([1.6, 1.7, 1.8, 2.2, 2.4, 2.7, 3.0, 3.3]);

/** After power-up: everything that a warm sleep keeps. */
export const INIT_PROGRAM: readonly Command[] = Object.freeze([
  SET_STANDBY,
  SET_REGULATOR_DCDC,
  SET_DIO3_TCXO,
  CLEAR_DEVICE_ERRORS,
  CALIBRATE_ALL,
  CALIBRATE_IMAGE,
  SET_DIO2_RF_SWITCH,
  SET_PACKET_TYPE_LORA,
  READ_TX_CLAMP,
  WRITE_TX_CLAMP,
  READ_TX_MODULATION,
  READ_IQ_POLARITY,
  WRITE_RX_GAIN_BOOSTED,
  WRITE_RETENTION_LIST,
  SET_BUFFER_BASE,
  STOP_TIMER_ON_HEADER,
  SET_FALLBACK_STANDBY,
  WRITE_SYNC_WORD,
  READ_SYNC_WORD,
  GET_DEVICE_ERRORS,
]);

/** 14.2, in the order it gives. */
export const TRANSMIT_PROGRAM: readonly Command[] = Object.freeze([
  SET_RF_FREQUENCY,
  SET_STANDBY_TO_CALIBRATE,
  CALIBRATE_IMAGE,
  SET_PA_CONFIG,
  WRITE_OVER_CURRENT,
  SET_TX_PARAMS,
  WRITE_BUFFER,
  SET_MODULATION_PARAMS,
  WRITE_TX_MODULATION,
  SET_PACKET_PARAMS,
  WRITE_IQ_POLARITY,
  SET_TX_INTERRUPTS,
  WRITE_SYNC_WORD,
  SET_TX,
]);

/** 14.3, in the order it gives. */
export const RECEIVE_PROGRAM: readonly Command[] = Object.freeze([
  SET_RF_FREQUENCY,
  SET_STANDBY_TO_CALIBRATE,
  CALIBRATE_IMAGE,
  SET_MODULATION_PARAMS,
  SET_PACKET_PARAMS,
  WRITE_IQ_POLARITY,
  SET_SYMBOL_TIMEOUT,
  WRITE_SYMBOL_TIMEOUT,
  SET_RX_INTERRUPTS,
  WRITE_SYNC_WORD,
  SET_RX,
]);

/** 13.1.7: channel activity detection. */
export const DETECT_PROGRAM: readonly Command[] = Object.freeze([
  SET_RF_FREQUENCY,
  SET_STANDBY_TO_CALIBRATE,
  CALIBRATE_IMAGE,
  SET_MODULATION_PARAMS,
  SET_PACKET_PARAMS,
  WRITE_IQ_POLARITY,
  SET_CAD_PARAMS,
  SET_CAD_INTERRUPTS,
  SET_CAD,
]);

/** DIO1 has risen; what follows depends on the answer. */
export const INTERRUPT_PROGRAM: readonly Command[] = Object.freeze([GET_IRQ_STATUS]);
export const ACKNOWLEDGE_PROGRAM: readonly Command[] = Object.freeze([CLEAR_IRQ_STATUS]);
export const FETCH_PROGRAM: readonly Command[] = Object.freeze([
  STOP_TIMER,
  READ_EVENT_MASK,
  WRITE_EVENT_MASK,
  CLEAR_IRQ_STATUS,
  GET_RX_BUFFER_STATUS,
  GET_PACKET_STATUS,
  READ_BUFFER,
]);
/** After a bad header the receiver would go on listening. */
export const STOP_PROGRAM: readonly Command[] = Object.freeze([SET_STANDBY, CLEAR_IRQ_STATUS]);
export const SLEEP_PROGRAM: readonly Command[] = Object.freeze([SET_SLEEP]);
/** An operation will come soon. */
export const PREPARE_PROGRAM: readonly Command[] = Object.freeze([SET_STANDBY_XOSC]);
/** An operation is given up: SetSleep is for standby only (13.1.1). */
export const ABORT_AND_SLEEP_PROGRAM: readonly Command[] = Object.freeze([SET_STANDBY, CLEAR_IRQ_STATUS, SET_SLEEP]);
export const NO_PROGRAM: readonly Command[] = Object.freeze([]);
