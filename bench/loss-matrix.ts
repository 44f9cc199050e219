/**
 * Delivery and airtime over lossy links: `node bench/loss-matrix.ts [--batches N] [--write]`. `--write` puts the tables into docs/loss.md.
 *
 * The node's fragment sender and the receiver's reassembly are the real ones (loss-link.ts), over real weather (loss-tokens.ts). Beside them the
 * same readings as others send them, signed one by one, counted exactly rather than sampled: a reading goes in one frame, or in as few fragments with
 * a header of one byte as hold it, all of which are needed. With downlinks each frame is a confirmed uplink, sent until the network's
 * acknowledgement is heard, at most eight times; without, it goes once.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { EU868 } from "../firmware/core/lorawan/region/eu868.ts";
import type { Region } from "../firmware/core/lorawan/region/region.ts";
import { US915 } from "../firmware/core/lorawan/region/us915.ts";
import { timeOnAirUs } from "../firmware/wire/time-on-air.ts";
import { type LinkResult, runLink } from "./loss-link.ts";
import { type Pool, READINGS, tokenPool } from "./loss-tokens.ts";

const CELLS: readonly (readonly [Region, number])[] = [
  [EU868, 0],
  [EU868, 3],
  [EU868, 5],
  [US915, 0],
  [US915, 1],
  [US915, 3],
];
const LOSSES = [0, 0.1, 0.2, 0.3, 0.4];
/** LoRaWAN: MHDR 1, DevAddr 4, FCtrl 1, FCnt 2, FPort 1, MIC 4; of the region's M the application has 8 less. */
const FRAME_BYTES = 13;
const MAC_BYTES = 8;
const CONFIRMED_TRIES = 8;
const DOCUMENT = new URL("../docs/loss.md", import.meta.url);

interface Cell {
  name: string;
  maxPayload: number;
  airtimeMs: (payload: number) => number;
}

function cellOf([region, dataRate]: (typeof CELLS)[number]): Cell {
  const { spreadingFactor, bandwidthHz } = region.dataRates[dataRate]!;
  const modulation = { spreadingFactor, bandwidthHz, codingRate: 1, preambleSymbols: 8, crcOn: true } as const;
  return {
    name: `${region.name} DR${dataRate}`,
    maxPayload: region.maxMacPayload[dataRate] - MAC_BYTES,
    airtimeMs: (payload) => timeOnAirUs(modulation, payload + FRAME_BYTES) / 1000,
  };
}

/** Bytes on the air for each reading that arrives, and the share of readings that do. */
function others(bytes: readonly number[], { maxPayload }: Cell, loss: number, confirmed: boolean): [number, number] {
  const heard = (1 - loss) * (1 - loss);
  const arrives = confirmed ? 1 - loss ** CONFIRMED_TRIES : 1 - loss;
  let times = 1;
  if (confirmed) for (let i = 1; i < CONFIRMED_TRIES; i++) times += (1 - heard) ** i;
  let sent = 0;
  let delivered = 0;
  for (const length of bytes) {
    const frames = length <= maxPayload ? 1 : Math.ceil(length / (maxPayload - 1));
    sent += length + (frames === 1 ? FRAME_BYTES : (FRAME_BYTES + 1) * frames);
    delivered += arrives ** frames;
  }
  return [(sent * times) / delivered, delivered / bytes.length];
}

function percent(part: number, of: number): string {
  const value = (100 * part) / of;
  return value === 100 || value === 0 ? `${value}` : value.toFixed(value > 99.9 ? 2 : 1);
}

