import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CHIP_NAMES, CHIPS, type ChipName } from "../../host-sim/board/chip-identity.ts";
import type { BoardOptions } from "../../host-sim/board/modelled-board.ts";
import { createLink } from "../../tools/serial/open-link.ts";
import {
  flashContent,
  MAC_TEXT,
  makeBoard,
  makeImage,
  makePartitionTable,
  type Served,
  serve,
} from "../unit/host-sim/board/bench.ts";
import { groundtruthSoon, LAUNCHER, type Outcome } from "./simulation.ts";

describe("groundtruth flash, against the modelled board", () => {
  let served: Served;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-"));
  });

  afterEach(async () => {
    await served?.close();
    rmSync(folder, { recursive: true });
  });

  const APP_SIZE = 400_000;

  async function connect(chip: ChipName, options: Partial<BoardOptions> = {}): Promise<void> {
    served = await serve(makeBoard(chip, options));
  }

  /** A firmware in the folder, as a Moddable build leaves it. */
  function build(chip: ChipName, version = "1.0.0", flashMegabytes = 4): void {
    writeFileSync(join(folder, "bootloader.bin"), makeImage(chip, { size: 15_000, flashMegabytes }));
    writeFileSync(join(folder, "partition-table.bin"), makePartitionTable());
    writeFileSync(join(folder, "xs_esp32.bin"), makeImage(chip, { size: APP_SIZE, version }));
  }

  const flash = (...args: string[]): Promise<Outcome> =>
    groundtruthSoon("flash", "--port", served.port, "--image", folder, ...args);

  const holdsFirmware = (chip: ChipName, version: string): void => {
    const app = makeImage(chip, { size: APP_SIZE, version });
    assert.ok(flashContent(served.board, 0x20000, app.length).equals(app), `version ${version} is in flash`);
  };

  const eraseCount = (): number => served.board.flashChip.eraseCounts.reduce((sum, count) => sum + count, 0);

  for (const chip of CHIP_NAMES) {
    it(`${chip}: flashes, verifies, starts, and says what the node says`, async () => {
      await connect(chip);
      build(chip);
      const { status, out, err } = await flash();
      assert.equal(status, 0, err);
      assert.match(out, /^Done: \d+ KB written, all verified\n$/);
      assert.ok(err.startsWith(`${CHIPS[chip].title}, MAC ${MAC_TEXT}, 4.0 MB of flash\n`), err);
      assert.match(err, /write {3}100% {2}\d+ KB of \d+ KB/);
      assert.match(err, /node: I \(215\) app_init: App version: {6}1\.0\.0/);
      holdsFirmware(chip, "1.0.0");
      assert.equal(served.board.mode, "application");
    });
  }

  it("through the ROM (--no-stub), and at other rates", async () => {
    await connect("esp32c6");
    build("esp32c6");
    assert.match((await flash("--no-stub")).out, /^Done/);
    holdsFirmware("esp32c6", "1.0.0");
    build("esp32c6", "1.0.1");
    assert.match((await flash("--baud", "115200")).out, /^Done/);
    build("esp32c6", "1.0.2");
    assert.match((await flash("--baud", "2000000")).out, /^Done/);
    holdsFirmware("esp32c6", "1.0.2");
  });

  it("writes and erases only what differs", async () => {
    await connect("esp32s3");
    build("esp32s3");
    await flash();
    const before = eraseCount();
    assert.equal((await flash()).out, "Done: all was there already, and is verified\n");
    assert.equal(eraseCount(), before);
    build("esp32s3", "1.0.1");
    const { err } = await flash();
    assert.match(err, /bootloader\.bin, 15 KB: there already/);
    // The version stands in the first piece, the digest in the last one; what lies between is the same.
    assert.ok(eraseCount() - before <= 64, `${eraseCount() - before} sectors`);
    holdsFirmware("esp32s3", "1.0.1");
  });

  it("--dry-run: says what would be written, writes nothing, and starts the board again", async () => {
    await connect("esp32c3");
    build("esp32c3");
    const { status, out, err } = await flash("--dry-run");
    assert.equal(status, 0, err);
    assert.match(err, /xs_esp32\.bin, 391 KB: would write 391 KB/);
    assert.match(out, /^Nothing written \(--dry-run\): \d+ KB would be\n$/);
    assert.equal(served.board.flashChip.writes, 0);
    assert.equal(served.board.mode, "blank");
    const offline = await groundtruthSoon("flash", "--image", folder, "--dry-run");
    assert.match(offline.out, /0x20000 {3}xs_esp32\.bin, 391 KB: holds 391 KB/);
  });

  it("--json: one line an event, with phase, bytes, rate and time left", async () => {
    await connect("esp32");
    build("esp32");
    const { status, out } = await flash("--json");
    assert.equal(status, 0);
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(events[0], { event: "found", chip: "esp32", title: "ESP32", mac: MAC_TEXT, flashSize: 4 << 20 });
    // The first ESP32's bootloader lies at 0x1000.
    const [planned] = events.filter(({ event }) => event === "planned");
    assert.deepEqual(
      planned.segments.map(({ offset }: { offset: number }) => offset),
      [0x1000, 0x8000, 0x19000, 0x20000],
    );
    const last = events.filter(({ event, phase }) => event === "progress" && phase === "write").at(-1);
    assert.equal(last.done, last.total);
    assert.ok(last.bytesPerSecond > 0 && last.secondsLeft === 0);
    assert.deepEqual([events.at(-1).event, events.at(-1).starts], ["done", true]);
  });

  for (const [title, chip, prepare, args, status, what] of [
    ["the wrong chip", "esp32c3", () => build("esp32s3"), [], 12, /ESP32-C3/],
    ["another chip than --chip", "esp32s3", () => build("esp32s3"), ["--chip", "esp32"], 12, /ESP32/],
    ["too little flash", "esp32s3", () => build("esp32s3", "1", 16), [], 13, /needs 16 MB.*has 4 MB/],
    [
      "a damaged image",
      "esp32s3",
      () => {
        build("esp32s3");
        const app = Buffer.from(makeImage("esp32s3"));
        app[1000] ^= 1;
        writeFileSync(join(folder, "xs_esp32.bin"), app);
      },
      [],
      14,
      /damaged: bad-checksum/,
    ],
    [
      "an image with a key in it",
      "esp32s3",
      () => {
        build("esp32s3");
        const key = '{"kty":"EC","d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}';
        writeFileSync(join(folder, "xs_esp32.bin"), makeImage("esp32s3", { body: Buffer.from(key.padEnd(300)) }));
      },
      [],
      15,
      /private key/,
    ],
    [
      "an image with a known secret in it",
      "esp32s3",
      () => {
        build("esp32s3");
        const appKey = "00112233445566778899aabbccddeeff";
        writeFileSync(join(folder, "0001.secrets.json"), JSON.stringify({ devEui: "0001", appKey }));
        writeFileSync(join(folder, "xs_esp32.bin"), makeImage("esp32s3", { body: Buffer.from(appKey, "hex") }));
      },
      ["secrets"],
      15,
      /0001\.secrets\.json/,
    ],
    ["Secure Download Mode", "esp32c6", () => build("esp32c6"), [], 11, /Secure Download Mode/],
  ] as [string, ChipName, () => void, string[], number, RegExp][]) {
    it(`refuses ${title} with exit code ${status}, and writes nothing`, async () => {
      await connect(chip, title === "Secure Download Mode" ? { secureDownload: true } : {});
      prepare();
      const outcome = await flash(...(args[0] === "secrets" ? ["--secrets", folder] : args));
      assert.equal(outcome.status, status, outcome.err);
      assert.match(outcome.err, what);
      assert.match(outcome.err, /\n {2}next: {2}\S/);
      assert.equal(served.board.flashChip.writes, 0);
      assert.ok(!outcome.err.includes("00112233445566778899aabbccddeeff"));
    });
  }

  it("does not overwrite keys that are on the board, unless it is told to", async () => {
    await connect("esp32s3");
    build("esp32s3");
    await flash();
    const keys = Buffer.from("this node's keys");
    served.board.flashChip.write(0x9000, keys);
    assert.match((await flash()).out, /^Done/, "the firmware leaves them where they are");
    // A partition table that has something else in their place.
    writeFileSync(
      join(folder, "partition-table.bin"),
      makePartitionTable([
        ["app", 0, 0, 0x10000, 0x200000],
        ["nvs", 1, 2, 0x300000, 0x10000],
      ]),
    );
    const refused = await flash();
    assert.equal(refused.status, 16, refused.err);
    assert.match(refused.err, /given keys, in its partition "nvs"/);
    assert.ok(flashContent(served.board, 0x9000, keys.length).equals(keys));
    assert.equal((await flash("--forget-keys")).status, 0);
  });

  it("--nvs: puts a node's record where the partition table has its place, on a board without keys only", async () => {
    await connect("esp32s3");
    build("esp32s3");
    const record = join(folder, "record.nvs");
    writeFileSync(record, Buffer.alloc(0x3000, 0x5a));
    assert.equal((await flash("--nvs", record)).status, 0);
    assert.ok(flashContent(served.board, 0x9000, 0x3000).every((byte) => byte === 0x5a));
    assert.equal((await flash("--nvs", record)).status, 0, "the same record again is no harm");
    writeFileSync(record, Buffer.alloc(0x3000, 0x5b));
    assert.equal((await flash("--nvs", record)).status, 16);
    writeFileSync(record, Buffer.alloc(0x11000, 0x5b));
    assert.equal((await flash("--nvs", record, "--forget-keys")).status, 14);
  });

  it("no port, no bootloader, a port in use: each with its exit code", async () => {
    await connect("esp32s3");
    build("esp32s3");
    const nowhere = await groundtruthSoon("flash", "--port", "rfc2217://127.0.0.1:1", "--image", folder);
    assert.equal(nowhere.status, 10, nowhere.err);
    const other = createLink(served.port);
    await other.open(115200);
    const busy = await flash();
    await other.close();
    assert.equal(busy.status, 10, busy.err);
    assert.match(busy.err, /is in use/);
    served.board.setLines = () => {};
    const silent = await flash();
    assert.equal(silent.status, 11, silent.err);
    assert.match(silent.err, /BOOT button/);
  });

  it("says so when all is flashed and the board does not start it", async () => {
    await connect("esp32s3");
    writeFileSync(join(folder, "app.bin"), makeImage("esp32s3"));
    const outcome = await groundtruthSoon(
      "flash",
      "--port",
      served.port,
      "--image",
      `${join(folder, "app.bin")}@0x20000`,
    );
    assert.equal(outcome.status, 19, outcome.err);
    assert.match(outcome.err, /where: invalid header: 0xffffffff/);
  });

  describe("goes on", () => {
    it("after lost bytes, either way", async () => {
      await connect("esp32c3", {
        faults: { losesFromHost: (index) => index === 60_000, losesToHost: (index) => index === 9000 },
      });
      build("esp32c3");
      const { status, err } = await flash();
      assert.equal(status, 0, err);
      holdsFirmware("esp32c3", "1.0.0");
    });

    it("after the cable was out, at any moment of it, without writing twice what was there", async () => {
      for (const at of [20_000, 50_000, 120_000]) {
        let pulled = false;
        await connect("esp32s3", {
          faults: {
            unplugsBefore: (index) => {
              const now = !pulled && index === at;
              if (now) setTimeout(() => served.board.plugIn(), 300);
              pulled ||= now;
              return now;
            },
          },
        });
        build("esp32s3");
        const { status, out, err } = await flash();
        assert.equal(status, 0, err);
        assert.match(err, /going on, 5 tries left/);
        assert.match(out, /^Done/);
        holdsFirmware("esp32s3", "1.0.0");
        await served.close();
      }
    });

    it("after the power failed in the middle of a sector", async () => {
      await connect("esp32s3");
      build("esp32s3");
      served.board.unplugInFlashOperation(700);
      const { onUnplugged } = served.board;
      served.board.onUnplugged = () => {
        onUnplugged();
        setTimeout(() => served.board.plugIn(), 300);
      };
      const { status, err } = await flash();
      assert.equal(status, 0, err);
      assert.match(err, /going on/);
      holdsFirmware("esp32s3", "1.0.0");
    });

    it("not without end: the board stays away, and the next run finishes it", async () => {
      let isPulled = false;
      await connect("esp32s3", {
        faults: {
          unplugsBefore: (index) => {
            const now = !isPulled && index === 60_000;
            isPulled ||= now;
            return now;
          },
        },
      });
      build("esp32s3");
      const { status, err } = await flash("--retries", "1");
      assert.equal(status, 17, err);
      assert.match(err, /run the same command again/);
      served.board.plugIn();
      assert.equal((await flash()).status, 0);
      holdsFirmware("esp32s3", "1.0.0");
    });

    it("not with another board in its place", async () => {
      await connect("esp32s3", { faults: { unplugsBefore: (index) => index === 60_000 } });
      build("esp32s3");
      const second = makeBoard("esp32s3", { mac: Uint8Array.of(2, 0, 0, 0, 0, 9) });
      const { board } = served;
      const { onUnplugged } = board;
      board.onUnplugged = () => {
        // The end of the test pulls the cable of the first board once more: the second one stays out then.
        board.onUnplugged = onUnplugged;
        onUnplugged();
        // The server's device turns into the second board.
        Object.defineProperty(board, "isPlugged", { value: true });
        board.receive = (bytes) => second.receive(bytes);
        board.setLines = (dtr, rts) => second.setLines(dtr, rts);
        board.setHostBaudRate = (rate) => second.setHostBaudRate(rate);
        second.onSend = (bytes) => board.onSend(bytes);
        second.plugIn();
      };
      const { status, err } = await flash();
      second.unplug();
      assert.equal(status, 12, err);
      assert.match(err, /another board: 02:00:00:00:00:09/);
      assert.equal(second.flashChip.writes, 0);
    });
  });

  it("a flash that does not keep what is written is told from a bad connection", async () => {
    let digests = 0;
    await connect("esp32s3", { faults: { spoilsDigest: (offset) => offset === 0x20000 && ++digests > 0 } });
    build("esp32s3");
    const { status, err } = await flash();
    assert.equal(status, 18, err);
    assert.match(err, /does not read back\n {2}where: xs_esp32\.bin at 0x20000/);
  });

  it("one digest that is wrong is no more than another round", async () => {
    let digests = 0;
    await connect("esp32s3", { faults: { spoilsDigest: (offset) => offset === 0x20000 && ++digests === 2 } });
    build("esp32s3");
    assert.equal((await flash()).status, 0);
  });
});

