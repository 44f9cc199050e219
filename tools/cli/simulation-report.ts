/** What `simulate` shows a person: a row for each piece of virtual time, the summary, and what to try next. */
import { styleText } from "node:util";
import type { SimulationOptions } from "../simulation/options.ts";
import type { Progress, SimulationSink } from "../simulation/sink.ts";
import type { Summary } from "../simulation/summary.ts";

const COLUMNS: readonly { title: string; width: number; show: (state: Progress) => string }[] = [
  { title: "time", width: 8, show: (state) => clock(state.simulatedSeconds) },
  { title: "readings", width: 9, show: (state) => `${state.readingsTaken}` },
  { title: "verified", width: 9, show: (state) => `${state.readingsVerified}` },
  { title: "tokens", width: 7, show: (state) => `${state.tokensVerified}` },
  { title: "frames", width: 7, show: (state) => `${state.framesUp}` },
  { title: "lost", width: 5, show: (state) => `${state.framesLost}` },
  { title: "air s", width: 7, show: (state) => (state.airtimeMs / 1000).toFixed(1) },
  { title: "degC", width: 6, show: (state) => latest(state, "temperature", 1) },
  { title: "%RH", width: 4, show: (state) => latest(state, "humidity", 0) },
  { title: "hPa", width: 7, show: (state) => latest(state, "pressure", 1) },
  { title: "m/s", width: 5, show: (state) => latest(state, "windSpeed", 1) },
  { title: "W/m2", width: 5, show: (state) => latest(state, "irradiance", 0) },
  { title: "rain mm", width: 8, show: (state) => latest(state, "rain", 1) },
];

function clock(seconds: number): string {
  const two = (value: number): string => `${Math.floor(value)}`.padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  return `${days > 0 ? `${days}d ` : ""}${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}`;
}

function latest(state: Progress, name: string, decimals: number): string {
  const value = state.latest?.[name];
  return value === undefined || value === null ? "-" : value.toFixed(decimals);
}

/** A table that fills as virtual time passes. */
export class ProgressTable implements SimulationSink {
  #out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream, options: SimulationOptions) {
    this.#out = out;
    const nodes = options.nodes === 1 ? "one virtual weather node" : `${options.nodes} virtual weather nodes`;
    const lora = options.uplink === "p2p" ? "point to point LoRa" : "LoRaWAN";
    const path = options.uplink === "wifi" ? "MQTT over Wi-Fi" : `${lora} ${options.region}`;
    out.write(`${nodes}, ${path}, ${clock(options.durationS)} of virtual time, seed ${options.seed}\n\n`);
    out.write(`${styleText("bold", COLUMNS.map(({ title, width }) => title.padStart(width)).join(" "))}\n`);
  }

  progress(state: Progress): void {
    this.#out.write(`${COLUMNS.map(({ show, width }) => show(state).padStart(width)).join(" ")}\n`);
  }

  nodeFile(): void {}
  truth(): void {}
  reading(): void {}
  token(): void {}
  capture(): void {}
}

export function printSummary(out: NodeJS.WriteStream, summary: Summary, wallMs: number): void {
  const missing = summary.readingsTaken - summary.readingsVerified;
  const verdict =
    missing === 0
      ? styleText("green", `all ${summary.readingsTaken} readings verified`)
      : styleText("yellow", `${summary.readingsVerified} of ${summary.readingsTaken} readings verified`);
  const statements = summary.statementsVerified === 1 ? "1 statement" : `${summary.statementsVerified} statements`;
  out.write(`\n${verdict} in ${summary.tokensVerified} signed tokens, with ${statements} beside them`);
  out.write(`, simulated in ${(wallMs / 1000).toFixed(1)} s on ${summary.engine}\n`);
  for (const gap of summary.gaps.slice(0, 10)) {
    const token = gap.seq === null ? "no token" : `token ${gap.seq}`;
    out.write(`  ${gap.node}: ${gap.readings} readings, ${token}: ${gap.reason}\n`);
  }
  if (summary.gaps.length > 10) out.write(`  and ${summary.gaps.length - 10} more gaps; --json lists them\n`);
  if (!summary.complete) out.write(`${styleText("red", "some readings are neither verified nor accounted for")}\n`);
  out.write(`event hash ${summary.eventHash}\n`);
}

/** What to try next, with the folder that was written, where one was. */
export function printNextSteps(out: NodeJS.WriteStream, folder: string | undefined): void {
  const steps =
    folder === undefined
      ? [
          "npx groundtruth simulate --out out",
          "npx groundtruth simulate --nodes 20 --loss 0.2",
          "npx groundtruth simulate --help",
        ]
      : [
          `npx groundtruth verify ${folder}/tokens/*.cbor --node ${folder}/nodes/<devEui>.json`,
          `tshark -r ${folder}/capture.pcap`,
        ];
  out.write(`\nNext:\n${steps.map((step) => `  ${step}\n`).join("")}`);
}
