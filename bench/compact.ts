/**
 * What an attested reading costs on the air: `node bench/compact.ts [FILE.csv ...]`, by default the real weather in ../shared/data that the
 * shipped tables were not trained on. Five-minute steps, every fifth row as it stands, quality flags by the node's own rules, fields
 * that the file lacks left missing; batches of 36, a key batch at first and once a day; and batches closed when their frames are full.
 *
 * Two ways to count: "plain" is bytes + 14 a frame (LoRaWAN 13, fragment header 1; one frame alone 13), as the design's table has it; "SCHC" is
 * as firmware/wire/slot-fragment.ts has it: whole tiles of 10 bytes, and an All-1 fragment with length, CRC-32 and the last tiles.
 * What others send is counted the plain way, which is kind to them.
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Quality } from "../firmware/core/quality.ts";
import { CompactModel } from "../firmware/wire/compact-model.ts";
import { compactRules } from "../firmware/wire/compact-profiles.ts";
import { CompactEncoder, MAX_COMPACT_BYTES } from "../firmware/wire/compact-token.ts";
import { encodeSign1, SIGNATURE_BYTES } from "../firmware/wire/cose-sign1.ts";
import {
  type Batch,
  encodeClaims,
  MAX_BATCH_READINGS,
  MAX_CLAIMS_BYTES,
  MAX_TOKEN_BYTES,
  type NodeIdentity,
} from "../firmware/wire/eat-token.ts";
import { missingFlag } from "../firmware/wire/profile.ts";
import { WEATHER } from "../firmware/wire/profiles/weather.ts";
import { newReading } from "../firmware/wire/reading-record.ts";
import { TILE_BYTES } from "../firmware/wire/schc-fragment.ts";
import { SLOT_ALL_1_HEADER_BYTES } from "../firmware/wire/slot-fragment.ts";
import { sequencesOfFile } from "../tools/training/train-compact.ts";
import type { Sequence } from "../tools/training/weather-sequences.ts";
import { type BytesOfReading, jwsBytes, protobufBytes } from "./reading-formats.ts";

const STEP_S = 300;
const USUAL_READINGS = 36;
const READINGS_A_DAY = 288;
/** LoRaWAN: MHDR 1, DevAddr 4, FCtrl 1, FCnt 2, FPort 1, MIC 4. */
const FRAME_BYTES = 13;
const TIME_QUALITY = (1 << 5) | 11;
const BOOT_COUNT = 3;

/** Longest application payload (N of RP002-1.0.4, no options in the header). */
const DATA_RATES = [
  { name: "EU868 DR0", payload: 51 },
  { name: "EU868 DR3", payload: 115 },
  { name: "EU868 DR5", payload: 242 },
  { name: "US915 DR0", payload: 11 },
  { name: "US915 DR1", payload: 53 },
];

const IDENTITY: NodeIdentity = {
  ueid: Uint8Array.from([2, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 7, 0x18]),
  oemid: Uint8Array.from([0xa1, 0xb2, 0xc3]),
  hwmodel: Uint8Array.from(Buffer.from("heltec-v3")),
  dbgstat: 2,
  kid: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
  alg: -7,
};

/** Bytes on the air, a header of one byte for each fragment. */
function plainAir(bytes: number, payload: number): number {
  if (bytes <= payload) return bytes + FRAME_BYTES;
  return bytes + (FRAME_BYTES + 1) * Math.ceil(bytes / (payload - 1));
}

/** Bytes on the air in fragments as they are sent: whole tiles, and an All-1 with 7 bytes and as many of the last tiles as fit. */
function schcAir(bytes: number, payload: number): number {
  if (bytes <= payload) return bytes + FRAME_BYTES;
  const perFragment = Math.floor((payload - 1) / TILE_BYTES) * TILE_BYTES;
  let regular = 0;
  let rest = bytes;
  for (; rest > 0 && SLOT_ALL_1_HEADER_BYTES + rest > payload; regular++) rest -= perFragment;
  return bytes + (FRAME_BYTES + 1) * regular + FRAME_BYTES + SLOT_ALL_1_HEADER_BYTES;
}

/** Sets the quality flags of a sequence as a node does. */
function annotate(sequence: Sequence): void {
  const quality = new Quality(WEATHER);
  const reading = newReading(WEATHER.fields.length);
  sequence.rows.forEach((row, i) => {
    reading.uptimeS = i * sequence.stepS;
    reading.flags = sequence.flags[i];
    reading.values.set(row);
    quality.annotate(reading);
    sequence.flags[i] = reading.flags;
  });
}

