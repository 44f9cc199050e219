import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { CHIP_NAMES, CHIPS } from "../../../../host-sim/board/chip-identity.ts";
import { COMMAND, checksumOf } from "../../../../host-sim/board/loader-protocol.ts";
import { ROM_ERROR } from "../../../../host-sim/board/rom-loader.ts";
import { slipEncode } from "../../../../host-sim/board/slip.ts";
import { counts } from "../../../counts.ts";
import { flashContent, makeBoard, programBytes } from "./bench.ts";
import { DirectBoard, dataCommand, requestPacket, SYNC_DATA, words } from "./direct-board.ts";

const OK = [0, 0, 0, 0];
const failed = (error: number): number[] => [1, error, 0, 0];
const SUPPORTED = [2, 3, 4, 5, 6, 7, 8, 9, 10, 0x0b, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13];

describe("ROM bootloader (esptool documentation, Serial Protocol)", () => {
  const status = (board: DirectBoard, command: number, data?: Uint8Array, checksum = 0): number[] => {
    const responses = board.request(command, data, checksum);
    assert.equal(responses.length, 1);
    assert.equal(responses[0].command, command);
    return [...responses[0].data.subarray(-4)];
  };

  for (const chip of CHIP_NAMES) {
    describe(chip, () => {
      const { imageChipId, magic, hasSecurityInfo, ram, title } = CHIPS[chip];
      const inBootloader = (): DirectBoard => new DirectBoard(chip).enterBootloader();

      it("Commands: answers those of the document, refuses each other one eight times with error 5", () => {
        for (let command = 0; command < 256; command++) {
          const responses = inBootloader().request(command);
          const isSupported = SUPPORTED.includes(command) || (command === 0x14 && hasSecurityInfo);
          if (isSupported) {
            assert.equal(responses.at(-1)?.command, command, `0x${command.toString(16)} is answered`);
          } else {
            assert.equal(responses.length, 8, `0x${command.toString(16)} is refused`);
            for (const response of responses) {
              assert.notEqual(response.command, command === 0 ? -1 : command);
              assert.deepEqual([...response.data], failed(ROM_ERROR.invalidFormat));
            }
          }
        }
      });

      it("SYNC: eight answers whose value is not zero", () => {
        const responses = inBootloader().request(COMMAND.sync, SYNC_DATA);
        assert.equal(responses.length, 8);
        for (const { command, value, data } of responses) {
          assert.equal(command, COMMAND.sync);
          assert.equal(value, 0x20120707);
          assert.deepEqual([...data], OK);
        }
        assert.deepEqual(status(inBootloader(), COMMAND.sync, new Uint8Array(36)), failed(5));
      });

      it("READ_REG: the magic word, and a response whose value stays that of the last one", () => {
        const board = inBootloader();
        assert.equal(board.request(COMMAND.readReg, words(0x40001000))[0].value, magic);
        assert.equal(board.request(COMMAND.spiAttach, words(0, 0))[0].value, magic);
      });

      it("WRITE_REG: value and mask, several at once", () => {
        const board = inBootloader();
        const address = ram[0][0];
        const entries = words(address, 0x12345678, 0xffffffff, 0, address, 0xffffffff, 0x0000ff00, 0);
        assert.deepEqual(status(board, COMMAND.writeReg, entries), OK);
        assert.equal(board.request(COMMAND.readReg, words(address))[0].value, 0x1234ff78);
        assert.deepEqual(status(board, COMMAND.writeReg, words(address, 1, 1)), failed(ROM_ERROR.invalidFormat));
      });

      it("GET_SECURITY_INFO: flags, key purposes, chip ID; the first ESP32 has none", () => {
        const responses = inBootloader().request(COMMAND.getSecurityInfo);
        if (!hasSecurityInfo) {
          assert.equal(responses.length, 8);
          return;
        }
        assert.equal(responses[0].data.length, 20 + 4);
        assert.equal(responses[0].data.readUInt32LE(0), 0);
        assert.equal(responses[0].data.readUInt32LE(12), imageChipId);
      });

      it("MEM_BEGIN, MEM_DATA: into memory only, with a right checksum, and not more than was said", () => {
        const board = inBootloader();
        const [from] = ram[0];
        const payload = programBytes(100);
        const begin = words(100, 1, 0x1800, from);
        assert.deepEqual(status(board, COMMAND.memData, dataCommand(payload), checksumOf(payload)), failed(6));
        assert.deepEqual(status(board, COMMAND.memBegin, words(100, 1, 0x1800, 0x60000000)), failed(0x0f));
        assert.deepEqual(status(board, COMMAND.memBegin, words(0x2000, 1, 0x1800, from)), failed(0x0e));
        assert.deepEqual(status(board, COMMAND.memBegin, begin), OK);
        assert.deepEqual(status(board, COMMAND.memData, dataCommand(payload), 0), failed(ROM_ERROR.checksum));
        assert.deepEqual(status(board, COMMAND.memData, dataCommand(payload), checksumOf(payload)), OK);
        assert.deepEqual(status(board, COMMAND.memData, dataCommand(payload), checksumOf(payload)), failed(0x0e));
        assert.equal(board.request(COMMAND.readReg, words(from))[0].value, Buffer.from(payload).readUInt32LE(0));
      });

      it("MEM_END: stays, starts what was loaded, or hangs where nothing was", () => {
        const board = inBootloader();
        const entry = ram[1][0];
        assert.deepEqual(status(board, COMMAND.memEnd, words(1, 0)), failed(6));
        board.request(COMMAND.memBegin, words(4, 1, 0x1800, entry));
        assert.deepEqual(status(board, COMMAND.memEnd, words(1, 0)), OK);
        assert.equal(board.board.mode, "rom");
        assert.equal(new DirectBoard(chip).enterStub().board.mode, "stub");
        board.request(COMMAND.memBegin, words(4, 1, 0x1800, entry));
        board.request(COMMAND.memEnd, words(0, entry));
        assert.equal(board.board.mode, "crashed");
        assert.deepEqual(board.request(COMMAND.sync, SYNC_DATA), []);
      });

      it("SPI_ATTACH: without it there is no flash", () => {
        const board = inBootloader();
        assert.deepEqual(status(board, COMMAND.flashBegin, words(100, 1, 0x400, 0)), failed(6));
        assert.deepEqual(status(board, COMMAND.spiFlashMd5, words(0, 100, 0, 0)), failed(9));
        assert.deepEqual(status(board, COMMAND.romReadFlash, words(0, 64)), failed(9));
        assert.deepEqual(status(board, COMMAND.spiAttach, words(0)), failed(5));
        assert.deepEqual(status(board, COMMAND.spiAttach, words(0, 0)), OK);
        assert.deepEqual(status(board, COMMAND.flashBegin, words(100, 1, 0x400, 0)), OK);
      });

      it("SPI_SET_PARAMS: nothing beyond that size is touched", () => {
        const board = new DirectBoard(chip, { flashSize: 8 << 20 }).enterBootloader();
        board.request(COMMAND.spiAttach, words(0, 0));
        const beyond = words(0x1000, 4, 0x400, 5 << 20);
        assert.deepEqual(status(board, COMMAND.flashBegin, beyond), failed(6));
        assert.deepEqual(status(board, COMMAND.spiSetParams, words(0, 8 << 20, 0x10000, 0x1000, 256, 0xffff)), OK);
        assert.deepEqual(status(board, COMMAND.flashBegin, beyond), OK);
      });

      it("FLASH_BEGIN, FLASH_DATA: erases what was said, writes, checks each block", () => {
        const board = inBootloader();
        board.board.flashChip.write(0x3000, new Uint8Array(0x2000));
        board.request(COMMAND.spiAttach, words(0, 0));
        assert.deepEqual(
          status(board, COMMAND.flashBegin, words(0x800, 2, 0x400, 0x3000, ...(hasSecurityInfo ? [0] : []))),
          OK,
        );
        const block = programBytes(0x400);
        assert.deepEqual(status(board, COMMAND.flashData, dataCommand(block), 1), failed(ROM_ERROR.checksum));
        for (let i = 0; i < 2; i++)
          assert.deepEqual(status(board, COMMAND.flashData, dataCommand(block, i), checksumOf(block)), OK);
        assert.deepEqual(status(board, COMMAND.flashData, dataCommand(block, 2), checksumOf(block)), failed(8));
        assert.ok(flashContent(board.board, 0x3000, 0x800).equals(Buffer.concat([block, block])));
        assert.ok(flashContent(board.board, 0x3800, 0x800).every((byte) => byte === 0xff));
        assert.ok(
          flashContent(board.board, 0x4000, 0x1000).every((byte) => byte === 0),
          "the next sector is not erased",
        );
      });

      it("FLASH_DEFL_DATA: inflates, and names bad data and a wrong Adler-32", () => {
        const bytes = programBytes(3000);
        const stream = deflateSync(bytes);
        const begun = (): DirectBoard => {
          const board = inBootloader();
          board.request(COMMAND.spiAttach, words(0, 0));
          board.request(COMMAND.flashDeflBegin, words(0xc00, 1, 0x4000, 0x10000));
          return board;
        };
        const board = begun();
        assert.deepEqual(status(board, COMMAND.flashDeflData, dataCommand(stream), checksumOf(stream)), OK);
        assert.ok(flashContent(board.board, 0x10000, 3000).equals(bytes));
        const bad = Buffer.from(stream);
        bad[bad.length - 1] ^= 1;
        assert.deepEqual(status(begun(), COMMAND.flashDeflData, dataCommand(bad), checksumOf(bad)), failed(0x0c));
        const junk = Buffer.alloc(20, 0xee);
        assert.deepEqual(status(begun(), COMMAND.flashDeflData, dataCommand(junk), checksumOf(junk)), failed(0x0b));
        assert.deepEqual(status(begun(), COMMAND.flashData, dataCommand(junk), checksumOf(junk)), failed(6));
      });

      it("SPI_FLASH_MD5: 32 hexadecimal digits, then four status bytes", () => {
        const board = inBootloader();
        const bytes = programBytes(5000);
        board.board.flashChip.write(0x7001, bytes);
        board.request(COMMAND.spiAttach, words(0, 0));
        const [{ data }] = board.request(COMMAND.spiFlashMd5, words(0x7001, 5000, 0, 0));
        assert.equal(data.length, 36);
        assert.equal(data.toString("latin1", 0, 32), createHash("md5").update(bytes).digest("hex"));
        assert.deepEqual(status(board, COMMAND.spiFlashMd5, words(0, 5 << 20, 0, 0)), failed(0x0a));
      });

      it("READ_FLASH of the ROM: 64 bytes at a time", () => {
        const board = inBootloader();
        const bytes = programBytes(60);
        board.board.flashChip.write(0x7000, bytes);
        board.request(COMMAND.spiAttach, words(0, 0));
        const [{ data }] = board.request(COMMAND.romReadFlash, words(0x7000, 60));
        assert.equal(data.length, 68);
        assert.ok(data.subarray(0, 60).equals(bytes));
        assert.deepEqual(status(board, COMMAND.romReadFlash, words(0, 65)), failed(0x0a));
      });

      it("CHANGE_BAUDRATE: answers at the old rate, hears noise until the host follows", () => {
        const board = inBootloader();
        assert.deepEqual(status(board, COMMAND.changeBaudRate, words(921600, 0)), OK);
        assert.deepEqual(board.request(COMMAND.readReg, words(0x40001000)), []);
        board.board.setHostBaudRate(921600);
        // The noise may have begun a packet; two ends finish it.
        board.board.receive(Uint8Array.of(0xc0, 0xc0));
        assert.equal(board.request(COMMAND.readReg, words(0x40001000))[0].value, magic);
      });

      it("FLASH_END: leaves the bootloader", () => {
        for (const command of [COMMAND.flashEnd, COMMAND.flashDeflEnd]) {
          const board = inBootloader();
          board.request(command, words(0));
          assert.equal(board.board.mode, "blank");
        }
      });

      it("Secure Download Mode: only what the document leaves", () => {
        const board = new DirectBoard(chip, { secureDownload: true }).enterBootloader();
        assert.equal(board.request(COMMAND.sync, SYNC_DATA)[0].command, COMMAND.sync);
        for (const command of [COMMAND.readReg, COMMAND.memBegin, COMMAND.flashDeflBegin, COMMAND.spiFlashMd5])
          assert.equal(board.request(command, words(0x40001000)).length, 8);
        if (hasSecurityInfo) assert.equal(board.request(COMMAND.getSecurityInfo)[0].data.readUInt32LE(0), 4);
      });

      it(`Boot Log: names itself, ${title}, and waits for a download`, () => {
        const board = new DirectBoard(chip);
        assert.match(board.text(), /boot:0x[0-9a-f]+ \(SPI_FAST_FLASH_BOOT\)\r\ninvalid header: 0xffffffff\r\n/);
        board.board.setLines(false, true);
        board.pass(100);
        board.board.setLines(true, false);
        board.pass(50);
        assert.match(board.text(), /boot:0x[0-9a-f]+ \(DOWNLOAD[^\n]*\)\r\nwaiting for download\r\n$/);
      });
    });
  }

  it("refuses a packet whose size field does not agree with it", () => {
    const packet = requestPacket(COMMAND.readReg, words(0x40001000));
    packet[2] = 5;
    const [response] = new DirectBoard("esp32c3").enterBootloader().packets(packet);
    assert.deepEqual([...response.subarray(-4)], failed(5));
  });

  it("takes any bytes without throwing, and still answers", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CHIP_NAMES),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 0x20 }), fc.uint8Array({ maxLength: 40 }))),
        (chip, packets) => {
          const board = new DirectBoard(chip).enterBootloader();
          for (const [command, data] of packets)
            board.board.receive(slipEncode(requestPacket(command, data, checksumOf(data.subarray(16)))));
          if (board.board.mode !== "rom") return;
          board.board.receive(Uint8Array.of(0xc0));
          assert.equal(board.request(COMMAND.sync, SYNC_DATA).at(-1)?.command, COMMAND.sync);
        },
      ),
      // A board is made for each: its flash is 4 MB.
      { numRuns: counts(50, 1000), seed: 6 },
    );
  });

  it("is not reached by bytes outside of packets, nor by packets that are too long", () => {
    const board = new DirectBoard("esp32").enterBootloader();
    board.board.receive(new Uint8Array(50_000).fill(0x41));
    board.board.receive(Uint8Array.from([0xc0, ...new Array(40_000).fill(0x41), 0xc0]));
    assert.equal(board.request(COMMAND.sync, SYNC_DATA).length, 8);
  });
});

