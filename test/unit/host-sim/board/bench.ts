/** A modelled board behind RFC 2217 on loopback, and programs to put on it. */
import { createHash } from "node:crypto";
import { startBootLog } from "../../../../host-sim/board/boot-log-application.ts";
import { CHIPS, type ChipName } from "../../../../host-sim/board/chip-identity.ts";
import { type BoardOptions, ModelledBoard } from "../../../../host-sim/board/modelled-board.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { Rfc2217Server } from "../../../../tools/serial/rfc2217-server.ts";
import { WallTimer } from "../../../../tools/serial/wall-timer.ts";

export const MAC = Uint8Array.of(0x24, 0x6f, 0x28, 0x7a, 0xd8, 0x84);
export const MAC_TEXT = "24:6f:28:7a:d8:84";

export function makeBoard(chip: ChipName, options: Partial<BoardOptions> = {}): ModelledBoard {
  return new ModelledBoard({
    chip,
    mac: MAC,
    flashSize: 4 << 20,
    timer: new WallTimer(),
    random: new RandomStream(6, "board"),
    startApplication: startBootLog,
    ...options,
  });
}

export interface Served {
  board: ModelledBoard;
  /** As a user writes it after --port. */
  port: string;
  number: number;
  close(): Promise<void>;
}

/** Serves a board that is plugged in. */
export async function serve(board: ModelledBoard): Promise<Served> {
  const server = new Rfc2217Server(board);
  const number = await server.listen();
  board.plugIn();
  const close = async (): Promise<void> => {
    await server.close();
    board.unplug();
  };
  return { board, port: `rfc2217://127.0.0.1:${number}`, number, close };
}

export function flashContent(board: ModelledBoard, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  board.flashChip.read(offset, bytes);
  return bytes;
}

/** Bytes that look like a program: partly regular, partly not. */
export function programBytes(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, (_, i) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return i & 64 ? state >>> 24 : i >> 4;
  });
}

/** An application's or a bootloader's image, after "Firmware Image Format": one segment, checksum, SHA-256. */
export function makeImage(
  chip: ChipName,
  {
    size = 5000,
    version = "1.0.0",
    flashMegabytes = 4,
    body,
  }: { size?: number; version?: string; flashMegabytes?: number; body?: Uint8Array } = {},
): Uint8Array {
  const segment = Buffer.from(body ?? programBytes(size, CHIPS[chip].imageChipId + 1));
  if (segment.length >= 256 && body === undefined) {
    segment.fill(0, 0, 256);
    segment.writeUInt32LE(0xabcd5432, 0);
    segment.write(version, 16);
    segment.write("groundtruth", 48);
  }
  const header = Buffer.alloc(32);
  header[0] = 0xe9;
  header[1] = 1;
  header[2] = 2;
  header[3] = Math.log2(flashMegabytes) << 4;
  header.writeUInt16LE(CHIPS[chip].imageChipId, 12);
  header[23] = 1;
  header.writeUInt32LE(0x3f400020, 24);
  header.writeUInt32LE(segment.length, 28);
  const length = 32 + segment.length;
  const checksum = segment.reduce((sum, byte) => sum ^ byte, 0xef);
  const image = Buffer.concat([header, segment, Buffer.alloc(16 - (length % 16))]);
  image[image.length - 1] = checksum;
  return Buffer.concat([image, createHash("sha256").update(image).digest()]);
}

export type Row = [label: string, type: number, subtype: number, offset: number, size: number];

export const ROWS: readonly Row[] = [
  ["nvs", 1, 2, 0x9000, 0x10000],
  ["otadata", 1, 0, 0x19000, 0x2000],
  ["phy_init", 1, 1, 0x1b000, 0x1000],
  ["ota_0", 0, 0x10, 0x20000, 0x100000],
  ["ota_1", 0, 0x11, 0x120000, 0x100000],
];

/** A partition table in its binary form, with its MD5. */
export function makePartitionTable(rows: readonly Row[] = ROWS): Uint8Array {
  const table = Buffer.alloc(0xc00, 0xff);
  rows.forEach(([label, type, subtype, offset, size], i) => {
    const entry = Buffer.alloc(32);
    entry.writeUInt16LE(0x50aa, 0);
    entry[2] = type;
    entry[3] = subtype;
    entry.writeUInt32LE(offset, 4);
    entry.writeUInt32LE(size, 8);
    entry.write(label, 12);
    entry.copy(table, i * 32);
  });
  const end = rows.length * 32;
  table.writeUInt16LE(0xebeb, end);
  createHash("md5")
    .update(table.subarray(0, end))
    .digest()
    .copy(table, end + 16);
  return table;
}
