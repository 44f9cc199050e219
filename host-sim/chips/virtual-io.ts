/** Pins and buses between drivers and chip models: classes of ECMA-419's shape, made the way ECMA-419 makes them (`new io({pin, onReadable})`). */
import type { IoOptions } from "../../firmware/drivers/radio/sx126x-options.ts";
import type { Digital, SPI } from "../../firmware/ports/io.ts";

export const RISING = 1;
export const FALLING = 2;

/** A wire with a level. */
export class VirtualPin {
  /** A broken wire: reads so and reports no edges. */
  stuckAt: number | undefined;
  #level: number;
  /** The chip's side of an input of its own. */
  onWrite: ((level: number) => void) | undefined;
  #edges = 0;
  #onEdge: (() => void) | undefined;

  constructor(level: number) {
    this.#level = level;
  }

  get level(): number {
    return this.stuckAt ?? this.#level;
  }

  /** The host wants to be called at these edges. */
  watch(edges: number, onEdge: (() => void) | undefined): void {
    this.#edges = edges;
    this.#onEdge = onEdge;
  }

  /** The host drives the wire. */
  write(level: number): void {
    if (level === this.#level) return;
    this.#level = level;
    this.onWrite?.(level);
  }

  /** The chip drives the wire. */
  set(level: number): void {
    if (level === this.#level) return;
    this.#level = level;
    const edge = level === 1 ? RISING : FALLING;
    if (this.stuckAt === undefined && (edge & this.#edges) !== 0) this.#onEdge?.();
  }
}

/** Options: `pin`, a VirtualPin; `edge`, RISING or FALLING or both; `onReadable`. */
export class VirtualDigital implements Digital {
  #pin: VirtualPin;

  constructor(options: IoOptions) {
    this.#pin = options.pin as VirtualPin;
    if (options.onReadable !== undefined) this.#pin.watch(options.edge as number, options.onReadable);
  }

  read(): number {
    return this.#pin.level;
  }

  write(level: number): void {
    this.#pin.write(level);
  }

  close(): void {
    this.#pin.watch(0, undefined);
  }
}

/** A chip on an SPI bus; chip select is low for one call. */
export interface SpiChip {
  /** Reads what the host sends and leaves in its place what the host gets back. */
  transact(bytes: Uint8Array): void;
}

/** Options: `chip`, an SpiChip. */
export class VirtualSpi implements SPI {
  #chip: SpiChip;

  constructor(options: IoOptions) {
    this.#chip = options.chip as SpiChip;
  }

  transfer(bytes: Uint8Array): void {
    this.#chip.transact(bytes);
  }

  close(): void {}
}