describe("reset by DTR and RTS", () => {
  const at = (board: DirectBoard, dtr: boolean, rts: boolean, ms: number): string => {
    board.board.setLines(dtr, rts);
    board.pass(ms);
    return board.board.mode;
  };

  it("holds the chip while RTS alone is asserted, and lets it start its flash after", () => {
    const board = new DirectBoard("esp32");
    assert.equal(at(board, false, true, 1), "held");
    assert.equal(at(board, false, true, 500), "held");
    assert.equal(at(board, false, false, 5), "held", "EN rises slowly");
    assert.equal(at(board, false, false, 6), "blank");
  });

  it("starts the bootloader when DTR alone is asserted as EN comes up, also where the lines change one after the other", () => {
    for (const between of [
      [true, true],
      [false, false],
    ]) {
      const board = new DirectBoard("esp32");
      at(board, false, true, 100);
      at(board, between[0], between[1], 3);
      at(board, true, false, 50);
      assert.equal(at(board, false, false, 50), "rom");
    }
  });

  it("does nothing when both are asserted or both released, as opening a port may do", () => {
    const board = new DirectBoard("esp32");
    for (const both of [true, false, true]) assert.equal(at(board, both, both, 100), "blank");
  });

  it("does nothing to a board without power", () => {
    const board = new DirectBoard("esp32");
    board.board.unplug();
    at(board, false, true, 100);
    assert.equal(at(board, false, false, 100), "unplugged");
  });
});

