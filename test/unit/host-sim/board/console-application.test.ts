import assert from "node:assert/strict";
import { BoardStore } from "../../../../host-sim/board/board-store.ts";
import { consoleApplication } from "../../../../host-sim/board/console-application.ts";
import { FlashChip } from "../../../../host-sim/chips/flash-chip.ts";
import { PowerCut, PowerRail } from "../../../../host-sim/chips/power-rail.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { frameOf } from "../../../../tools/console/client.ts";
import { type Answer, framesOf, HARDWARE_ID_TEXT } from "../../app/console-bench.ts";
import { makeImage, makePartitionTable, ROWS } from "./bench.ts";
import { DirectBoard } from "./direct-board.ts";

const NVS = 0x9000;
const NVS_SECTORS = 16;
const SECTOR = 4096;

function start(rows = ROWS): DirectBoard {
  const direct = new DirectBoard("esp32s3", {
    startApplication: consoleApplication(new RandomStream(11, "keys"), "bench"),
  });
  program(direct, makeImage("esp32s3"), rows);
  reset(direct);
  return direct;
}

function program({ board }: DirectBoard, app: Uint8Array, rows = ROWS): void {
  const parts: [number, Uint8Array][] = [
    [board.chip.bootloaderOffset, makeImage("esp32s3")],
    [0x8000, makePartitionTable(rows)],
    [0x20000, app],
  ];
  for (const [offset, bytes] of parts) {
    const sectors = Math.ceil(bytes.length / SECTOR);
    for (let i = 0; i < sectors; i++) board.flashChip.erase(offset / SECTOR + i);
    board.flashChip.write(offset, bytes);
  }
}

function reset(direct: DirectBoard): void {
  direct.board.setLines(false, true);
  direct.board.setLines(false, false);
  direct.raw = Buffer.alloc(0);
  direct.pass(20);
}

let nextId = 1;

function ask(direct: DirectBoard, method: string, params: object = {}): Answer {
  direct.raw = Buffer.alloc(0);
  direct.board.receive(frameOf({ jsonrpc: "2.0", id: nextId++, method, params }));
  direct.pass(200);
  const from = direct.raw.indexOf(0x1e);
  const frame = direct.raw.subarray(from, direct.raw.indexOf(0x0a, from) + 1);
  return framesOf(frame)[0];
}

const identity = (direct: DirectBoard): unknown => ask(direct, "identify").result;

describe("modelled board with the firmware's console", () => {
  it("after a reset it says what it runs, and answers", () => {
    const direct = start();
    const text = direct.text();
    assert.match(text, /app_init: App version: {6}1\.0\.0/);
    assert.match(text, /\n0 info console: ready\r\n0 error node: does not start: not-provisioned\r\n$/);
    const { result } = ask(direct, "identify");
    assert.deepEqual([result?.hardwareId, result?.chip], [HARDWARE_ID_TEXT, "ESP32-S3"]);
    direct.board.unplug();
  });

  it("keeps its key over resets, unplugging and other firmware", () => {
    const direct = start();
    const key = ask(direct, "generateKey").result?.publicKey;
    assert.ok(key);
    const before = identity(direct);
    reset(direct);
    assert.deepEqual(identity(direct), before);
    direct.board.unplug();
    direct.board.plugIn();
    direct.pass(20);
    assert.deepEqual(identity(direct), before);
    program(direct, makeImage("esp32s3", { version: "2.0.0" }));
    reset(direct);
    assert.match(direct.text(), /2\.0\.0/);
    assert.deepEqual(identity(direct), before);
    direct.board.unplug();
  });

  it("loses everything when the nvs partition is erased", () => {
    const direct = start();
    const fresh = identity(direct);
    ask(direct, "generateKey");
    for (let i = 0; i < NVS_SECTORS; i++) direct.board.flashChip.erase(NVS / SECTOR + i);
    reset(direct);
    assert.deepEqual(identity(direct), fresh);
    direct.board.unplug();
  });

  it("a factory reset restarts it", () => {
    const direct = start();
    const fresh = identity(direct);
    ask(direct, "generateKey");
    assert.deepEqual(ask(direct, "factoryReset", { hardwareId: HARDWARE_ID_TEXT }).result, {});
    assert.match(direct.text(), /info console: ready/);
    assert.deepEqual(identity(direct), fresh);
    direct.board.unplug();
  });

  it("a board whose power fails while it writes is gone, and comes back with the old or the new", () => {
    for (let operation = 1; operation < 4; operation++) {
      const direct = start();
      const before = identity(direct);
      direct.board.unplugInFlashOperation(operation);
      direct.board.receive(frameOf({ jsonrpc: "2.0", id: 1, method: "generateKey" }));
      if (!direct.board.isPlugged) direct.board.plugIn();
      direct.pass(20);
      const after = ask(direct, "identify").result;
      assert.ok(after);
      if (after.publicKey === null) assert.deepEqual(after, before);
      direct.board.unplug();
    }
  });

  it("without an nvs partition it says so, and nothing else", () => {
    const direct = start(ROWS.filter(([label]) => label !== "nvs"));
    assert.match(direct.text(), /does not start: no nvs partition/);
    direct.board.receive(frameOf({ jsonrpc: "2.0", id: 1, method: "identify" }));
    direct.pass(200);
    assert.equal(direct.text(), "");
    direct.board.unplug();
  });
});

describe("store of a modelled board", () => {
  it("a power cut at any write leaves the old values or the new", () => {
    for (let operation = 1; operation < 8; operation++) {
      const power = new PowerRail();
      const flash = new FlashChip({ size: 0x4000, power, random: new RandomStream(operation, "cut") });
      const store = new BoardStore(flash, 0, 0x4000);
      store.set("a", Uint8Array.of(1));
      power.cutAfter(operation);
      try {
        store.set("a", Uint8Array.of(2));
        store.set("a", Uint8Array.of(3));
      } catch (error) {
        assert.ok(error instanceof PowerCut);
      }
      power.restore();
      const value = new BoardStore(flash, 0, 0x4000).get("a")?.[0];
      assert.ok(value === 1 || value === 2 || value === 3, `${value} after operation ${operation}`);
    }
  });

  it("says when the partition is full, and keeps what it has", () => {
    const flash = new FlashChip({ size: 0x2000, power: new PowerRail(), random: new RandomStream(1, "full") });
    const store = new BoardStore(flash, 0, 0x2000);
    store.set("a", Uint8Array.of(1));
    assert.throws(() => store.set("b", new Uint8Array(5000)), /partition is full/);
    assert.deepEqual(new BoardStore(flash, 0, 0x2000).get("a"), Uint8Array.of(1));
  });
});
