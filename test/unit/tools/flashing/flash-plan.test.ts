import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { CHIPS } from "../../../../host-sim/board/chip-identity.ts";
import { FLASH_EXIT, FlashError } from "../../../../tools/flashing/flash-error.ts";
import { chooseBuild, type FlashSegment, loadBuilds } from "../../../../tools/flashing/flash-image.ts";
import { findKeys } from "../../../../tools/flashing/flash-keys.ts";
import { blankOtaData, checkBoard, checkSegments, piecesOf } from "../../../../tools/flashing/flash-plan.ts";
import { ProgressMeter, progressLine } from "../../../../tools/flashing/flash-progress.ts";
import { makeImage, makePartitionTable, programBytes, ROWS } from "../../host-sim/board/bench.ts";

function refuses(exitCode: number, what: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof FlashError && error.exitCode === exitCode && what.test(error.message) && error.next !== "";
}

const segment = (name: string, offset: number, bytes: Uint8Array): FlashSegment => ({ name, offset, bytes });
const bootloader = segment("bootloader.bin", 0, makeImage("esp32s3"));
const table = segment("partition-table.bin", 0x8000, makePartitionTable());
const app = segment("app.bin", 0x20000, makeImage("esp32s3", { size: 300_000 }));

describe("what may be flashed", () => {
  it("a whole firmware: its chip, and the flash that it needs", () => {
    const checked = checkSegments([app, table, bootloader], []);
    assert.equal(checked.chip, "esp32s3");
    assert.equal(checked.neededSize, 4 << 20);
    assert.deepEqual(
      checked.segments.map(({ name }) => name),
      ["bootloader.bin", "partition-table.bin", "app.bin"],
    );
  });

  for (const [title, segments, exitCode, what] of [
    ["nothing", [], FLASH_EXIT.badImage, /nothing/],
    ["an empty file", [segment("a", 0, new Uint8Array(0))], FLASH_EXIT.badImage, /empty/],
    ["a place within a sector", [segment("a", 0x100, programBytes(10))], FLASH_EXIT.badImage, /sectors/],
    [
      "two in one sector",
      [segment("a", 0, programBytes(10)), segment("b", 0, programBytes(10))],
      FLASH_EXIT.badImage,
      /lies over a/,
    ],
    [
      "one over another",
      [segment("a", 0x1000, programBytes(5000)), segment("b", 0x2000, programBytes(10))],
      FLASH_EXIT.badImage,
      /lies over a/,
    ],
    [
      "a damaged image",
      [segment("a", 0, makeImage("esp32").subarray(0, 4000))],
      FLASH_EXIT.badImage,
      /damaged: too-short/,
    ],
    [
      "images of two chips",
      [bootloader, segment("b", 0x20000, makeImage("esp32c3"))],
      FLASH_EXIT.wrongChip,
      /ESP32-C3.*ESP32-S3/,
    ],
    ["a damaged table", [segment("t", 0x8000, programBytes(0xc00))], FLASH_EXIT.badImage, /partition table is damaged/],
    [
      "more than its partition holds",
      [table, segment("a", 0x19000, programBytes(0x2001))],
      FLASH_EXIT.badImage,
      /does not fit.*otadata/,
    ],
    [
      "something in the partition of keys",
      [table, segment("a", 0x9000, programBytes(100))],
      FLASH_EXIT.keysInImage,
      /partition "nvs"/,
    ],
    [
      "one file of the whole flash",
      [table, segment("a", 0x9000, new Uint8Array(0x8000).fill(0xff))],
      FLASH_EXIT.keysInImage,
      /"nvs"/,
    ],
  ] as [string, FlashSegment[], number, RegExp][]) {
    it(`not ${title}`, () => assert.throws(() => checkSegments(segments, []), refuses(exitCode, what)));
  }

  it("not on another chip, nor with too little flash", () => {
    const checked = checkSegments([bootloader, table, app], []);
    assert.doesNotThrow(() => checkBoard(checked, CHIPS.esp32s3, 4 << 20, undefined));
    assert.throws(
      () => checkBoard(checked, CHIPS.esp32c3, 4 << 20, undefined),
      refuses(FLASH_EXIT.wrongChip, /this is an ESP32-C3/),
    );
    assert.throws(
      () => checkBoard(checked, CHIPS.esp32s3, 4 << 20, "esp32"),
      refuses(FLASH_EXIT.wrongChip, /not an ESP32$/),
    );
    assert.throws(
      () => checkBoard(checked, CHIPS.esp32s3, 2 << 20, undefined),
      refuses(FLASH_EXIT.flashTooSmall, /4 MB.*2 MB/),
    );
  });

  it("a new application is started: otadata is blanked, unless it is in the firmware", () => {
    const partitions = ROWS.map(([label, type, subtype, offset, size]) => ({ label, type, subtype, offset, size }));
    const [blank] = blankOtaData([app], partitions);
    assert.equal(blank.offset, 0x19000);
    assert.ok(blank.bytes.length === 0x2000 && blank.bytes.every((byte) => byte === 0xff));
    assert.deepEqual(blankOtaData([bootloader, table], partitions), []);
    assert.deepEqual(blankOtaData([app, segment("otadata", 0x19000, programBytes(8))], partitions), []);
  });

  it("pieces hold every byte once, in words", () => {
    const pieces = piecesOf([segment("a", 0x10000, programBytes(300_001))]);
    const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
    assert.ok(bytes.subarray(0, 300_001).equals(programBytes(300_001)));
    assert.deepEqual([...bytes.subarray(300_001)], [0xff, 0xff, 0xff]);
    pieces.forEach((piece, i) => {
      assert.equal(piece.offset, 0x10000 + i * 0x20000);
    });
  });
});

