/**
 * The bytes that the SX127x driver sends, each line with the section of Semtech's data sheet DS_SX1276-7-8-9_W_APP (revision 7) that defines it, or
 * of its errata note 1.1. Addresses and bits as in Semtech's own driver (Lora-net/LoRaMac-node), the values by hand; bit 7 of the first byte
 * is a write (4.3).
 */
import type { GoldenLine } from "./sx126x-golden.ts";

/** A board with a crystal and the antenna on PA_BOOST, EU868. */
export const GOLDEN_INIT: readonly GoldenLine[] = [
  ["4200", "6.4 RegVersion: 0x12 comes back"],
  ["8900", "5.4.2 RegPaConfig: no power during the calibration (4.2.3.8)"],
  ["86d90666", "4.1.4 RegFrf: 868.1 MHz * 2^19 / 32 MHz"],
  ["bb42", "4.2.3.8 RegImageCal (FSK page): ImageCalStart, 10 degrees"],
  ["3b00", "4.2.3.8 RegImageCal: no longer running"],
  ["8100", "4.1.2 RegOpMode: FSK sleep, where the modem can be changed; high-frequency registers"],
  ["8180", "4.1.2 RegOpMode: LoRa sleep"],
  ["0100", "4.1.2 RegOpMode reads back"],
  ["8c23", "6.4 RegLna: highest gain, boosted for the high-frequency port"],
  ["8e0000", "4.1.2.3 RegFifoTxBaseAddr, RegFifoRxBaseAddr: both 0"],
];

/** "Hello" (5 bytes) at 868.1 MHz, SF7, 125 kHz, 14 dBm, the first transmission after the start. */
export const GOLDEN_TRANSMIT: readonly GoldenLine[] = [
  ["8181", "4.1.2 RegOpMode: LoRa standby, for the buffer"],
  ["86d906668c092b", "4.1.4 RegFrf; 5.4.2 RegPaConfig: PA_BOOST, 2 + 12 dBm; RegPaRamp 40 us; 5.4.4 RegOcp 100 mA"],
  ["cd84", "5.4.3 RegPaDac: up to 17 dBm"],
  [
    "9d727400000805",
    "4.1.1 RegModemConfig1, 2: 125 kHz, 4/5, explicit header, SF7, CRC; no timeout; 8 symbols; 5 bytes",
  ],
  ["a604", "6.4 RegModemConfig3: no low data rate optimisation, automatic gain"],
  ["af400043", "errata 2.3 RegIfFreq 0x4000, RegDetectOptimize: not automatic; 4.1.1.2 SF7 to SF12"],
  ["b327", "6.4 RegInvertIQ: standard"],
  ["b6030a", "errata 2.1 RegHighBwOptimize1: below 500 kHz; 4.1.1.2 RegDetectionThreshold: SF7 to SF12"],
  ["b934641d", "6.4 RegSyncWord: public network; errata 2.1 RegHighBwOptimize2; 6.4 RegInvertIQ2: standard"],
  ["c040", "4.1.2.4 RegDioMapping1 (table 18): DIO0 is TxDone"],
  ["91f7ff", "4.1.2.4 RegIrqFlagsMask: TxDone only; RegIrqFlags cleared"],
  ["8d00", "4.1.2.3 RegFifoAddrPtr: 0"],
  ["8048656c6c6f", "4.1.2.3 RegFifo"],
  ["8183", "4.1.2 RegOpMode: TX"],
  ["1000000000000000000000000000", "6.4 RegFifoRxCurrentAddr to RegHopChannel: RegIrqFlags"],
  ["92ff", "4.1.2.4 RegIrqFlags cleared"],
];

/** RX2 of EU868 after it: 869.525 MHz, SF12, 125 kHz, 8 symbols, asleep before. */
export const GOLDEN_RECEIVE: readonly GoldenLine[] = [
  ["86d9619a", "4.1.4 RegFrf: 869.525 MHz * 2^19 / 32 MHz"],
  [
    "9d72c0080008ff",
    "4.1.1 RegModemConfig1, 2: 125 kHz, 4/5, explicit header, SF12, no CRC; 8 symbols; preamble 8; 255 bytes",
  ],
  ["a60c", "6.4 RegModemConfig3: low data rate optimisation, automatic gain"],
  ["b367", "6.4 RegInvertIQ: the receiver's inverted"],
  ["b9346419", "6.4 RegSyncWord, RegInvertIQ2: inverted; errata 2.1 RegHighBwOptimize2"],
  ["c000", "4.1.2.4 RegDioMapping1 (table 18): DIO0 is RxDone, DIO1 is RxTimeout"],
  ["910fff", "4.1.2.4 RegIrqFlagsMask: RxTimeout, RxDone, PayloadCrcError, ValidHeader; RegIrqFlags cleared"],
  ["8186", "4.1.2 RegOpMode: RXSINGLE"],
  ["1000000000000000000000000000", "6.4 RegFifoRxCurrentAddr to RegHopChannel: RegIrqFlags"],
  ["92ff", "4.1.2.4 RegIrqFlags cleared"],
];

/** What is read out after a frame of 5 bytes came in, and how the chip is sent to sleep. */
export const GOLDEN_FETCH: readonly GoldenLine[] = [
  ["1000000000000000000000000000", "6.4 RegFifoRxCurrentAddr to RegHopChannel: flags, length, SNR, RSSI"],
  ["92ff", "4.1.2.4 RegIrqFlags cleared"],
  ["8d00", "4.1.2.3 RegFifoAddrPtr: RegFifoRxCurrentAddr"],
  ["000000000000", "4.1.2.3 RegFifo: 5 bytes"],
];
export const GOLDEN_SLEEP: readonly GoldenLine[] = [["8180", "4.1.2 RegOpMode: LoRa sleep"]];

/** An operation will come soon: out of sleep. */
export const GOLDEN_PREPARE: readonly GoldenLine[] = [["8181", "4.1.2 RegOpMode: LoRa standby, the oscillator runs"]];

/** Channel activity detection at 868.1 MHz, SF9, 125 kHz, the first operation after the start. */
export const GOLDEN_DETECT: readonly GoldenLine[] = [
  ["86d90666", "4.1.4 RegFrf: 868.1 MHz * 2^19 / 32 MHz"],
  [
    "9d7294000008ff",
    "4.1.1 RegModemConfig1, 2: 125 kHz, 4/5, explicit header, SF9, CRC; no timeout; 8 symbols; 255 bytes",
  ],
  ["a604", "6.4 RegModemConfig3: no low data rate optimisation, automatic gain"],
  ["af400043", "errata 2.3 RegIfFreq 0x4000, RegDetectOptimize: not automatic; 4.1.1.2 SF7 to SF12"],
  ["b327", "6.4 RegInvertIQ: standard"],
  ["b6030a", "errata 2.1 RegHighBwOptimize1: below 500 kHz; 4.1.1.2 RegDetectionThreshold: SF7 to SF12"],
  ["b934641d", "6.4 RegSyncWord: public network; errata 2.1 RegHighBwOptimize2; 6.4 RegInvertIQ2: standard"],
  ["c080", "4.1.2.4 RegDioMapping1 (table 18): DIO0 is CadDone"],
  ["91faff", "4.1.2.4 RegIrqFlagsMask: CadDone and CadDetected; RegIrqFlags cleared"],
  ["8187", "4.1.2 RegOpMode: CAD"],
  ["1000000000000000000000000000", "6.4 RegFifoRxCurrentAddr to RegHopChannel: RegIrqFlags"],
  ["92ff", "4.1.2.4 RegIrqFlags cleared"],
];