interface Run {
  /** Length of each token in bytes. */
  tokens: number[];
  readings: number;
}

/** Codes sequences; a batch closes at `most` readings or where the next one would make the token longer than `limit` bytes. */
function compactRun(sequences: readonly Sequence[], most: number, limit: number): Run {
  const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, new Uint8Array(MAX_COMPACT_BYTES));
  const run: Run = { tokens: [], readings: 0 };
  for (const { startS, flags, rows } of sequences) {
    let keyAt = 0;
    for (let from = 0; from < rows.length; from += encoder.count) {
      const key = from >= keyAt;
      if (key) keyAt = from + READINGS_A_DAY;
      const t0 = startS + from * STEP_S;
      encoder.start(
        {
          bootCount: BOOT_COUNT,
          seq: run.tokens.length,
          t0,
          dt: STEP_S,
          timeQuality: TIME_QUALITY,
          key,
          escape: false,
        },
        limit - SIGNATURE_BYTES,
      );
      for (let i = from; i < rows.length && encoder.count < most; i++) {
        if (!encoder.add({ flags: flags[i], values: rows[i] })) break;
      }
      // The end of a file is no end that a node would choose.
      if (from + encoder.count === rows.length && encoder.count < most) break;
      run.tokens.push(encoder.length + SIGNATURE_BYTES);
      run.readings += encoder.count;
    }
  }
  return run;
}

/** The batches of the whole token, `most` readings each. */
function coseRun(sequences: readonly Sequence[], most: number): Run {
  const run: Run = { tokens: [], readings: 0 };
  const claims = new Uint8Array(MAX_CLAIMS_BYTES);
  const token = new Uint8Array(MAX_TOKEN_BYTES);
  for (const { startS, flags, rows } of sequences) {
    for (let from = 0; from + most <= rows.length; from += most) {
      const columns = [Int32Array.from(flags.slice(from, from + most))];
      WEATHER.fields.forEach((_, f) => {
        let last = 0;
        columns.push(
          Int32Array.from({ length: most }, (_, i) => {
            if ((flags[from + i] & missingFlag(f)) === 0) last = rows[from + i][f];
            return last;
          }),
        );
      });
      const batch: Batch = {
        profile: WEATHER,
        bootCount: BOOT_COUNT,
        seq: run.tokens.length,
        t0: startS + from * STEP_S,
        dt: STEP_S,
        timeQuality: TIME_QUALITY,
        wallTime: true,
        count: most,
        columns,
      };
      const length = encodeClaims(IDENTITY, batch, claims);
      const signature = new Uint8Array(SIGNATURE_BYTES);
      run.tokens.push(encodeSign1(-7, IDENTITY.kid, claims, length, signature, token));
      run.readings += most;
    }
  }
  return run;
}

function perReading(sequences: readonly Sequence[], bytesOf: BytesOfReading): Run {
  const run: Run = { tokens: [], readings: 0 };
  for (const { startS, flags, rows } of sequences) {
    rows.forEach((row, i) => {
      run.tokens.push(bytesOf(startS + i * STEP_S, run.tokens.length, flags[i], row));
      run.readings++;
    });
  }
  return run;
}

type Air = (bytes: number, payload: number) => number;

function airPerReading(run: Run, air: Air, payload: number): number {
  let sum = 0;
  for (const bytes of run.tokens) sum += air(bytes, payload);
  return sum / run.readings;
}

function mean(run: Run): number {
  return run.tokens.reduce((sum, bytes) => sum + bytes, 0) / run.tokens.length;
}

function print(label: string, bytes: string, cells: readonly string[]): void {
  console.log(`${label.padEnd(46)}${bytes.padStart(8)}${cells.map((cell) => cell.padStart(11)).join("")}`);
}

function line(label: string, run: Run, air: Air): number[] {
  const costs = DATA_RATES.map(({ payload }) => airPerReading(run, air, payload));
  const readings = run.readings / run.tokens.length;
  const name = readings === 1 ? label : `${label}, ${readings.toFixed(1)} readings`;
  print(
    name,
    mean(run).toFixed(1),
    costs.map((cost) => cost.toFixed(2)),
  );
  return costs;
}

