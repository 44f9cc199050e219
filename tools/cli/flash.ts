/** `groundtruth flash --port PORT --image DIR`: puts firmware on a board, verifies it, starts it, and says what the node says. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { CHIP_NAMES, type ChipName } from "../../host-sim/board/chip-identity.ts";
import type { BoardFound, FlashEvents, FlashRequest, FlashResult, SegmentPlan } from "../flashing/flash-board.ts";
import { FLASH_EXIT, FlashError } from "../flashing/flash-error.ts";
import { chooseBuild, loadBuilds, read } from "../flashing/flash-image.ts";
import { loadSecrets } from "../flashing/flash-keys.ts";
import { type Listened, startAndListen } from "../flashing/flash-listen.ts";
import { checkSegments } from "../flashing/flash-plan.ts";
import { type FlashProgress, progressLine, sizeText } from "../flashing/flash-progress.ts";
import { listPorts } from "../serial/native-link.ts";
import { createLink } from "../serial/open-link.ts";
import { SerialError, type SerialLink } from "../serial/serial-link.ts";
import { CommandError } from "./command-error.ts";

interface Flags {
  port?: string;
  image: string[];
  chip?: ChipName;
  baud: number;
  stub: boolean;
  dryRun?: boolean;
  nvs?: string;
  secrets?: string;
  forgetKeys?: boolean;
  retries: number;
  verbose?: boolean;
  json?: boolean;
}

const DEFAULT_BAUD = 460_800;
const DEFAULT_RETRIES = 5;
const RETRY_DELAY_MS = 500;
/** The node's first words: over when it has been quiet for so long. */
const QUIET_MS = 700;
const LISTEN_LIMIT_MS = 8000;
/** Of them, so many lines are shown. */
const SHOWN_LINES = 20;
const PROGRESS_EVERY_MS = 250;
const PLAIN_PROGRESS_EVERY_MS = 2000;

export function registerFlash(program: Command): void {
  program
    .command("flash")
    .description("put firmware on a board, verify it and start it")
    .requiredOption("--image <what...>", "a folder that a build left, or files with their place in flash: FILE@OFFSET")
    .option("--port <name>", "rfc2217://HOST:PORT, /dev/ttyUSB0, COM3; without it the only board that is connected")
    .addOption(new Option("--chip <name>", "flash this chip only").choices(CHIP_NAMES))
    .option(
      "--baud <rate>",
      "bits a second, once the flasher runs on the board",
      integer(9600, 4_000_000),
      DEFAULT_BAUD,
    )
    .option("--no-stub", "flash through the chip's ROM, slower, where the flasher does not start")
    .option("--nvs <file>", "a node's own record (made offline) for the partition nvs")
    .option("--secrets <dir>", "refuse images that hold a key of these <devEui>.secrets.json")
    .option("--forget-keys", "overwrite keys that are on the board: the node loses its identity for good")
    .option("--retries <n>", "how often to go on after a lost connection", integer(0, 20), DEFAULT_RETRIES)
    .option("--dry-run", "compare and say what would be written; without --port, check the files only")
    .option("--verbose", "what the flasher says, on standard error")
    .option("--json", "one JSON line an event")
    .addHelpText(
      "after",
      `
What is already there is not written again, so an interrupted run is finished by the same command.
Exit codes: 0 done; 2 usage; 10 no port; 11 no bootloader answers; 12 wrong chip; 13 flash too small; 14 unusable image;
15 keys in an image; 16 keys on the board; 17 connection lost; 18 not verified; 19 flashed, and it does not start.`,
    )
    .action(flash);
}

async function flash(flags: Flags): Promise<void> {
  try {
    await flashOrCheck(flags);
  } catch (error) {
    throw asCommandError(error, flags);
  }
}

async function flashOrCheck(flags: Flags): Promise<void> {
  const builds = loadBuilds(flags.image);
  const secrets = flags.secrets === undefined ? [] : loadSecrets(flags.secrets);
  // What is wrong with the files is told before a port is touched.
  const checked = builds.map(({ segments }) => checkSegments(segments, secrets));
  if (flags.dryRun && flags.port === undefined) {
    chooseBuild(builds, flags.chip);
    tellFiles(
      flags,
      checked[0].segments.map(({ name, offset, bytes }) => ({
        name,
        offset,
        size: bytes.length,
        toWrite: bytes.length,
      })),
    );
    return;
  }
  const link = createLink(flags.port ?? (await findPort()));
  const request: FlashRequest = {
    builds,
    baudRate: flags.baud,
    useStub: flags.stub,
    dryRun: flags.dryRun ?? false,
    secrets,
    forgetKeys: flags.forgetKeys ?? false,
    retries: flags.retries,
    retryDelayMs: RETRY_DELAY_MS,
    ...(flags.chip === undefined ? {} : { chip: flags.chip }),
    ...(flags.nvs === undefined ? {} : { nodeRecord: { name: flags.nvs, bytes: read(flags.nvs) } }),
  };
  const display = new Display(flags);
  // Loaded only now: esptool-js is large, and every other command would wait for it.
  const { flashBoard } = await import("../flashing/flash-board.ts");
  let result: FlashResult;
  try {
    result = await flashBoard(link, request, display);
  } catch (error) {
    display.endLine();
    // The board is left as it was found: running, if it can.
    if (error instanceof FlashError) await startQuietly(link);
    throw error;
  }
  display.endLine();
  const listened = await startAndListen(link, QUIET_MS, LISTEN_LIMIT_MS);
  display.done(result, listened);
  if (listened.isStuck && !flags.dryRun) {
    throw new FlashError(
      FLASH_EXIT.notStarting,
      "all is written and verified, and the board does not start it",
      listened.lines.at(-1) ?? link.name,
      "flash the whole firmware: bootloader, partition table and application",
    );
  }
}

