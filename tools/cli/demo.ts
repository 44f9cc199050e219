/** `groundtruth demo board`: a modelled board on a loopback port, for everything that needs one and has none. */
import { randomFillSync } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CHIP_NAMES, CHIPS, type ChipName } from "../../host-sim/board/chip-identity.ts";
import { consoleApplication } from "../../host-sim/board/console-application.ts";
import { ModelledBoard } from "../../host-sim/board/modelled-board.ts";
import { RandomStream } from "../../host-sim/random-stream.ts";
import { Rfc2217Server } from "../serial/rfc2217-server.ts";
import { WallTimer } from "../serial/wall-timer.ts";
import { CommandError } from "./command-error.ts";

interface Flags {
  chip: ChipName;
  rfc2217: number;
  mac: Uint8Array;
  flashSize: number;
  json?: boolean;
}

const DEFAULT_PORT = 2217;
/** A locally administered address: no real board has it. */
const DEFAULT_MAC = "02:67:74:00:00:01";
/** What its tokens would call it. */
const MODEL = "groundtruth-model";
const MEGABYTE = 1 << 20;

export function registerDemo(program: Command): void {
  const demo = program.command("demo").description("things to try the other commands on, without hardware");
  demo
    .command("board")
    .description("serve a modelled ESP32 board as a serial port on this machine")
    .addOption(new Option("--chip <name>", "which chip").choices(CHIP_NAMES).default("esp32s3"))
    .option("--rfc2217 <port>", "the port on 127.0.0.1; 0 takes a free one", parsePort, DEFAULT_PORT)
    .addOption(
      new Option("--mac <address>", "the board's MAC address")
        .argParser(parseMac)
        .default(parseMac(DEFAULT_MAC), DEFAULT_MAC),
    )
    .addOption(
      new Option("--flash-size <megabytes>", "its flash").choices(["2", "4", "8", "16"]).argParser(Number).default(8),
    )
    .option("--json", "what happens, as JSON lines")
    .addHelpText(
      "after",
      "\nThe board is new: its flash is blank, and gone when the command ends. Runs until SIGTERM or Ctrl-C.",
    )
    .action(demoBoard);
}

async function demoBoard(flags: Flags): Promise<void> {
  const board = new ModelledBoard({
    chip: flags.chip,
    mac: flags.mac,
    flashSize: flags.flashSize * MEGABYTE,
    timer: new WallTimer(),
    random: new RandomStream(1, "demo board"),
    // Its keys are as good as any: somebody may register a modelled board beside others.
    startApplication: consoleApplication({ fill: (bytes) => void randomFillSync(bytes) }, MODEL),
  });
  const server = new Rfc2217Server(board);
  const number = await listen(server, flags.rfc2217);
  const port = `rfc2217://127.0.0.1:${number}`;
  board.plugIn();
  const { title } = CHIPS[flags.chip];
  if (flags.json) {
    print({ event: "serving", port, chip: flags.chip, mac: macText(flags.mac), flashSize: board.flashChip.size });
  } else {
    process.stdout.write(`${port}\n`);
    process.stderr.write(`a modelled ${title} with ${flags.flashSize} MB of flash, MAC ${macText(flags.mac)}\n`);
    process.stderr.write(`next:  groundtruth flash --port ${port} --image DIR\n`);
  }
  server.onClient = (event, address) => {
    if (flags.json) print({ event, address });
    else process.stderr.write(`${address}: ${CLIENT_EVENTS[event]}\n`);
  };
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve()).once("SIGINT", () => resolve());
  });
  await server.close();
  board.unplug();
}

const CLIENT_EVENTS = Object.freeze({
  connected: "has opened the port",
  gone: "has closed the port",
  refused: "refused, the port is in use",
});

async function listen(server: Rfc2217Server, port: number): Promise<number> {
  try {
    return await server.listen(port);
  } catch (error) {
    const what = `cannot listen: ${(error as NodeJS.ErrnoException).code ?? error}`;
    throw new CommandError(what, `--rfc2217 ${port}`, "name another port, or 0 for a free one");
  }
}

function print(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

function macText(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) throw new InvalidArgumentError("Not a port: 0 to 65535.");
  return port;
}

function parseMac(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text))
    throw new InvalidArgumentError("Not a MAC address, as 02:00:00:00:00:01 is.");
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}
