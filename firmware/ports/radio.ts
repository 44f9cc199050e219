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
  /** The payload's length, 1 to 255 bytes, where both ends know it and no header is sent. Absent: a header, as LoRaWAN has it. */
  implicitLength?: number;
}

export interface RadioEvents {
  /** The last symbol has left, time-stamped in the interrupt (clock port's milliseconds). */
  onTransmitted(atMs: number): void;
  /** A frame came in; `frame` is the driver's buffer, good until the next call; header or payload CRC was right or absent. */
  onReceived(frame: Uint8Array, length: number, rssiDbm: number, snrDb: number, atMs: number): void;
  /** The window closed without a frame (no preamble in time, or a bad CRC). */
  onReceiveTimeout(atMs: number): void;
  /** The end of `detectActivity`: a LoRa signal of that modulation was in the air, or not. */
  onActivity?(detected: boolean, atMs: number): void;
  /** The chip did not do as told; the driver has reset it and is idle. */
  onError(reason: string): void;
}

export interface Radio {
  /** Starts sending. `payload` is copied before it returns. */
  transmit(modulation: LoraModulation, powerDbm: number, payload: Uint8Array, length: number): void;
  /**
   * Listens from now until a preamble is found within `symbolTimeout` symbols, then to the end of that frame. 0: without end, until a frame comes (a bad one
   * ends it too) or `sleep` is called.
   */
  receive(modulation: LoraModulation, symbolTimeout: number): void;
  /** Looks for a LoRa signal of this modulation (channel activity detection); ends with `onActivity`. */
  detectActivity?(modulation: LoraModulation): void;
  /** False for what this chip cannot do; asking for that is our own bug. */
  supports?(modulation: LoraModulation): boolean;
  /**
   * Wakes from sleep and starts the oscillator, so that the next operation begins within a millisecond: waking takes an interrupt of its own, and
   * JavaScript may be late for each. Goes on until an operation or `sleep`.
   */
  prepare?(): void;
  /** Lowest power with the configuration kept. */
  sleep(): void;
  /** True when it sleeps, or is out of order: the node may power down. */
  readonly asleep?: boolean;
  /** True while a transmission or reception is under way. */
  readonly busy: boolean;
}