describe("faults of the modelled board", () => {
  it("a lost byte breaks its packet, and the next one is heard", () => {
    let loses = -1;
    const board = new DirectBoard("esp32c3", {
      faults: { losesFromHost: (index) => index === loses },
    }).enterBootloader();
    const packet = slipEncode(requestPacket(COMMAND.readReg, words(0x40001000)));
    loses = 6;
    assert.deepEqual([...board.request(COMMAND.readReg, words(0x40001000))[0].data], failed(5));
    assert.equal(packet.length, 14);
    assert.equal(board.request(COMMAND.readReg, words(0x40001000))[0].value, CHIPS.esp32c3.magic);
  });

  it("a byte lost to the host is missing there", () => {
    const board = new DirectBoard("esp32c3", { faults: { losesToHost: (index) => index % 2 === 0 } });
    assert.ok(board.text().startsWith("S-O"), "ESP-ROM, every other byte");
  });

  it("a digest is wrong where it is told to be", () => {
    const board = new DirectBoard("esp32c3", {
      faults: { spoilsDigest: (offset) => offset === 0x1000 },
    }).enterBootloader();
    board.request(COMMAND.spiAttach, words(0, 0));
    const digest = (offset: number): string =>
      board.request(COMMAND.spiFlashMd5, words(offset, 16, 0, 0))[0].data.toString();
    assert.notEqual(digest(0x1000), digest(0x2000));
  });

  it("a pulled cable ends everything; what was written stays", () => {
    const board = makeBoard("esp32c3");
    let gone = 0;
    board.onUnplugged = () => gone++;
    board.plugIn();
    board.flashChip.write(0, Uint8Array.of(1, 2, 3));
    board.unplug();
    board.unplug();
    board.receive(Uint8Array.of(0xc0));
    assert.equal(gone, 1);
    board.plugIn();
    assert.deepEqual([...flashContent(board, 0, 3)], [1, 2, 3]);
    board.unplug();
  });

  it("power that fails in the middle of a write unplugs the board", () => {
    const board = new DirectBoard("esp32c3").enterBootloader();
    board.request(COMMAND.spiAttach, words(0, 0));
    board.request(COMMAND.flashBegin, words(0x400, 1, 0x400, 0));
    board.board.unplugInFlashOperation(2);
    const block = programBytes(0x400);
    assert.deepEqual(board.request(COMMAND.flashData, dataCommand(block), checksumOf(block)), []);
    assert.equal(board.board.mode, "unplugged");
  });
});
