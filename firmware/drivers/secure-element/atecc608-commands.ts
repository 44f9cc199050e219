/**
 * The commands of the ATECC608 that the node uses, as data, and the frame around them (ATECC608B data sheet: I/O transactions, command
 * packets, status and error codes; the same text stands in the data sheets of its TrustFLEX and Trust&GO variants, "4.1", "4.2" and "4.3").
 *
 *   to the chip:    word address 0x03, count, opcode, mode, parameter (2, low byte first), data, CRC-16 (low byte first)
 *   from the chip:  count, status (1) or answer (4, 32, 64), CRC-16
 */

/** What follows the device address in a write ("word address"). */
export const WORD_ADDRESS = Object.freeze({ resetCounter: 0x00, sleep: 0x01, idle: 0x02, command: 0x03 });

/** A whole answer: count, status, CRC. */
export const STATUS_ANSWER_BYTES = 4;
/** Bytes around the data of an answer: count and CRC. */
export const ANSWER_OVERHEAD_BYTES = 3;
/** The longest answer that we ask for: a public key or a signature. */
export const MAX_ANSWER_BYTES = 64 + ANSWER_OVERHEAD_BYTES;
/** Word address, count, opcode, mode, parameter and CRC. */
export const SHORT_PACKET_BYTES = 8;
/** The same with a digest. */
export const LONG_PACKET_BYTES = SHORT_PACKET_BYTES + 32;

const STATUS_AFTER_WAKE = 0x11;

export interface Command {
  readonly opcode: number;
  readonly mode: number;
  /** Parameter 2 where the command has a fixed one; otherwise the request's argument (a slot, a counter). */
  readonly parameter?: number;
  /** Whether the 32 bytes of the request follow. */
  readonly takesData: boolean;
  /** Data bytes of a successful answer; 0 for a bare status. */
  readonly answerBytes: number;
  /** When the first poll is worth it, in milliseconds: half of the time that the maker's library gives for the fastest clock. */
  readonly firstPollMs: number;
  /** The longest execution, in milliseconds, with the slowest clock that ChipMode offers (the library's "M2"). */
  readonly longestMs: number;
  /** It changes something each time that it runs: not to be repeated when its answer was lost. */
  readonly runsOnce: boolean;
}

function command(
  opcode: number,
  mode: number,
  answerBytes: number,
  times: readonly [firstPollMs: number, longestMs: number],
  rest: { parameter?: number; takesData?: boolean; runsOnce?: boolean } = {},
): Command {
  return Object.freeze({
    opcode,
    mode,
    parameter: rest.parameter,
    takesData: rest.takesData === true,
    answerBytes,
    firstPollMs: times[0],
    longestMs: times[1],
    runsOnce: rest.runsOnce === true,
  });
}

export const COMMAND = Object.freeze({
  /** Info, revision: 00 00 60 vv. */
  info: command(0x30, 0x00, 4, [2, 5], { parameter: 0 }),
  /** Read of four bytes of the configuration zone: block 2, offset 5, that is bytes 84 to 87. */
  readLocks: command(0x02, 0x00, 4, [2, 5], { parameter: 0x15 }),
  /** Random with an update of the generator's seed. */
  random: command(0x1b, 0x00, 32, [11, 23], { parameter: 0 }),
  /** Nonce in pass-through mode (3), 32 bytes into the Message Digest Buffer (0x40). */
  loadDigest: command(0x16, 0x43, 0, [10, 20], { parameter: 0, takesData: true }),
  /** Sign of an external digest (0x80) in the Message Digest Buffer (0x20). */
  sign: command(0x41, 0xa0, 64, [57, 665]),
  /** GenKey: the public key of the private key in a slot. */
  publicKey: command(0x40, 0x00, 64, [57, 653]),
  /** GenKey: a new private key in a slot; answers its public key. */
  createKey: command(0x40, 0x04, 64, [57, 653]),
  readCounter: command(0x24, 0x00, 4, [12, 25]),
  incrementCounter: command(0x24, 0x01, 4, [12, 25], { runsOnce: true }),
});

/** Why a command or a request failed. The first nine are the chip's own words (its status codes). */
export type Atecc608Error =
  | "miscompare"
  | "parse"
  | "ecc-fault"
  | "self-test"
  | "health-test"
  | "execution"
  | "wake"
  | "watchdog"
  | "crc"
  /** A status byte that the data sheet does not name. */
  | "unknown-status"
  /** No acknowledgement for longer than the command may take, or none after a wake. */
  | "no-answer"
  /** What came back is damaged, each time that it was read. */
  | "answer-crc"
  /** The configuration zone is not locked: the random numbers are a fixed pattern, and nothing may be signed with them. */
  | "config-unlocked";

/** The name of a status byte; undefined for success. 0x11 says that the chip woke up and has run no command since. */
export function statusError(status: number): Atecc608Error | undefined {
  switch (status) {
    case 0x00:
      return undefined;
    case 0x01:
      return "miscompare";
    case 0x03:
      return "parse";
    case 0x05:
      return "ecc-fault";
    case 0x07:
      return "self-test";
    case 0x08:
      return "health-test";
    case 0x0f:
      return "execution";
    case STATUS_AFTER_WAKE:
      return "wake";
    case 0xee:
      return "watchdog";
    case 0xff:
      return "crc";
    default:
      return "unknown-status";
  }
}

/** CRC-16 of `length` bytes from `start`: polynomial 0x8005, register 0 at first, each byte's lowest bit first. 04 11 gives 0x4333. */
export function crc16(bytes: Uint8Array, start: number, length: number): number {
  let crc = 0;
  for (let i = start; i < start + length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      const differs = ((bytes[i] >>> bit) & 1) !== crc >>> 15;
      crc = (crc << 1) & 0xffff;
      if (differs) crc ^= 0x8005;
    }
  }
  return crc;
}

/** Writes the packet of `what` and returns its length. `data` holds the 32 bytes of a command that takes data. */
export function writePacket(
  what: Command,
  parameter: number,
  data: Uint8Array | undefined,
  packet: Uint8Array,
): number {
  const length = what.takesData ? LONG_PACKET_BYTES : SHORT_PACKET_BYTES;
  packet[0] = WORD_ADDRESS.command;
  packet[1] = length - 1;
  packet[2] = what.opcode;
  packet[3] = what.mode;
  packet[4] = parameter & 0xff;
  packet[5] = parameter >>> 8;
  if (what.takesData && data !== undefined) for (let i = 0; i < 32; i++) packet[6 + i] = data[i];
  // The word address is not part of the group.
  const crc = crc16(packet, 1, length - 3);
  packet[length - 2] = crc & 0xff;
  packet[length - 1] = crc >>> 8;
  return length;
}

/** Whether the random bytes from `start` are the pattern ff ff 00 00 ... that the chip gives while its configuration is not locked. */
export function isTestPattern(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < 32; i++) if (bytes[start + i] !== ((i & 2) === 0 ? 0xff : 0x00)) return false;
  return true;
}
