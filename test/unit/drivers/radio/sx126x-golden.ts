/**
 * The bytes that the SX126x driver sends, each line with the section of Semtech's data sheet DS.SX1261-2.W.APP revision 2.1 that defines it.
 * Written before the driver's output was seen: command codes and registers as in Semtech's own driver (Lora-net/sx126x_driver), the values by hand.
 */
import assert from "node:assert/strict";

export type GoldenLine = readonly [bytes: string, section: string];

/** These bytes and no others, and every line says where the data sheet defines them. */
export function assertGolden(actual: string[], golden: readonly GoldenLine[]): void {
  assert.deepEqual(
    actual,
    golden.map(([bytes]) => bytes),
  );
  for (const [bytes, section] of golden) assert.match(section, /^(errata )?\d+\.\d+/, bytes);
}

/** Board with a TCXO of 1.8 V (5 ms) and the antenna switch on DIO2, EU868. */
export const GOLDEN_INIT: readonly GoldenLine[] = [
  ["8000", "13.1.2 SetStandby: STDBY_RC"],
  ["9601", "13.1.11 SetRegulatorMode: DC-DC"],
  ["9702000140", "13.3.6 SetDIO3AsTCXOCtrl: 1.8 V, 320 steps of 15.625 us = 5 ms"],
  ["070000", "13.6.2 ClearDeviceErrors: the oscillator could not start before (13.3.6)"],
  ["897f", "13.1.12 Calibrate: all blocks"],
  ["98d7db", "13.1.13 CalibrateImage: 863 to 870 MHz (table 9-2)"],
  ["9d01", "13.3.5 SetDIO2AsRfSwitchCtrl"],
  ["8a01", "13.4.2 SetPacketType: LoRa"],
  ["1d08d80000", "13.2.2 ReadRegister TxClampConfig"],
  ["0d08d8de", "15.2 better resistance to antenna mismatch: 0xC8 | 0x1E"],
  ["1d08890000", "13.2.2 ReadRegister TxModulation (15.1)"],
  ["1d07360000", "13.2.2 ReadRegister IQ polarity (15.4)"],
  ["0d08ac96", "9.6 receiver gain boosted"],
  ["0d029f0308ac08890736", "9.6 retention list: receiver gain, TxModulation, IQ polarity"],
  ["8f0000", "13.4.8 SetBufferBaseAddress: both 0"],
  ["9f00", "13.1.6 StopTimerOnPreamble: at the header"],
  ["9320", "13.1.15 SetRxTxFallbackMode: STDBY_RC"],
  ["0d07403444", "12.1 LoRa sync word: public network"],
  ["1d0740000000", "13.2.2 ReadRegister: the sync word reads back"],
  ["17000000", "13.6.1 GetDeviceErrors: none"],
];

/** "Hello" (5 bytes) at 868.1 MHz, SF7, 125 kHz, 14 dBm, the first transmission after the start. */
export const GOLDEN_TRANSMIT: readonly GoldenLine[] = [
  ["863641999a", "13.4.1 SetRfFrequency: 868.1 MHz * 2^25 / 32 MHz"],
  ["9502020001", "13.1.14 SetPaConfig: SX1262, optimal for 14 dBm (table 13-21)"],
  ["0d08e738", "13.2.1 WriteRegister OCP: 140 mA (12.1)"],
  ["8e1604", "13.4.4 SetTxParams: 22, which is 14 dBm with that amplifier; ramp 200 us"],
  ["0e0048656c6c6f", "13.2.3 WriteBuffer"],
  ["8b07040100", "13.4.5.2 SetModulationParams: SF7, 125 kHz, 4/5"],
  ["0d088905", "15.1 TxModulation: bit 2 set below 500 kHz"],
  ["8c000800050100", "13.4.6.2 SetPacketParams: 8 symbols, explicit header, 5 bytes, CRC, standard IQ"],
  ["0d07360d", "15.4 IQ polarity: bit 2 set for standard IQ"],
  ["080201020100000000", "13.3.1 SetDioIrqParams: TxDone and Timeout on DIO1"],
  ["83138800", "13.1.4 SetTx: 20 s"],
  ["12000000", "13.3.3 GetIrqStatus"],
  ["0243ff", "13.3.4 ClearIrqStatus"],
];

/** RX2 of EU868: 869.525 MHz, SF12, 125 kHz, 8 symbols, asleep before. */
export const GOLDEN_RECEIVE: readonly GoldenLine[] = [
  ["c000", "13.5.1 GetStatus: chip select wakes the chip (9.3)"],
  ["8636586666", "13.4.1 SetRfFrequency: 869.525 MHz * 2^25 / 32 MHz"],
  ["8b0c040101", "13.4.5.2 SetModulationParams: SF12, 125 kHz, 4/5, low data rate optimisation"],
  ["8c000800ff0001", "13.4.6.2 SetPacketParams: 8 symbols, explicit header, up to 255 bytes, no CRC, inverted IQ"],
  ["0d073609", "15.4 IQ polarity: bit 2 clear for inverted IQ"],
  ["a008", "13.4.9 SetLoRaSymbNumTimeout: 8 symbols"],
  ["0d070620", "13.4.9, the same as mantissa 4, exponent 0: 4 * 2^1"],
  ["080262022200000000", "13.3.1 SetDioIrqParams: RxDone, HeaderErr, Timeout on DIO1; CrcErr"],
  ["82010832", "13.1.5 SetRx: at most 8 + 8 + 4.25 + 8 + 4 = 32.25 symbols of 32.768 ms, 67,634 steps of 15.625 us"],
  ["12000000", "13.3.3 GetIrqStatus"],
  ["0243ff", "13.3.4 ClearIrqStatus"],
];

