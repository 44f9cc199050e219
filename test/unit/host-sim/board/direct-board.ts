/** A modelled board without a port: packets in, packets out, in virtual time. */
import type { ChipName } from "../../../../host-sim/board/chip-identity.ts";
import { checksumOf, readWord, writeWord } from "../../../../host-sim/board/loader-protocol.ts";
import type { BoardOptions, ModelledBoard } from "../../../../host-sim/board/modelled-board.ts";
import { SlipReader, slipEncode } from "../../../../host-sim/board/slip.ts";
import { World } from "../../../../host-sim/world.ts";
import { makeBoard } from "./bench.ts";

export interface Response {
  command: number;
  value: number;
  data: Buffer;
}

export function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, i) => {
    writeWord(bytes, i * 4, value);
  });
  return bytes;
}

export const SYNC_DATA = Uint8Array.from([7, 7, 0x12, 0x20, ...new Array(32).fill(0x55)]);

export class DirectBoard {
  readonly world = new World(6, 0);
  readonly board: ModelledBoard;
  /** Everything that the board has sent. */
  raw = Buffer.alloc(0);

  constructor(chip: ChipName, options: Partial<BoardOptions> = {}) {
    this.board = makeBoard(chip, { timer: this.world, ...options });
    this.board.onSend = (bytes) => {
      this.raw = Buffer.concat([this.raw, bytes]);
    };
    this.board.plugIn();
    this.pass(20);
  }

  pass(ms: number): void {
    this.world.run(this.world.nowUs + ms * 1000);
  }

  /** What the board has sent since the last time, as text. */
  text(): string {
    const text = this.raw.toString("latin1");
    this.raw = Buffer.alloc(0);
    return text;
  }

  /** The classic reset of esptool into the bootloader. */
  enterBootloader(): this {
    this.board.setLines(false, true);
    this.pass(100);
    this.board.setLines(true, false);
    this.pass(50);
    this.board.setLines(false, false);
    this.raw = Buffer.alloc(0);
    return this;
  }

  /** Uploads something and runs it: the board takes it for the stub. */
  enterStub(): this {
    this.enterBootloader();
    const { ram } = this.board.chip;
    const entry = ram[1][0];
    const program = Uint8Array.of(0x36, 0x41, 0x00, 0x00);
    this.request(0x05, words(4, 1, 0x1800, entry));
    this.request(0x07, dataCommand(program), checksumOf(program));
    this.request(0x06, words(0, entry));
    return this;
  }

  /** Sends a request and returns the responses. */
  request(command: number, data: Uint8Array = new Uint8Array(0), checksum = 0): Response[] {
    return this.packets(requestPacket(command, data, checksum)).map((packet) => ({
      command: packet[1],
      value: readWord(packet, 4),
      data: packet.subarray(8),
    }));
  }

  /** Sends a packet and returns the packets that come back. */
  packets(packet: Uint8Array): Buffer[] {
    this.raw = Buffer.alloc(0);
    this.board.receive(slipEncode(packet));
    return decode(this.raw);
  }
}

export function requestPacket(command: number, data: Uint8Array, checksum = 0): Uint8Array {
  const packet = Buffer.alloc(8 + data.length);
  packet[1] = command;
  packet.writeUInt16LE(data.length, 2);
  packet.writeUInt32LE(checksum, 4);
  packet.set(data, 8);
  return packet;
}

/** The data of a _DATA command. */
export function dataCommand(payload: Uint8Array, sequence = 0): Uint8Array {
  return Buffer.concat([words(payload.length, sequence, 0, 0), payload]);
}

export function decode(bytes: Uint8Array): Buffer[] {
  const reader = new SlipReader(1 << 16);
  const packets: Buffer[] = [];
  for (const byte of bytes) {
    const packet = reader.push(byte);
    if (packet !== undefined) packets.push(Buffer.from(packet));
  }
  return packets;
}