describe("groundtruth demo board", () => {
  let demo: ChildProcess | undefined;

  afterEach(() => void demo?.kill("SIGKILL"));

  it("serves a board that flash takes for one, and ends when it is told to", async () => {
    const child = spawn(process.execPath, [LAUNCHER, "demo", "board", "--chip", "esp32c6", "--rfc2217", "0"]);
    demo = child;
    const [port] = await once(createInterface(child.stdout), "line");
    assert.match(port, /^rfc2217:\/\/127\.0\.0\.1:\d+$/);
    const folder = mkdtempSync(join(tmpdir(), "groundtruth-"));
    writeFileSync(join(folder, "bootloader.bin"), makeImage("esp32c6"));
    writeFileSync(join(folder, "partition-table.bin"), makePartitionTable());
    writeFileSync(join(folder, "xs_esp32.bin"), makeImage("esp32c6", { version: "7.0.0" }));
    const { status, err } = await groundtruthSoon("flash", "--port", port, "--image", folder);
    rmSync(folder, { recursive: true });
    assert.equal(status, 0, err);
    assert.match(err, /MAC 02:67:74:00:00:01, 8\.0 MB of flash/);
    assert.match(err, /App version: {6}7\.0\.0/);
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  });

  it("says when its port is taken", async () => {
    const board = await serve(makeBoard("esp32"));
    const { status, err } = await groundtruthSoon("demo", "board", "--rfc2217", String(board.number));
    await board.close();
    assert.equal(status, 2);
    assert.match(err, /cannot listen: EADDRINUSE/);
  });
});
