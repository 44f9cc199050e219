/** A LoRa transceiver as the MAC sees it: one operation at a time, answers by event. */

/** LoRa modulation of one frame (AN1200.13, SX1261/2 data sheet 6.1). */
export interface LoraModulation {
  frequencyHz: number;
  /** 5 to 12. */
  spreadingFactor: number;
  bandwidthHz: 125_000 | 250_000 | 500_000;
  /** 1 to 4, for 4/5 to 4/8. */
  codingRate: number;
  preambleSymbols: number;
  /** 0x34 public LoRaWAN, 0x12 private. */
  syncWord: number;
  /** Inverted I and Q: LoRaWAN downlinks. */
  invertIq: boolean;
  /** The payload CRC: on for LoRaWAN uplinks, off for its downlinks. */
  crcOn: boolean;
}

export interface RadioEvents {
  /** The last symbol has left, time-stamped in the interrupt (clock port's milliseconds). */
  onTransmitted(atMs: number): void;
  /** A frame came in; `frame` is the driver's buffer, good until the next call; header or payload CRC was right or absent. */
  onReceived(frame: Uint8Array, length: number, rssiDbm: number, snrDb: number, atMs: number): void;
  /** The window closed without a frame (no preamble in time, or a bad CRC). */
  onReceiveTimeout(atMs: number): void;
  /** The chip did not do as told; the driver has reset it and is idle. */
  onError(reason: string): void;
}

export interface Radio {
  /** Starts sending. `payload` is copied before it returns. */
  transmit(modulation: LoraModulation, powerDbm: number, payload: Uint8Array, length: number): void;
  /** Listens from now until a preamble is found within `symbolTimeout` symbols, then to the end of that frame. */
  receive(modulation: LoraModulation, symbolTimeout: number): void;
  /** Lowest power with the configuration kept. */
  sleep(): void;
  /** True while a transmission or reception is under way. */
  readonly busy: boolean;
}
