import assert from "node:assert/strict";
import fc from "fast-check";
import { CHIP_NAMES, CHIPS } from "../../../../host-sim/board/chip-identity.ts";
import { parseImage } from "../../../../host-sim/board/esp-image.ts";
import { parsePartitionTable } from "../../../../host-sim/board/partition-table.ts";
import { counts } from "../../../counts.ts";
import { makeImage, makePartitionTable, ROWS, type Row } from "./bench.ts";
import { DirectBoard } from "./direct-board.ts";

describe("firmware images (esptool documentation, Firmware Image Format)", () => {
  it("gives chip, flash size, length and what the application says of itself", () => {
    for (const chip of CHIP_NAMES) {
      const image = makeImage(chip, { version: "2.5.1", flashMegabytes: 8 });
      const parsed = parseImage(Buffer.concat([image, Buffer.alloc(100, 0xff)]));
      assert.ok(parsed.ok);
      assert.equal(parsed.chipId, CHIPS[chip].imageChipId);
      assert.equal(parsed.flashSize, 8 << 20);
      assert.equal(parsed.length, image.length);
      assert.deepEqual(parsed.app, { project: "groundtruth", version: "2.5.1", sdk: "" });
    }
  });

  it("names what is wrong with one", () => {
    const image = makeImage("esp32c3");
    const reasonOf = (bytes: Uint8Array): string => {
      const parsed = parseImage(bytes);
      return parsed.ok ? "none" : parsed.reason;
    };
    assert.equal(reasonOf(image.subarray(0, image.length - 1)), "too-short");
    assert.equal(reasonOf(image.subarray(1)), "not-an-image");
    for (const [at, reason] of [
      [100, "bad-checksum"],
      [image.length - 1, "bad-digest"],
      [5, "bad-digest"],
    ] as const) {
      const damaged = Buffer.from(image);
      damaged[at] ^= 0x20;
      assert.equal(reasonOf(damaged), reason);
    }
  });

  it("takes any bytes without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        assert.doesNotThrow(() => parseImage(Uint8Array.from([0xe9, ...bytes])));
        assert.doesNotThrow(() => parsePartitionTable(Uint8Array.from([0xaa, 0x50, ...bytes])));
      }),
      { numRuns: counts(500, 20_000), seed: 6 },
    );
  });
});

describe("partition table (ESP-IDF, Partition Tables)", () => {
  it("gives the entries, with or without the MD5 entry", () => {
    const table = makePartitionTable();
    const expected = ROWS.map(([label, type, subtype, offset, size]) => ({ label, type, subtype, offset, size }));
    assert.deepEqual(parsePartitionTable(table), { ok: true, partitions: expected });
    table.fill(0xff, ROWS.length * 32);
    assert.deepEqual(parsePartitionTable(table), { ok: true, partitions: expected });
  });

  it("names a wrong MD5, and what is no table", () => {
    const table = makePartitionTable();
    table[40] ^= 1;
    assert.deepEqual(parsePartitionTable(table), { ok: false, reason: "bad-partition-table" });
    assert.deepEqual(parsePartitionTable(new Uint8Array(3072).fill(0xff)), { ok: false, reason: "no-partition-table" });
  });
});

describe("what a modelled board does after a reset", () => {
  const boot = (parts: [offset: number, bytes: Uint8Array][]): { board: DirectBoard; text: string } => {
    const board = new DirectBoard("esp32s3");
    for (const [offset, bytes] of parts) board.board.flashChip.write(offset, bytes);
    board.text();
    board.board.setLines(false, true);
    board.pass(100);
    board.board.setLines(false, false);
    board.pass(20);
    return { board, text: board.text() };
  };
  const bootloader = makeImage("esp32s3", { body: new Uint8Array(100) });
  const app = makeImage("esp32s3", { version: "0.9.2" });

  it("starts the first application", () => {
    const { board, text } = boot([
      [0, bootloader],
      [0x8000, makePartitionTable()],
      [0x20000, app],
    ]);
    assert.equal(board.board.mode, "application");
    assert.match(text, /partition at offset 0x20000\r\n.*groundtruth\r\n.*0\.9\.2\r\n$/);
  });

  it("prefers the factory's application", () => {
    const rows: Row[] = [...ROWS, ["factory", 0, 0, 0x220000, 0x100000]];
    const { text } = boot([
      [0, bootloader],
      [0x8000, makePartitionTable(rows)],
      [0x20000, app],
      [0x220000, app],
    ]);
    assert.match(text, /partition at offset 0x220000/);
  });

  for (const [title, parts, line] of [
    ["nothing", [], /invalid header: 0xffffffff/],
    ["a bootloader of another chip", [[0, makeImage("esp32c3")]], /image is of another chip/],
    ["a damaged bootloader", [[0, bootloader.subarray(0, 90)]], /csum err/],
    [
      "a bootloader for more flash",
      [[0, makeImage("esp32s3", { flashMegabytes: 16 })]],
      /Detected size\(4096k\) smaller than .*\(16384k\)/,
    ],
    ["no partition table", [[0, bootloader]], /Failed to verify partition table/],
    [
      "no application",
      [
        [0, bootloader],
        [0x8000, makePartitionTable()],
      ],
      /No bootable app/,
    ],
    [
      "an application of another chip",
      [
        [0, bootloader],
        [0x8000, makePartitionTable()],
        [0x20000, makeImage("esp32")],
      ],
      /No bootable app/,
    ],
  ] as [string, [number, Uint8Array][], RegExp][]) {
    it(`says what it wants for: ${title}; again and again`, () => {
      const { board, text } = boot(parts);
      assert.equal(board.board.mode, "blank");
      assert.match(text, line);
      board.pass(1000);
      assert.equal(board.text().match(new RegExp(line, "g"))?.length, 2);
    });
  }

  it("hands bytes to the application and takes its own, until a reset stops it", () => {
    const heard: number[] = [];
    let stops = 0;
    const board = new DirectBoard("esp32s3", {
      startApplication: ({ send, timer }) => {
        const event = timer.after(5000, () => send(Uint8Array.of(0x41)));
        return {
          receive: (bytes) => heard.push(...bytes),
          stop: () => {
            stops++;
            timer.cancel(event);
          },
        };
      },
    });
    for (const [offset, bytes] of [
      [0, bootloader],
      [0x8000, makePartitionTable()],
      [0x20000, app],
    ] as const)
      board.board.flashChip.write(offset, bytes);
    const restart = (): void => {
      board.board.setLines(false, true);
      board.board.setLines(false, false);
      board.pass(11);
    };
    restart();
    board.text();
    board.board.receive(Uint8Array.of(1, 2, 3));
    board.pass(10);
    assert.deepEqual([heard, board.text()], [[1, 2, 3], "A"]);
    board.board.setHostBaudRate(9600);
    board.board.receive(Uint8Array.of(4));
    assert.notEqual(heard[3], 4, "a wrong rate");
    restart();
    assert.equal(stops, 1);
    board.board.unplug();
    assert.equal(stops, 2);
    board.pass(100);
  });
});