/** Without downlinks `aheadPercent` is given. */
function table(pool: Pool, batches: number, aheadPercent?: number): string[] {
  const downlinks = aheadPercent === undefined;
  const heads = pool.formats.map(({ name }) => name);
  const delivery = downlinks
    ? "| | loss | at the receiver at first try, % | in the end, % | before the next batch, % | airtime a batch, s | factor | frames | downlinks | bytes a reading |"
    : "| | loss | at the receiver, % | airtime a batch, s | factor | frames | bytes a reading |";
  const lines = [
    `${delivery} ${heads.join(" | ")} |`,
    delivery.replace(/[^|]+/g, " --- ") + " --- |".repeat(heads.length),
  ];
  for (const cell of CELLS.map(cellOf)) {
    let base: number | undefined;
    for (const loss of LOSSES) {
      const found = runLink({
        token: (seq) => pool.tokens[seq],
        batches,
        maxPayload: cell.maxPayload,
        airtimeMs: cell.airtimeMs,
        loss,
        downlinks,
        ...(downlinks ? {} : { aheadPercent }),
        seed: 1,
      });
      const perBatch = found.airtimeMs / found.delivered;
      base ??= perBatch;
      const cells = [
        loss === 0 ? `**${cell.name}**` : "",
        `${Math.round(loss * 100)} %`,
        ...counts(found, downlinks, perBatch, base),
        ...pool.formats.map(({ bytes }) => {
          const [cost, share] = others(bytes, cell, loss, downlinks);
          if (share < 0.005) return "nothing";
          return share > 0.9995 ? cost.toFixed(0) : `${cost.toFixed(0)} (${percent(share, 1)} %)`;
        }),
      ];
      lines.push(`| ${cells.join(" | ")} |`);
    }
  }
  return lines;
}

/** Factor and delivery at 20 % loss where every answer is one frame late. */
function late(pool: Pool, batches: number): string {
  const found = CELLS.map(cellOf).map(({ name, maxPayload, airtimeMs }) => {
    const [clean, lossy] = [0, 0.2].map((loss) =>
      runLink({
        token: (seq) => pool.tokens[seq],
        batches,
        maxPayload,
        airtimeMs,
        loss,
        downlinks: true,
        late: true,
        seed: 1,
      }),
    );
    const factor = lossy.airtimeMs / lossy.delivered / (clean.airtimeMs / clean.delivered);
    return `${name} ${factor.toFixed(2)} (${percent(lossy.firstTry, batches)} %)`;
  });
  return `With every answer one frame late, the factor at 20 % loss, and what arrives at first try: ${found.join(", ")}.`;
}

function counts(found: LinkResult, downlinks: boolean, perBatch: number, base: number): string[] {
  const { batches, delivered, firstTry, atOnce, frames, bytes } = found;
  return [
    percent(firstTry, batches),
    ...(downlinks ? [percent(delivered, batches), percent(atOnce, batches)] : []),
    (perBatch / 1000).toFixed(2),
    (perBatch / base).toFixed(2),
    (frames / delivered).toFixed(2),
    ...(downlinks ? [(found.downlinks / batches).toFixed(2)] : []),
    `**${(bytes / delivered / READINGS).toFixed(2)}**`,
  ];
}

const { values } = parseArgs({
  options: { batches: { type: "string", default: "2000" }, write: { type: "boolean", default: false } },
});
const batches = Number(values.batches);
const pool = tokenPool(batches);
const mean = pool.tokens.reduce((sum, token) => sum + token.length, 0) / pool.tokens.length;
const summary = `${batches} batches of ${READINGS} readings a cell, ${pool.source}, compact tokens of ${mean.toFixed(1)} bytes on average.`;
const parts = {
  summary: [summary],
  downlinks: table(pool, batches),
  late: [late(pool, batches)],
  "ahead-50": table(pool, batches, 50),
  "ahead-100": table(pool, batches, 100),
};
for (const lines of Object.values(parts)) console.log(`${lines.join("\n")}\n`);

if (values.write) {
  let text = readFileSync(DOCUMENT, "utf8");
  for (const [name, lines] of Object.entries(parts)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/loss.md lacks ${begin} or ${end}`);
    text = `${text.slice(0, from + begin.length)}\n${lines.join("\n")}\n${text.slice(to)}`;
  }
  writeFileSync(DOCUMENT, text);
}