async function startQuietly(link: SerialLink): Promise<void> {
  try {
    await startAndListen(link, 0, 0);
  } catch (error) {
    if (!(error instanceof SerialError)) throw error;
    // The port is gone; why is being told already.
  }
}

/** The only port that a board may be behind. */
async function findPort(): Promise<string> {
  const ports = await listPorts();
  if (ports.length === 1) return ports[0].path;
  const found = ports.map(({ path, maker }) => `${path} (${maker})`).join(", ");
  throw new FlashError(
    FLASH_EXIT.noPort,
    ports.length === 0 ? "no board is connected" : "more than one board may be connected",
    found === "" ? "the serial ports of this machine" : found,
    ports.length === 0 ? "connect one, or serve a modelled one: groundtruth demo board" : "name one with --port",
  );
}

/** What the user gets to see as it goes on. */
class Display implements FlashEvents {
  #json: boolean;
  #verbose: boolean;
  #dryRun: boolean;
  #isTerminal = process.stderr.isTTY ?? false;
  #lineIsOpen = false;
  #shownMs = 0;
  #phase = "";

  constructor({ json, verbose, dryRun }: Flags) {
    this.#json = json ?? false;
    this.#verbose = verbose ?? false;
    this.#dryRun = dryRun ?? false;
  }

  found(board: BoardFound): void {
    if (this.#json) print({ event: "found", ...board });
    else this.#line(`${board.title}, MAC ${board.mac}, ${sizeText(board.flashSize)} of flash`);
  }

  planned(segments: readonly SegmentPlan[]): void {
    if (this.#json) {
      print({ event: "planned", dryRun: this.#dryRun, segments });
      return;
    }
    const verb = this.#dryRun ? "would write" : "to write";
    for (const segment of segments) this.#line(`  ${planLine(segment, verb)}`);
  }

  progress(progress: FlashProgress): void {
    const nowMs = performance.now();
    const isEnd = progress.done === progress.total;
    const everyMs = this.#json || this.#isTerminal ? PROGRESS_EVERY_MS : PLAIN_PROGRESS_EVERY_MS;
    if (!isEnd && progress.phase === this.#phase && nowMs - this.#shownMs < everyMs) return;
    this.#shownMs = nowMs;
    this.#phase = progress.phase;
    if (this.#json) {
      print({ event: "progress", ...progress });
    } else if (this.#isTerminal) {
      process.stderr.write(`\r\x1b[K${progressLine(progress)}${isEnd ? "\n" : ""}`);
      this.#lineIsOpen = !isEnd;
    } else if (progress.done > 0) {
      process.stderr.write(`${progressLine(progress)}\n`);
    }
  }

  retrying(error: Error, triesLeft: number): void {
    if (this.#json) print({ event: "retrying", error: error.message, triesLeft });
    else this.#line(`${error.message}: going on, ${triesLeft} ${triesLeft === 1 ? "try" : "tries"} left`);
  }

  log(line: string): void {
    const text = line.trim();
    if (this.#verbose && text !== "") this.#line(`  flasher: ${text}`);
  }

  done({ board, segments }: FlashResult, { lines, isStuck }: Listened): void {
    const written = segments.reduce((sum, { toWrite }) => sum + toWrite, 0);
    if (this.#json) {
      print({
        event: "done",
        dryRun: this.#dryRun,
        mac: board.mac,
        written: this.#dryRun ? 0 : written,
        node: lines,
        starts: !isStuck,
      });
      return;
    }
    if (!isStuck || this.#dryRun) {
      for (const line of lines.slice(0, SHOWN_LINES)) this.#line(`  node: ${line}`);
      if (lines.length > SHOWN_LINES) this.#line(`  and ${lines.length - SHOWN_LINES} lines more: groundtruth monitor`);
      if (lines.length === 0) this.#line("  the node says nothing yet: groundtruth monitor");
    }
    if (this.#dryRun) process.stdout.write(`Nothing written (--dry-run): ${sizeText(written)} would be\n`);
    else if (!isStuck && written === 0) process.stdout.write("Done: all was there already, and is verified\n");
    else if (!isStuck) process.stdout.write(`Done: ${sizeText(written)} written, all verified\n`);
  }

  /** Ends a progress line that is still being written over. */
  endLine(): void {
    if (this.#lineIsOpen) process.stderr.write("\n");
    this.#lineIsOpen = false;
  }

  #line(text: string): void {
    this.endLine();
    process.stderr.write(`${text}\n`);
  }
}

function tellFiles(flags: Flags, segments: SegmentPlan[]): void {
  if (flags.json) print({ event: "planned", dryRun: true, segments });
  else for (const segment of segments) process.stdout.write(`${planLine(segment, "holds")}\n`);
}

function planLine({ name, offset, size, toWrite }: SegmentPlan, verb: string): string {
  const place = `0x${offset.toString(16)}`.padEnd(10);
  const what = toWrite === 0 ? "there already" : `${verb} ${sizeText(Math.min(toWrite, size))}`;
  return `${place}${name}, ${sizeText(size)}: ${what}`;
}

function print(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

function asCommandError(error: unknown, flags: Flags): unknown {
  if (error instanceof FlashError) return new CommandError(error.message, error.where, error.next, error.exitCode);
  if (!(error instanceof SerialError)) return error;
  const where = `--port ${flags.port ?? "(found)"}`;
  return new CommandError(
    error.message,
    where,
    error.next,
    error.reason === "lost" ? FLASH_EXIT.lost : FLASH_EXIT.noPort,
  );
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Not a whole number from ${min} to ${max}.`);
    return value;
  };
}