/** The best number of whole frames for batches that close when their frames are full, at each data rate. */
function fullFrames(
  sequences: readonly Sequence[],
  air: Air,
  tokenBytes: (frames: number, payload: number) => number,
): string[] {
  return DATA_RATES.map(({ payload }) => {
    let best = Infinity;
    let text = "";
    for (let frames = 1; frames <= 64; frames++) {
      const limit = tokenBytes(frames, payload);
      if (limit < SIGNATURE_BYTES + 40 || limit > 400) continue;
      const run = compactRun(sequences, MAX_BATCH_READINGS, limit);
      const cost = airPerReading(run, air, payload);
      // A batch that reaches the bound of 64 readings no longer fills its frames.
      if (cost >= best || run.readings / run.tokens.length > 60) continue;
      best = cost;
      text = `${cost.toFixed(2)} n${Math.round(run.readings / run.tokens.length)}`;
    }
    return text;
  });
}

function measure(path: string): void {
  const sequences = sequencesOfFile(path, STEP_S, [0]);
  for (const sequence of sequences) annotate(sequence);
  const readings = sequences.reduce((sum, { rows }) => sum + rows.length, 0);
  const suspect = sequences
    .flatMap(({ flags }) => flags)
    .filter((flags) => flags >>> WEATHER.fields.length !== 0).length;
  console.log(`\n${basename(path)}: ${readings} readings, ${suspect} with a suspect value; bytes on the air a reading`);
  print(
    "",
    "bytes",
    DATA_RATES.map(({ name }) => name),
  );
  const ours = compactRun(sequences, USUAL_READINGS, MAX_COMPACT_BYTES);
  const plain = line("compact, plain", ours, plainAir);
  line("compact, SCHC", ours, schcAir);
  print(
    "compact, frames full, plain",
    "",
    fullFrames(sequences, plainAir, (frames, payload) => frames * (payload - 1)),
  );
  const perFragment = (payload: number): number => Math.floor((payload - 1) / TILE_BYTES);
  const schcBytes = (frames: number, payload: number): number =>
    TILE_BYTES * (frames - 1) * perFragment(payload) + payload - SLOT_ALL_1_HEADER_BYTES;
  print("compact, frames full, SCHC", "", fullFrames(sequences, schcAir, schcBytes));
  for (const [label, run] of [
    ["COSE_Sign1 a batch", coseRun(sequences, USUAL_READINGS)],
    ["COSE_Sign1 a reading", coseRun(sequences, 1)],
    ["JWS a reading", perReading(sequences, jwsBytes)],
    ["protobuf and ECDSA a reading", perReading(sequences, protobufBytes)],
  ] as const) {
    const costs = line(label, run, plainAir);
    print(
      "  times ours (plain)",
      "",
      costs.map((cost, i) => (cost / plain[i]).toFixed(1)),
    );
  }
}

/** What coding costs the node: symbols a batch, and time on this machine. */
function effort(path: string): void {
  const sequences = sequencesOfFile(path, STEP_S, [0]);
  const rules = compactRules(WEATHER)!;
  let symbols = 0;
  const counting = {
    bit: (_probability: number, bit: number): number => {
      symbols++;
      return bit;
    },
    uniform: (_size: number, value: number): number => {
      symbols++;
      return value;
    },
  };
  const model = new CompactModel(WEATHER, rules, false);
  let batches = 0;
  for (const { flags, rows } of sequences) {
    rows.forEach((row, i) => {
      if (i % USUAL_READINGS === 0) {
        model.start(false);
        batches++;
      }
      model.row(counting, { flags: flags[i], values: row });
    });
  }
  const before = process.cpuUsage();
  let tokens = 0;
  while (process.cpuUsage(before).user < 1_000_000)
    tokens += compactRun(sequences, USUAL_READINGS, MAX_COMPACT_BYTES).tokens.length;
  const used = process.cpuUsage(before);
  const microseconds = (used.user + used.system) / tokens;
  console.log(
    `\ncoding a batch of ${USUAL_READINGS}: ${Math.round(symbols / batches)} symbols, ${microseconds.toFixed(0)} us on one core of this machine (Node)`,
  );
}

const FILES = ["dtu-2024-07.csv", "midc-2018-10-18.csv", "surfrad-alamosa-2016-01-01.csv"];
const given = process.argv.slice(2);
const paths =
  given.length > 0
    ? given
    : FILES.map((name) => fileURLToPath(new URL(`../../shared/data/weather/${name}`, import.meta.url)));
const present = paths.filter((path) => existsSync(path));
for (const path of paths) if (!present.includes(path)) console.log(`skipped: ${basename(path)} is not here`);
for (const path of present) measure(path);
if (present.length > 0) effort(present[0]);
