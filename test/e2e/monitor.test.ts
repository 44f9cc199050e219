import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { consoleApplication } from "../../host-sim/board/console-application.ts";
import { ConsoleClient } from "../../tools/console/client.ts";
import { NodeConsole } from "../../tools/console/node-console.ts";
import { createLink } from "../../tools/serial/open-link.ts";
import { CONFIGURATION, HARDWARE_ID_TEXT, LORAWAN, RECEIVER_KEY } from "../unit/app/console-bench.ts";
import { MAC, makeBoard, makeImage, makePartitionTable, type Served, serve } from "../unit/host-sim/board/bench.ts";
import { groundtruthSoon, LAUNCHER, type Outcome } from "./simulation.ts";

const CHIP = "esp32c3";

/** A board with firmware on it, served. */
async function programmed(): Promise<Served> {
  const board = makeBoard(CHIP, {
    mac: MAC,
    startApplication: consoleApplication({ fill: (bytes) => void randomFillSync(bytes) }, "bench"),
  });
  board.plugIn();
  board.flashChip.write(board.chip.bootloaderOffset, makeImage(CHIP));
  board.flashChip.write(0x8000, makePartitionTable());
  board.flashChip.write(0x20000, makeImage(CHIP));
  return serve(board);
}

async function withNode(port: string, action: (node: NodeConsole) => Promise<void>): Promise<void> {
  const link = createLink(port);
  const node = new NodeConsole(new ConsoleClient(link));
  await link.open(115200);
  try {
    await action(node);
  } finally {
    await link.close();
  }
}

const eventsOf = ({ out }: Outcome): Record<string, unknown>[] =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("groundtruth monitor, against the modelled board", () => {
  let served: Served;

  beforeEach(async () => {
    served = await programmed();
  });

  afterEach(() => served.close());

  const watch = (...args: string[]): Promise<Outcome> => groundtruthSoon("monitor", "--port", served.port, ...args);

  it("a new board: who it is, how it is, and its log", async () => {
    const { status, out, err } = await watch("--seconds", "7");
    assert.equal(status, 0, err);
    assert.match(out, /^ESP32-C3, 246f28fffe7ad884: groundtruth \d+\.\d+\.\d+ on bench\n {2}key: none yet\n/);
    assert.match(out, /has: nothing\n {2}lacks: AppKey, receiver key, owner's key, configuration\n {2}not locked\n/);
    assert.match(out, /health: uptimeMs \d+, linesRefused 0, logLines \d+\n/);
    assert.match(out, /\d+\.\d s {2}error node: does not start: not-provisioned\n/);
    assert.equal(err, "");
  });

  it("--json: one line an event; the key is proved; a locked node is watched too, and no secret is told", async () => {
    await withNode(served.port, async (node) => {
      await node.generateKey();
      await node.writeLorawan(LORAWAN);
      await node.writeReceiverKey(RECEIVER_KEY);
      await node.writeConfiguration(CONFIGURATION);
    });
    const open = await watch("--seconds", "3", "--json");
    const [identity, health] = eventsOf(open);
    assert.deepEqual([identity.event, identity.proved, identity.devEui], ["identity", true, LORAWAN.devEui]);
    assert.equal(health.event, "health");
    await withNode(served.port, (node) => node.lock(HARDWARE_ID_TEXT));
    const locked = await watch("--seconds", "7", "--json");
    assert.equal(locked.status, 0, locked.err);
    const events = eventsOf(locked);
    assert.deepEqual([events[0].event, events[0].locked, events[0].proved], ["identity", true, true]);
    assert.deepEqual(events[1].event, "note");
    assert.ok(
      events.some(({ event, text }) => event === "log" && text === "set up"),
      locked.out,
    );
    const told = open.out + open.err + locked.out + locked.err;
    for (const secret of [LORAWAN.appKey, RECEIVER_KEY, "correct-horse"]) assert.ok(!told.includes(secret));
  });

  it("a board without firmware is shown as it speaks, without what would steer the terminal", async () => {
    served.board.flashChip.erase(0x20000 / 4096);
    served.board.setLines(false, true);
    served.board.setLines(false, false);
    const { status, out } = await watch("--seconds", "2");
    assert.equal(status, 0);
    assert.match(out, /No bootable app partitions/);
  });

  it("the cable is pulled: exit code 17; no port: 10; nothing heard: 1", async () => {
    const watching = watch("--seconds", "30");
    const pull = setTimeout(() => served.board.unplug(), 2500);
    const pulled = await watching;
    clearTimeout(pull);
    assert.equal(pulled.status, 17, pulled.err);
    assert.match(pulled.err, /is lost\n {2}where: --port rfc2217/);
    const gone = await watch("--seconds", "1");
    assert.equal(gone.status, 10, gone.err);
    served.board.onSend = () => {};
    served.board.plugIn();
    const onSend = served.board.onSend;
    const { status, err } = await watch("--seconds", "1");
    served.board.onSend = onSend;
    assert.equal(status, 1, err);
    assert.match(err, /the board says nothing/);
  });
});

describe("groundtruth demo board with monitor", () => {
  it("flash, then monitor, as the README tells", async () => {
    const child = spawn(process.execPath, [LAUNCHER, "demo", "board", "--chip", CHIP, "--rfc2217", "0"]);
    const folder = mkdtempSync(join(tmpdir(), "groundtruth-"));
    try {
      const [port] = await once(createInterface(child.stdout), "line");
      writeFileSync(join(folder, "bootloader.bin"), makeImage(CHIP));
      writeFileSync(join(folder, "partition-table.bin"), makePartitionTable());
      writeFileSync(join(folder, "xs_esp32.bin"), makeImage(CHIP, { version: "7.0.0" }));
      const flashed = await groundtruthSoon("flash", "--port", port, "--image", folder);
      assert.equal(flashed.status, 0, flashed.err);
      assert.match(flashed.err, /node: 0 info console: ready/);
      const { status, out, err } = await groundtruthSoon("monitor", "--port", port, "--seconds", "2", "--json");
      assert.equal(status, 0, err);
      const [identity] = eventsOf({ status, out, err });
      assert.deepEqual([identity.event, identity.hardwareId], ["identity", "026774fffe000001"]);
    } finally {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
});