describe("keys in images", () => {
  const around = (...parts: (string | Uint8Array)[]): Buffer =>
    Buffer.concat([programBytes(501), ...parts.map((part) => Buffer.from(part as string)), programBytes(300)]);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  it("a private key is found, as PEM, DER and JWK", () => {
    for (const type of ["sec1", "pkcs8"] as const) {
      assert.match(findKeys(around(privateKey.export({ type, format: "pem" }) as string), [])!, /PEM/);
      assert.match(findKeys(around(privateKey.export({ type, format: "der" }) as Buffer), [])!, /DER/);
    }
    assert.match(findKeys(around(JSON.stringify(privateKey.export({ format: "jwk" }))), [])!, /JWK/);
  });

  it("the words of a TLS library are no key, nor is a public one", () => {
    assert.equal(findKeys(around("-----BEGIN EC PRIVATE KEY-----\0-----END EC PRIVATE KEY-----\0"), []), undefined);
    assert.equal(findKeys(around('{"kty":"EC","crv":"P-256","d":"%s"}'), []), undefined);
  });

  it("an NVS page is found, wherever a sector may begin", () => {
    const page = Buffer.alloc(4096, 0xff);
    page.writeUInt32LE(0xfffffffe, 0);
    page.writeUInt32LE(3, 4);
    page[8] = 0xfe;
    page.writeUInt32LE(crc32(page.subarray(4, 28), 0xffffffff), 28);
    assert.match(findKeys(Buffer.concat([programBytes(8192), page]), [])!, /NVS page at byte 0x2000/);
    page[28] ^= 1;
    assert.equal(findKeys(page, []), undefined);
  });

  it("a secret that is known is found, as bytes and as digits", () => {
    const secret = { from: "a.secrets.json", bytes: Buffer.from("000102030405060708090a0b0c0d0efe", "hex") };
    for (const bytes of [around(secret.bytes), around("000102030405060708090A0B0C0D0EFE")])
      assert.match(findKeys(bytes, [secret])!, /a\.secrets\.json/);
    assert.equal(findKeys(around("nothing"), [secret]), undefined);
  });
});

