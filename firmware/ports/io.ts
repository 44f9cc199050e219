/**
 * The IO classes that drivers take, in the shape of ECMA-419 (2nd edition, clauses 9 and 10). Moddable's own classes have this
 * shape on a board; in the simulator chip models stand behind it.
 */

/** ECMA-419 I2C: one device on a bus. A missing acknowledgement throws, as there. */
export interface I2C {
  /** Reads into `buffer`, or reads that many bytes into a new buffer. */
  read(into: Uint8Array): void;
  write(bytes: Uint8Array): void;
  close(): void;
}

/** ECMA-419 SPI: full duplex; chip select stays active for one call. */
export interface SPI {
  /** Sends `buffer` and overwrites it with what came back at the same time. */
  transfer(buffer: Uint8Array): void;
  close(): void;
}

/** ECMA-419 Digital, input or output. */
export interface Digital {
  read(): number;
  write(value: number): void;
  close(): void;
  /** When the last edge came, in the clock port's milliseconds, where the interrupt takes the time before JavaScript runs. */
  readonly edgeMs?: number;
}

/** Edges that a digital input reports through `onReadable`. */
export interface DigitalInputOptions {
  onReadable?: () => void;
}

/** ECMA-419 Analog: a converted sample, 0 to 2^resolution - 1. */
export interface Analog {
  read(): number;
  readonly resolution: number;
  close(): void;
}

/** A free-running pulse counter (PCNT, ULP or LP core on an ESP32), 32 bits, wraps. */
export interface PulseCounter {
  /** Pulses since it started, modulo 2^32. */
  read(): number;
  /** The most pulses that fell into one gate window (`gateMs`) since the last call, and starts anew. */
  takePeak?(): number;
  /** Length of a gate window in milliseconds; given where `takePeak` is. */
  readonly gateMs?: number;
  close(): void;
}

/** NOR flash as a partition: erased bytes are 0xff, writing only clears bits, erasing works by sector. */
export interface Flash {
  readonly size: number;
  readonly sectorSize: number;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  erase(sector: number): void;
}
