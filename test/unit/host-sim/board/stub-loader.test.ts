import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { CHIP_NAMES, CHIPS } from "../../../../host-sim/board/chip-identity.ts";
import { COMMAND, checksumOf } from "../../../../host-sim/board/loader-protocol.ts";
import { slipEncode } from "../../../../host-sim/board/slip.ts";
import { counts } from "../../../counts.ts";
import { flashContent, programBytes } from "./bench.ts";
import { DirectBoard, dataCommand, requestPacket, SYNC_DATA, words } from "./direct-board.ts";

const SUPPORTED = [2, 3, 4, 5, 6, 7, 8, 9, 10, 0x0b, 0x0d, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0xd0, 0xd1, 0xd2];

describe("flasher stub (esptool documentation, Serial Protocol)", () => {
  const inStub = (): DirectBoard => new DirectBoard("esp32c6").enterStub();
  const status = (board: DirectBoard, command: number, data?: Uint8Array, checksum = 0): number => {
    const responses = board.request(command, data, checksum);
    assert.equal(responses.length, 1);
    assert.equal(responses[0].command, command);
    assert.equal(responses[0].data.length, 2, "two status bytes");
    return responses[0].data[0];
  };

  it("greets with OHAI", () => {
    const board = new DirectBoard("esp32").enterBootloader();
    const entry = CHIPS.esp32.ram[1][0];
    const program = Uint8Array.of(1, 2, 3, 4);
    board.request(COMMAND.memBegin, words(4, 1, 0x1800, entry));
    board.request(COMMAND.memData, dataCommand(program), checksumOf(program));
    const packets = board.packets(requestPacket(COMMAND.memEnd, words(0, entry)));
    assert.equal(packets.at(-1)?.toString(), "OHAI");
  });

  it("Commands: answers those of the document, refuses the others once", () => {
    for (let command = 0; command < 256; command++) {
      if (command === COMMAND.runUserCode) continue;
      const responses = inStub().request(command);
      assert.equal(responses.at(-1)?.command, command);
      const error = responses.at(-1)!.data[0];
      if (!SUPPORTED.includes(command)) assert.equal(error, command >= 0xd5 && command <= 0xde ? 0xff : 0xc3);
      else assert.ok(![0xc3, 0xff].includes(error), `0x${command.toString(16)} is known`);
    }
  });

  it("SYNC: eight answers with value zero, by which a stub is known", () => {
    const responses = inStub().request(COMMAND.sync, SYNC_DATA);
    assert.deepEqual(
      responses.map(({ value }) => value),
      new Array(8).fill(0),
    );
  });

  it("acknowledges a block before it is written, and tells of failure with the next command", () => {
    const board = inStub();
    const junk = Buffer.alloc(20, 0xee);
    board.request(COMMAND.flashDeflBegin, words(3000, 1, 0x4000, 0x10000));
    assert.equal(status(board, COMMAND.flashDeflData, dataCommand(junk), checksumOf(junk)), 0);
    assert.equal(status(board, COMMAND.flashDeflEnd, words(1)), 0xc7);
  });

  it("names wrong checksums, lengths and times", () => {
    const board = inStub();
    const block = programBytes(64);
    assert.equal(status(board, COMMAND.flashData, dataCommand(block), checksumOf(block)), 0xc6);
    assert.equal(status(board, COMMAND.flashEnd, words(1)), 0xc6);
    assert.equal(status(board, COMMAND.flashBegin, words(64, 1, 0x4000)), 0xc0);
    assert.equal(status(board, COMMAND.flashBegin, words(64, 1, 0x4000, 0)), 0);
    assert.equal(status(board, COMMAND.flashData, dataCommand(block), 0), 0xc1);
    assert.equal(status(board, COMMAND.flashData, dataCommand(block).subarray(0, 40), 0), 0xc9);
    assert.equal(status(board, COMMAND.flashEnd, words(1)), 0xc0, "data is missing");
    assert.equal(status(board, COMMAND.memData, dataCommand(block), 0), 0xc6);
    assert.equal(status(board, COMMAND.eraseRegion, words(1, 4096)), 0xc0);
    assert.equal(status(board, COMMAND.spiFlashMd5, words(0, 5 << 20, 0, 0)), 0xc4);
    assert.equal(status(board, COMMAND.spiAttach, words(0, 0)), 0xc0, "the stub takes one word");
  });

  it("erases sectors that hold something, and no other", () => {
    const board = inStub();
    board.board.flashChip.write(0x11000, new Uint8Array(16));
    const bytes = programBytes(0x2800);
    const stream = deflateSync(bytes);
    board.request(COMMAND.flashDeflBegin, words(bytes.length, 1, 0x4000, 0x10000));
    board.request(COMMAND.flashDeflData, dataCommand(stream), checksumOf(stream));
    assert.equal(status(board, COMMAND.flashDeflEnd, words(1)), 0);
    assert.ok(flashContent(board.board, 0x10000, bytes.length).equals(bytes));
    assert.deepEqual([...board.board.flashChip.eraseCounts.subarray(0xf, 0x14)], [0, 0, 1, 0, 0]);
    assert.equal(board.board.mode, "stub");
  });

  it("SPI_FLASH_MD5: 16 bytes", () => {
    const board = inStub();
    const bytes = programBytes(5000);
    board.board.flashChip.write(0x7001, bytes);
    const [{ data }] = board.request(COMMAND.spiFlashMd5, words(0x7001, 5000, 0, 0));
    assert.ok(data.subarray(0, 16).equals(createHash("md5").update(bytes).digest()));
    assert.equal(data.length, 18);
  });

  it("ERASE_REGION and ERASE_FLASH", () => {
    const board = inStub();
    board.board.flashChip.write(0, new Uint8Array(0x4000));
    assert.equal(status(board, COMMAND.eraseRegion, words(0x1000, 0x1000)), 0);
    assert.ok(flashContent(board.board, 0x1000, 0x1000).every((byte) => byte === 0xff));
    assert.ok(flashContent(board.board, 0x2000, 0x1000).every((byte) => byte === 0));
    assert.equal(status(board, COMMAND.eraseFlash), 0);
    assert.ok(flashContent(board.board, 0, 0x4000).every((byte) => byte === 0xff));
  });

  it("READ_FLASH: packet after packet as they are acknowledged, then their MD5", () => {
    const board = inStub();
    const bytes = programBytes(2500);
    board.board.flashChip.write(0x7000, bytes);
    let [, packet] = board.packets(requestPacket(COMMAND.readFlash, words(0x7000, 2500, 1024, 64)));
    const parts: Buffer[] = [];
    for (let length = 0; length < 2500; ) {
      parts.push(packet);
      length += packet.length;
      [packet] = board.packets(words(length));
    }
    assert.deepEqual(
      parts.map((part) => part.length),
      [1024, 1024, 452],
    );
    assert.ok(Buffer.concat(parts).equals(bytes));
    assert.ok(packet.equals(createHash("md5").update(bytes).digest()));
    assert.equal(board.request(COMMAND.sync, SYNC_DATA).length, 8, "commands again");
  });

  it("READ_FLASH: ends with a digest when the host answers anything else", () => {
    const board = inStub();
    board.packets(requestPacket(COMMAND.readFlash, words(0x7000, 2500, 1024, 64)));
    assert.equal(board.packets(SYNC_DATA)[0].length, 16);
    assert.equal(board.request(COMMAND.sync, SYNC_DATA).length, 8);
  });

  it("GET_SECURITY_INFO: not on the first ESP32", () => {
    assert.equal(status(new DirectBoard("esp32").enterStub(), COMMAND.getSecurityInfo), 0xff);
    assert.equal(inStub().request(COMMAND.getSecurityInfo)[0].data.length, 22);
  });

  it("RUN_USER_CODE: starts what is in flash, without an answer", () => {
    const board = inStub();
    board.raw = Buffer.alloc(0);
    board.board.receive(slipEncode(requestPacket(COMMAND.runUserCode, new Uint8Array(0))));
    assert.equal(board.board.mode, "blank");
    assert.match(board.text(), /^ESP-ROM/);
  });

  it("FLASH_END: 0 restarts, 1 stays", () => {
    for (const [word, mode] of [
      [0, "blank"],
      [1, "stub"],
    ] as const) {
      const board = inStub();
      board.request(COMMAND.flashBegin, words(0, 0, 0x4000, 0));
      board.request(COMMAND.flashEnd, words(word));
      assert.equal(board.board.mode, mode);
    }
  });

  it("takes any bytes without throwing", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CHIP_NAMES),
        fc.array(fc.tuple(fc.constantFrom(...SUPPORTED, 0xd3, 0xd4, 0xd8), fc.uint8Array({ maxLength: 40 }))),
        (chip, packets) => {
          const board = new DirectBoard(chip).enterStub();
          for (const [command, data] of packets)
            board.board.receive(slipEncode(requestPacket(command, data, checksumOf(data.subarray(16)))));
          assert.ok(["stub", "blank", "crashed"].includes(board.board.mode));
        },
      ),
      { numRuns: counts(50, 1000), seed: 6 },
    );
  });
});