describe("folders of firmware", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-"));
    for (const { name, bytes } of [bootloader, table, app]) writeFileSync(join(folder, name), bytes);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const offsets = (segments: readonly FlashSegment[]): Record<string, number> =>
    Object.fromEntries(segments.map(({ name, offset }) => [name, offset]));

  it("ESP-IDF's flasher_args.json", () => {
    const files = { "0x0": "bootloader.bin", "0x8000": "partition-table.bin", "0x20000": "app.bin" };
    const args = { flash_files: files, extra_esptool_args: { chip: "esp32s3" } };
    writeFileSync(join(folder, "flasher_args.json"), JSON.stringify(args));
    const [build] = loadBuilds([folder]);
    assert.equal(build.chip, "esp32s3");
    assert.deepEqual(offsets(build.segments), {
      "bootloader.bin": 0,
      "partition-table.bin": 0x8000,
      "app.bin": 0x20000,
    });
  });

  it("the manifest.json of ESP Web Tools, of which the chip takes its part", () => {
    const part = { path: "app.bin", offset: 0x20000 };
    const builds = [
      { chipFamily: "ESP32-S3", parts: [part] },
      { chipFamily: "ESP32", parts: [{ ...part, offset: 0x10000 }] },
    ];
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ name: "x", builds }));
    const loaded = loadBuilds([folder]);
    assert.deepEqual(offsets(chooseBuild(loaded, "esp32").segments), { "app.bin": 0x10000 });
    assert.throws(() => chooseBuild(loaded, "esp32c6"), refuses(FLASH_EXIT.wrongChip, /ESP32-C6/));
    assert.throws(() => chooseBuild(loaded, undefined), refuses(FLASH_EXIT.badImage, /which/));
  });

  it("a Moddable build: places from the bootloader's chip and the partition table", () => {
    writeFileSync(join(folder, "xs_esp32.bin"), app.bytes);
    const [build] = loadBuilds([folder]);
    assert.equal(build.chip, "esp32s3");
    assert.deepEqual(offsets(build.segments), {
      "bootloader.bin": 0,
      "partition-table.bin": 0x8000,
      "xs_esp32.bin": 0x20000,
    });
  });

  it("files with their places; what is no folder and has none is refused", () => {
    const [build] = loadBuilds([`${join(folder, "app.bin")}@0x20000`, `${join(folder, "app.bin")}@1179648`]);
    assert.deepEqual(
      build.segments.map(({ offset }) => offset),
      [0x20000, 0x120000],
    );
    for (const name of ["app.bin", "app.bin@", "app.bin@-1", join(folder, "none@0x0"), tmpdir()])
      assert.throws(() => loadBuilds([name]), refuses(FLASH_EXIT.badImage, /./), name);
  });

  it("a part outside of the folder is refused", () => {
    for (const path of ["../bootloader.bin", "/etc/hostname", 7]) {
      writeFileSync(join(folder, "flasher_args.json"), JSON.stringify({ flash_files: { "0x0": path } }));
      assert.throws(() => loadBuilds([folder]), refuses(FLASH_EXIT.badImage, /not usable/));
    }
    writeFileSync(join(folder, "flasher_args.json"), "{");
    assert.throws(() => loadBuilds([folder]), refuses(FLASH_EXIT.badImage, /no JSON/));
  });
});

describe("progress of a flashing", () => {
  it("tells phase, bytes, rate and time left", () => {
    let nowMs = 0;
    const lines: string[] = [];
    const meter = new ProgressMeter(
      "write",
      2 << 20,
      (progress) => lines.push(progressLine(progress)),
      () => nowMs,
    );
    nowMs = 10_000;
    meter.at(1 << 20);
    nowMs = 20_000;
    meter.at(2 << 20);
    assert.deepEqual(lines, [
      "write     0%  0 B of 2.0 MB",
      "write    50%  1.0 MB of 2.0 MB, 102 KB/s, 10 s left",
      "write   100%  2.0 MB of 2.0 MB, 102 KB/s",
    ]);
  });
});
