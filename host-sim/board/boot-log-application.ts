/** What a modelled board runs unless it is given more: it says which firmware it was started with, as ESP-IDF's start-up log does, and no more. */
import { asciiBytes } from "./loader-protocol.ts";
import type { ApplicationHost, RunningApplication } from "./modelled-board.ts";

export function startBootLog({ application, send }: ApplicationHost): RunningApplication {
  const { description, partition } = application;
  const lines = [
    `I (48) boot: Loaded app from partition at offset 0x${partition.offset.toString(16)}`,
    `I (210) app_init: Project name:     ${description?.project ?? "unknown"}`,
    `I (215) app_init: App version:      ${description?.version ?? "unknown"}`,
  ];
  send(asciiBytes(lines.map((line) => `${line}\r\n`).join("")));
  return { receive: () => {}, stop: () => {} };
}
