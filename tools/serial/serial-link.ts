/** A serial port as our commands use it: bytes, a baud rate, and the two lines that reset a board. */

export interface UsbIdentity {
  vendorId: number;
  productId: number;
}

export interface SerialLink {
  /** As the user named it. */
  readonly name: string;
  /** Where the port is on USB, and that is known. */
  readonly usb?: UsbIdentity;
  /** Bytes that have come in. Set before `open`. */
  onData: (bytes: Uint8Array) => void;
  /** The port is gone without our closing it: unplugged, or the connection broke. */
  onLost: (error: SerialError) => void;
  /** Opens the port at a rate in bits a second. Throws a SerialError. */
  open(baudRate: number): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  setBaudRate(baudRate: number): Promise<void>;
  /** Asserts (true) or releases DTR and RTS; a line that is not given stays. */
  setLines(lines: { dtr?: boolean; rts?: boolean }): Promise<void>;
  /** Forgets what has not been read or sent yet. */
  purge(): Promise<void>;
  close(): Promise<void>;
}

export type SerialReason =
  | "bad-name"
  | "not-there"
  | "not-allowed"
  | "busy"
  | "not-rfc2217"
  | "no-answer"
  | "lost"
  | "no-driver";

/** What is wrong with a port, and what to do about it. */
export class SerialError extends Error {
  readonly reason: SerialReason;
  readonly next: string;

  constructor(reason: SerialReason, message: string, next: string) {
    super(message);
    this.name = "SerialError";
    this.reason = reason;
    this.next = next;
  }
}