/** What is read out after a frame came in, and how the chip is sent to sleep. */
export const GOLDEN_FETCH: readonly GoldenLine[] = [
  ["12000000", "13.3.3 GetIrqStatus"],
  ["0243ff", "13.3.4 ClearIrqStatus"],
  ["13000000", "13.5.2 GetRxBufferStatus"],
  ["1400000000", "13.5.3 GetPacketStatus"],
];
export const GOLDEN_SLEEP: readonly GoldenLine[] = [["8404", "13.1.1 SetSleep: warm start"]];

/** An operation will come soon: out of sleep. */
export const GOLDEN_PREPARE: readonly GoldenLine[] = [
  ["c000", "13.5.1 GetStatus: chip select wakes the chip (9.3)"],
  ["8001", "13.1.2 SetStandby: STDBY_XOSC, the oscillator runs"],
];

/** The same frame with 15 dBm from an SX1261 (crystal, no DIO2), asleep before. */
export const GOLDEN_TRANSMIT_SX1261: readonly GoldenLine[] = [
  ["c000", "13.5.1 GetStatus: chip select wakes the chip (9.3)"],
  ["863641999a", "13.4.1 SetRfFrequency: 868.1 MHz * 2^25 / 32 MHz"],
  ["9506000101", "13.1.14 SetPaConfig: SX1261, 15 dBm (table 13-21)"],
  ["0d08e718", "13.2.1 WriteRegister OCP: 60 mA (12.1)"],
  ["8e0e04", "13.4.4 SetTxParams: 14, which is 15 dBm with that amplifier; ramp 200 us"],
  ["0e0048656c6c6f", "13.2.3 WriteBuffer"],
  ["8b07040100", "13.4.5.2 SetModulationParams: SF7, 125 kHz, 4/5"],
  ["0d088905", "15.1 TxModulation: bit 2 set below 500 kHz"],
  ["8c000800050100", "13.4.6.2 SetPacketParams: 8 symbols, explicit header, 5 bytes, CRC, standard IQ"],
  ["0d07360d", "15.4 IQ polarity: bit 2 set for standard IQ"],
  ["080201020100000000", "13.3.1 SetDioIrqParams: TxDone and Timeout on DIO1"],
  ["83138800", "13.1.4 SetTx: 20 s"],
  ["12000000", "13.3.3 GetIrqStatus"],
  ["0243ff", "13.3.4 ClearIrqStatus"],
];

/** A frame of 5 bytes without a header comes in at 868.1 MHz, SF7, 125 kHz, 4/5, with CRC; window of 100 symbols. */
export const GOLDEN_RECEIVE_IMPLICIT: readonly GoldenLine[] = [
  ["863641999a", "13.4.1 SetRfFrequency: 868.1 MHz * 2^25 / 32 MHz"],
  ["8b07040100", "13.4.5.2 SetModulationParams: SF7, 125 kHz, 4/5"],
  ["8c000801050100", "13.4.6.2 SetPacketParams: 8 symbols, implicit header, 5 bytes, CRC, standard IQ"],
  ["0d07360d", "15.4 IQ polarity: bit 2 set for standard IQ"],
  ["a068", "13.4.9 SetLoRaSymbNumTimeout: 104 symbols, the next above 100 that it holds"],
  ["0d070669", "13.4.9, the same as mantissa 13, exponent 1: 13 * 2^3"],
  ["080262022200000000", "13.3.1 SetDioIrqParams: RxDone, HeaderErr, Timeout on DIO1; CrcErr"],
  [
    "820023a6",
    "13.1.5 SetRx: at most 100 + 8 + 16.25 + 15 (6.1.4) = 139.25 symbols of 1.024 ms, 9,126 steps of 15.625 us",
  ],
  ["12000000", "13.3.3 GetIrqStatus"],
  ["0d092000", "15.3 implicit header: the timer is stopped"],
  ["1d09440000", "15.3 ReadRegister event mask"],
  ["0d094402", "15.3 its event is cleared: bit 1"],
  ["0243ff", "13.3.4 ClearIrqStatus"],
  ["13000000", "13.5.2 GetRxBufferStatus"],
  ["1400000000", "13.5.3 GetPacketStatus"],
  ["1e00000000000000", "13.2.4 ReadBuffer: 5 bytes"],
];

/** Channel activity detection at 868.1 MHz, SF9, 125 kHz. */
export const GOLDEN_DETECT: readonly GoldenLine[] = [
  ["863641999a", "13.4.1 SetRfFrequency: 868.1 MHz * 2^25 / 32 MHz"],
  ["8b09040100", "13.4.5.2 SetModulationParams: SF9, 125 kHz, 4/5"],
  ["8c000800ff0100", "13.4.6.2 SetPacketParams: 8 symbols, explicit header, up to 255 bytes, CRC, standard IQ"],
  ["0d07360d", "15.4 IQ polarity: bit 2 set for standard IQ"],
  ["8802170a00000000", "13.4.7 SetCadParams: 4 symbols, peak 23, at least 10 (AN1200.48), then standby"],
  ["080180008000000000", "13.3.1 SetDioIrqParams: CadDone on DIO1, CadDetected"],
  ["c5", "13.1.7 SetCad"],
  ["12000000", "13.3.3 GetIrqStatus"],
  ["0243ff", "13.3.4 ClearIrqStatus"],
];
