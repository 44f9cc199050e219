/**
 * `groundtruth build --board NAME`: the firmware for a board, as far as this machine can build it, with its sizes against the budgets. Works in a
 * checkout of the project: a package has no firmware sources.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { projectRoot } from "../../host-sim/xs/linked/sdk.ts";
import { boardNames, readBoard } from "../flashing/boards.ts";
import { type BoardBudget, describeImage, overBudget, renewTable, sizeTable } from "../flashing/build-report.ts";
import { PROFILES, type Profile } from "../flashing/configuration.ts";
import type { Choice } from "../flashing/features.ts";
import { inspectToolchain, type Lack, type Toolchain } from "../flashing/toolchain.ts";
import { CommandError, EXIT } from "./command-error.ts";

/** The JavaScript half is built and measured, and ESP-IDF for the other half is not there. */
const HALF_BUILT = 3;
const TABLE_PAGE = "docs/boards/README.md";

interface BuildOptions {
  board?: string;
  all?: boolean;
  with?: string;
  without?: string;
  regions?: string;
  profile: string;
  json?: boolean;
  table?: boolean;
}

export function registerBuild(program: Command): void {
  program
    .command("build")
    .description("build the firmware for a board and report its sizes")
    .option("--board <name>", "which board; --all builds every one")
    .option("--all", "every board, one after the other, its JavaScript half")
    .option("--with <features>", "features beside the board's own, divided by commas")
    .option("--without <features>", "features that are left out")
    .option("--regions <names>", "the LoRaWAN regions in the image instead of the board's own (eu868,us915)")
    .option(
      "--profile <name>",
      "development, or production (secure boot, encrypted flash: docs/building.md)",
      "development",
    )
    .option("--json", "one JSON line a board")
    .option("--table", `with --all: renew the table of sizes in ${TABLE_PAGE}`)
    .addHelpText(
      "after",
      "\nExit code 0 when the whole image is built within its budgets, 1 when it is not within them, 2 when nothing can be built, 3 when ESP-IDF is\nmissing: the JavaScript half is then built and measured.",
    )
    .action(build);
}

async function build(options: BuildOptions): Promise<void> {
  if (!existsSync(join(projectRoot, "manifests", "base.json"))) {
    throw new CommandError(
      "there are no firmware sources here",
      projectRoot,
      "get the project's repository, and run npm ci in it",
    );
  }
  const boards = chosenBoards(options);
  if (!PROFILES.includes(options.profile as Profile))
    throw new CommandError(`there is no profile ${options.profile}`, "--profile", `choose ${PROFILES.join(" or ")}`);
  const toolchain = inspectToolchain(process.env, options.all ? "all" : readBoard(projectRoot, boards[0]).chip);
  for (const warning of toolchain.warnings) process.stderr.write(`warning: ${warning}\n`);
  if (toolchain.sdk === undefined) throw cannotBuild(toolchain.lacksForJavaScript);
  const exitCode = await buildBoards(boards, options, toolchain, toolchain.sdk);
  if (exitCode !== EXIT.ok) process.exitCode = exitCode;
}

async function buildBoards(
  boards: readonly string[],
  options: BuildOptions,
  toolchain: Toolchain,
  sdk: NonNullable<Toolchain["sdk"]>,
): Promise<number> {
  // Its bundler is a development dependency, which only this command needs.
  const { buildJavaScript, buildWhole } = await import("../flashing/build-image.ts");
  const budgets = await readBudgets();
  const reports = [];
  let isOver = false;
  for (const board of boards) {
    const request = { board, choice: chosenParts(board, options), profile: options.profile as Profile };
    const report = await guarded(board, () => buildJavaScript(projectRoot, sdk, request));
    // What an owner chose otherwise is measured, but was promised to nobody.
    const budget = request.choice === undefined ? budgets[board] : undefined;
    const over = request.choice === undefined ? overBudget(report, budget) : [];
    isOver ||= over.length > 0;
    reports.push(report);
    process.stdout.write(
      options.json ? `${JSON.stringify({ ...report, overBudget: over })}\n` : describeImage(report, budget),
    );
    for (const line of over) process.stderr.write(`over budget: ${line}\n`);
    if (toolchain.idf !== undefined && !options.all) {
      const folder = await guarded(board, async () => buildWhole(projectRoot, sdk, board));
      process.stderr.write(`image: ${folder}\n`);
    }
  }
  if (options.table) {
    const page = join(projectRoot, TABLE_PAGE);
    writeFileSync(page, renewTable(readFileSync(page, "utf8"), sizeTable(reports)));
  }
  if (isOver) return EXIT.failed;
  if (toolchain.idf !== undefined || options.all) return EXIT.ok;
  process.stderr.write("the JavaScript half is built; for the whole image is missing:\n");
  for (const { what, command } of toolchain.lacksForImage) process.stderr.write(`  ${what}\n    ${command}\n`);
  return HALF_BUILT;
}

function chosenBoards(options: BuildOptions): string[] {
  const names = boardNames(projectRoot);
  const next = `choose one of ${names.join(", ")}`;
  if (options.all === (options.board !== undefined))
    throw new CommandError("either --board NAME or --all is needed", "the command line", next);
  if (options.table && !options.all)
    throw new CommandError("--table is a table of all boards", "the command line", "add --all");
  if (options.all) return names;
  const { board = "" } = options;
  if (!names.includes(board)) throw new CommandError(`there is no board ${board}`, "--board", next);
  return [board];
}

/** Undefined where the owner leaves the choice to the board. */
function chosenParts(board: string, options: BuildOptions): Choice | undefined {
  const { with: more, without, regions } = options;
  if (more === undefined && without === undefined && regions === undefined) return undefined;
  const facts = readBoard(projectRoot, board);
  const left = list(without);
  const features = [...facts.features.filter((name) => !left.includes(name)), ...list(more)];
  return { features: [...new Set(features)], regions: regions === undefined ? facts.regions : list(regions) };
}

function list(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((name) => name !== "");
}

async function guarded<T>(board: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new CommandError(what, `building ${board}`, "mend what the message names, and build again", EXIT.failed);
  }
}

async function readBudgets(): Promise<Readonly<Record<string, BoardBudget>>> {
  const { BUDGETS } = await import(pathToFileURL(join(projectRoot, "test", "budgets.ts")).href);
  return BUDGETS.boards;
}

function cannotBuild(lacks: readonly Lack[]): CommandError {
  return new CommandError(
    lacks.map(({ what }) => what).join("; "),
    "the tools of this machine",
    lacks.map(({ command }) => command).join(" && "),
  );
}
