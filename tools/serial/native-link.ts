/** A serial port of this machine, through the package `serialport`. It is loaded only here and only when used: it carries a native module. */
import type { SerialPort } from "serialport";
import { SerialError, type SerialLink, type UsbIdentity } from "./serial-link.ts";

/** A port that `listPorts` found. */
export interface FoundPort {
  path: string;
  usb: UsbIdentity;
  /** The maker of the USB chip. */
  maker: string;
  serialNumber?: string;
}

/** USB vendors of the chips on ESP32 boards. */
const VENDORS: ReadonlyMap<number, string> = new Map([
  [0x303a, "Espressif USB"],
  [0x10c4, "Silicon Labs CP210x"],
  [0x1a86, "WCH CH340 or CH910x"],
  [0x0403, "FTDI"],
]);

async function loadSerialport(): Promise<typeof import("serialport")> {
  try {
    return await import("serialport");
  } catch (error) {
    throw new SerialError(
      "no-driver",
      `the serial port library cannot be loaded: ${(error as Error).message}`,
      "install the package serialport for this machine (npm rebuild @serialport/bindings-cpp), or use rfc2217://HOST:PORT",
    );
  }
}

/** Serial ports of this machine that an ESP32 board may be behind. */
export async function listPorts(): Promise<FoundPort[]> {
  const { SerialPort } = await loadSerialport();
  const found: FoundPort[] = [];
  for (const { path, vendorId, productId, serialNumber } of await SerialPort.list().catch(cannotList)) {
    const vendor = Number.parseInt(vendorId ?? "", 16);
    const maker = VENDORS.get(vendor);
    if (maker === undefined) continue;
    const usb = { vendorId: vendor, productId: Number.parseInt(productId ?? "0", 16) };
    found.push({ path, usb, maker, ...(serialNumber === undefined ? {} : { serialNumber }) });
  }
  return found;
}

function cannotList(error: Error): never {
  const what = `the serial ports of this machine cannot be listed: ${error.message}`;
  throw new SerialError("no-driver", what, "name the port with --port");
}

export class NativeLink implements SerialLink {
  readonly name: string;
  usb?: UsbIdentity;
  onData: (bytes: Uint8Array) => void = () => {};
  onLost: (error: SerialError) => void = () => {};
  #port: SerialPort | undefined;
  // The library sets both lines whenever it sets one, so both are remembered.
  #dtr = false;
  #rts = false;

  constructor(path: string) {
    this.name = path;
  }

  async open(baudRate: number): Promise<void> {
    const { SerialPort } = await loadSerialport();
    // What the port is on USB decides how the board is reset; where that cannot be found out, the usual way is taken.
    const ports = await listPorts().catch(() => []);
    this.usb = ports.find(({ path }) => path === this.name)?.usb;
    const port = new SerialPort({ path: this.name, baudRate, autoOpen: false });
    await new Promise<void>((resolve, reject) => {
      port.open((error) => (error ? reject(openError(this.name, error)) : resolve()));
    });
    this.#port = port;
    port.on("data", (bytes: Uint8Array) => this.onData(bytes));
    port.on("error", () => {});
    port.on("close", () => {
      if (this.#port !== port) return;
      this.#port = undefined;
      this.onLost(this.#lost());
    });
    await this.setLines({ dtr: false, rts: false });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#do((port, done) => {
      port.write(bytes, (error) => (error ? done(error) : port.drain(done)));
    });
  }

  setBaudRate(baudRate: number): Promise<void> {
    return this.#do((port, done) => port.update({ baudRate }, done));
  }

  setLines({ dtr, rts }: { dtr?: boolean; rts?: boolean }): Promise<void> {
    this.#dtr = dtr ?? this.#dtr;
    this.#rts = rts ?? this.#rts;
    return this.#do((port, done) => port.set({ dtr: this.#dtr, rts: this.#rts }, done));
  }

  purge(): Promise<void> {
    return this.#do((port, done) => port.flush(done));
  }

  async close(): Promise<void> {
    const port = this.#port;
    this.#port = undefined;
    if (port?.isOpen) await new Promise((resolve) => port.close(resolve));
  }

  #do(work: (port: SerialPort, done: (error?: Error | null) => void) => void): Promise<void> {
    const port = this.#port;
    if (port === undefined) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => work(port, (error) => (error ? reject(this.#lost()) : resolve())));
  }

  #lost(): SerialError {
    return new SerialError("lost", `${this.name} is gone`, "check the cable");
  }
}

function openError(path: string, error: Error): SerialError {
  const text = error.message;
  if (/permission denied|access denied|EACCES/i.test(text)) {
    return new SerialError(
      "not-allowed",
      `${path} may not be opened by this user`,
      "Linux: sudo usermod -aG dialout $USER, then log in again",
    );
  }
  if (/lock|busy|EBUSY|Access is denied/i.test(text))
    return new SerialError("busy", `${path} is in use`, "close the program that holds it (a monitor, an IDE)");
  return new SerialError("not-there", `${path} cannot be opened: ${text}`, "check the cable and the port's name");
}
