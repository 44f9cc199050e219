/** A board's pins as host/provider.ts has them, read outside of XS: its imports of the SDK's classes are replaced by names. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What provider.ts exports, as far as wiring goes (firmware/platform/moddable/board.ts). */
export interface BoardPins {
  readonly model: string;
  readonly I2C: { readonly default: { readonly data: number; readonly clock: number } };
  readonly Serial: { readonly default: { readonly receive: number; readonly transmit: number } };
  readonly radio?: RadioPins;
  readonly battery?: {
    readonly pin: number;
    readonly divider: number;
    readonly enable?: { readonly pin: number; readonly on: 0 | 1 };
  };
  readonly sensorSupply?: { readonly pin: number; readonly on: 0 | 1 };
}

export interface RadioPins {
  readonly chip?: string;
  readonly SPI: { readonly clock: number; readonly in: number; readonly out: number };
  readonly select: number;
  readonly reset: number;
  readonly busy?: number;
  readonly dio0?: number;
  readonly dio1: number;
  readonly tcxoVoltage?: number;
  readonly dio2AsRfSwitch?: boolean;
  readonly rfSwitch?: { readonly transmit?: number; readonly receive?: number };
}

/** Something that is wired, and to which pin. */
export interface Wire {
  /** What it belongs to. */
  readonly part: "radio" | "sensors" | "console" | "battery";
  readonly signal: string;
  readonly pin: number;
}

export async function readPins(root: string, board: string): Promise<BoardPins> {
  const { transformSync } = await import("esbuild");
  const file = join(root, "manifests", "boards", board, "host", "provider.ts");
  const { code } = transformSync(readFileSync(file, "utf8"), { loader: "ts", format: "esm" });
  const standalone = code.replace(/^import (\w+) from\s"embedded:[^"]*";$/gm, 'const $1 = "$1";');
  const url = `data:text/javascript,${encodeURIComponent(standalone)}`;
  return (await import(url)).default as BoardPins;
}

/** Every wire of a board, in the order in which a page lists them. */
export function wiresOf(pins: BoardPins): Wire[] {
  const wires: Wire[] = [];
  const add = (part: Wire["part"], signal: string, pin: number | undefined): void => {
    if (pin !== undefined) wires.push({ part, signal, pin });
  };
  const { radio, battery, sensorSupply } = pins;
  if (radio) {
    add("radio", "SCK", radio.SPI.clock);
    add("radio", "MISO", radio.SPI.in);
    add("radio", "MOSI", radio.SPI.out);
    add("radio", "NSS", radio.select);
    add("radio", "NRESET", radio.reset);
    add("radio", "BUSY", radio.busy);
    add("radio", "DIO0", radio.dio0);
    add("radio", "DIO1", radio.dio1);
    add("radio", "TXEN", radio.rfSwitch?.transmit);
    add("radio", "RXEN", radio.rfSwitch?.receive);
  }
  add("sensors", "SDA", pins.I2C.default.data);
  add("sensors", "SCL", pins.I2C.default.clock);
  add("sensors", "supply", sensorSupply?.pin);
  add("console", "TX", pins.Serial.default.transmit);
  add("console", "RX", pins.Serial.default.receive);
  add("battery", "divider", battery?.pin);
  add("battery", "connects it", battery?.enable?.pin);
  return wires;
}
