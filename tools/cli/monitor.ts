/** `groundtruth monitor --port PORT`: who the node on a serial port is, how it is, and its log as it comes. */
import { styleText } from "node:util";
import { type Command, InvalidArgumentError } from "commander";
import type { LogLine } from "../console/client.ts";
import { type MonitorEvents, monitor } from "../console/monitor.ts";
import type { NodeIdentity } from "../console/node-console.ts";
import { FLASH_EXIT } from "../flashing/flash-error.ts";
import { createLink } from "../serial/open-link.ts";
import { SerialError } from "../serial/serial-link.ts";
import { CommandError, EXIT } from "./command-error.ts";

interface Flags {
  port: string;
  seconds?: number;
  json?: boolean;
}

const DAY_S = 86_400;

export function registerMonitor(program: Command): void {
  program
    .command("monitor")
    .description("show who the node on a serial port is, how it is, and its log")
    .requiredOption("--port <name>", "rfc2217://HOST:PORT, /dev/ttyUSB0, COM3")
    .option("--seconds <n>", "stop after so long; without it at Ctrl-C", parseSeconds)
    .option("--json", "one JSON line an event")
    .addHelpText(
      "after",
      `
The node goes on undisturbed: it is not reset. A firmware without our console is shown as it speaks.
Exit codes: 0 done; 1 nothing was heard; 2 usage; 10 no port; 17 connection lost.`,
    )
    .action(watch);
}

async function watch(flags: Flags): Promise<void> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once("SIGINT", abort).once("SIGTERM", abort);
  const timer = flags.seconds === undefined ? undefined : setTimeout(abort, flags.seconds * 1000);
  try {
    const link = createLink(flags.port);
    const display = flags.json ? new JsonLines() : new Lines();
    const summary = await monitor(link, display, { signal: stop.signal });
    if (summary.lost !== undefined) throw summary.lost;
    if (summary.lines === 0 && !summary.hasConsole) {
      const next = "reset the board; check that it runs our firmware: groundtruth flash";
      throw new CommandError("the board says nothing", `--port ${flags.port}`, next, EXIT.failed);
    }
  } catch (error) {
    if (!(error instanceof SerialError)) throw error;
    const exitCode = error.reason === "lost" ? FLASH_EXIT.lost : FLASH_EXIT.noPort;
    throw new CommandError(error.message, `--port ${flags.port}`, error.next, exitCode);
  } finally {
    clearTimeout(timer);
    process.removeListener("SIGINT", abort).removeListener("SIGTERM", abort);
  }
}

class JsonLines implements MonitorEvents {
  identity(identity: NodeIdentity, proved: boolean | undefined): void {
    print({ event: "identity", ...identity, proved: proved ?? null });
  }

  health(counters: Readonly<Record<string, number>>): void {
    print({ event: "health", counters });
  }

  log(line: LogLine): void {
    print({ event: "log", ...line });
  }

  text(text: string): void {
    print({ event: "text", text });
  }

  note(text: string): void {
    print({ event: "note", text });
  }
}

const LEVEL_STYLES: Readonly<Record<string, "red" | "yellow" | "gray" | "reset">> = Object.freeze({
  error: "red",
  warn: "yellow",
  info: "reset",
  debug: "gray",
});

class Lines implements MonitorEvents {
  identity(identity: NodeIdentity, proved: boolean | undefined): void {
    const { firmware, publicKey, kid, devEui, appKey, receiverKey, configuration, owner } = identity;
    line(`${identity.chip}, ${identity.hardwareId}: ${firmware.name} ${firmware.version} on ${identity.model}`);
    if (publicKey === null) line("  key: none yet");
    else line(`  key: ${kid}, ${proved ? "proved just now" : "NOT PROVED: it did not sign our challenge"}`);
    line(`  DevEUI: ${devEui ?? "none"}`);
    const parts: [string, boolean][] = [
      ["AppKey", appKey],
      ["receiver key", receiverKey],
      ["owner's key", owner !== null],
      ["configuration", configuration > 0],
    ];
    line(`  has: ${namesOf(parts, true)}`);
    line(`  lacks: ${namesOf(parts, false)}`);
    line(`  ${identity.locked ? "locked" : "not locked"}`);
  }

  health(counters: Readonly<Record<string, number>>): void {
    line(
      `  health: ${Object.entries(counters)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}`,
    );
  }

  log({ ms, level, source, text }: LogLine): void {
    const shown = `${(ms / 1000).toFixed(1).padStart(8)} s  ${level.padEnd(5)} ${source}: ${text}`;
    line(styleText(LEVEL_STYLES[level] ?? "reset", shown, { stream: process.stdout }));
  }

  text(text: string): void {
    line(`            ${text}`);
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}

function namesOf(parts: readonly [string, boolean][], is: boolean): string {
  const names = parts.filter(([, has]) => has === is).map(([name]) => name);
  return names.length === 0 ? "nothing" : names.join(", ");
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

function print(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > DAY_S)
    throw new InvalidArgumentError("Not a time in seconds, more than 0 and up to 86400.");
  return value;
}
