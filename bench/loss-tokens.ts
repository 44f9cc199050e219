/**
 * Compact tokens for the loss matrix: batches of 36 readings of nine fields at five-minute steps, from the real weather in ../shared/data where it
 * is, else from a walk that changes about as weather does; flags by the node's own rules; a key batch at first and once a day. The signature's
 * 64 bytes are random: nothing here depends on what they say.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Quality } from "../firmware/core/quality.ts";
import { compactRules } from "../firmware/wire/compact-profiles.ts";
import { CompactEncoder, MAX_COMPACT_BYTES } from "../firmware/wire/compact-token.ts";
import { SIGNATURE_BYTES } from "../firmware/wire/cose-sign1.ts";
import { WEATHER } from "../firmware/wire/profiles/weather.ts";
import { newReading } from "../firmware/wire/reading-record.ts";
import { RandomStream } from "../host-sim/random-stream.ts";
import { sequencesOfFile } from "../tools/training/train-compact.ts";
import type { Sequence } from "../tools/training/weather-sequences.ts";
import { type BytesOfReading, coseBytes, jwsBytes, protobufBytes } from "./reading-formats.ts";

export const READINGS = 36;
export const STEP_S = 300;
const READINGS_A_DAY = 288;
const TIME_QUALITY = (1 << 5) | 11;
const BOOT_COUNT = 3;
/** The tables were trained on another month of the first. */
const FILES = ["dtu-2024-07.csv", "midc-2018-10-18.csv", "surfrad-alamosa-2016-01-01.csv"];
/** Readings of the walk, where there is no real weather. */
const WALK_READINGS = 40 * READINGS_A_DAY;

export interface Pool {
  /** What the data is, for the table. */
  source: string;
  /** Compact tokens by seq. */
  tokens: Uint8Array[];
  /** Lengths of single readings in the forms of others. */
  formats: { name: string; bytes: number[] }[];
}

function walk(): Sequence {
  const random = new RandomStream(1, "walk");
  const steps = [2, 1, 2, 5, 8, 4, 0, 30, 0];
  const starts = [150, 60, 10_132, 30, 50, 30, 100, 300, 370];
  const row = Int32Array.from(starts);
  const rows = Array.from({ length: WALK_READINGS }, () => {
    WEATHER.fields.forEach(({ min, max }, f) => {
      row[f] = Math.min(Math.max(row[f] + (random.u32() % (2 * steps[f] + 1)) - steps[f], min), max);
    });
    return row.slice();
  });
  return { startS: 1_704_067_200, stepS: STEP_S, flags: rows.map(() => 0), rows };
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

function formatsOf(sequences: readonly Sequence[]): Pool["formats"] {
  const lengths = (bytesOf: BytesOfReading): number[] =>
    sequences.flatMap(({ startS, flags, rows }) =>
      rows.map((row, i) => bytesOf(startS + i * STEP_S, i, flags[i], row)),
    );
  return [
    { name: "JWS a reading", bytes: lengths(jwsBytes) },
    { name: "protobuf and ECDSA a reading", bytes: lengths(protobufBytes) },
    { name: "COSE_Sign1 a reading", bytes: lengths(coseBytes) },
  ];
}

/** Where the batches begin: sequence and row. */
function beginnings(sequences: readonly Sequence[]): { sequence: Sequence; from: number }[] {
  return sequences.flatMap((sequence) =>
    Array.from({ length: Math.floor(sequence.rows.length / READINGS) }, (_, i) => ({ sequence, from: i * READINGS })),
  );
}

/** `count` tokens; where the data ends it begins anew, later and with other numbers. */
export function tokenPool(count: number): Pool {
  const paths = FILES.map((name) => fileURLToPath(new URL(`../../shared/data/weather/${name}`, import.meta.url)));
  const present = paths.filter((path) => existsSync(path));
  const sequences = present.length > 0 ? present.flatMap((path) => sequencesOfFile(path, STEP_S, [0])) : [walk()];
  const source = present.length > 0 ? "real weather" : "generated weather";
  for (const sequence of sequences) annotate(sequence);
  const starts = beginnings(sequences);
  const into = new Uint8Array(MAX_COMPACT_BYTES);
  const encoder = new CompactEncoder(WEATHER, compactRules(WEATHER)!, into);
  const signatures = new RandomStream(7, "signatures");
  const tokens = Array.from({ length: count }, (_, seq) => {
    const { sequence, from } = starts[seq % starts.length];
    const laterS = Math.floor(seq / starts.length) * starts.length * READINGS * STEP_S;
    encoder.start(
      {
        bootCount: BOOT_COUNT,
        seq,
        t0: sequence.startS + from * STEP_S + laterS,
        dt: STEP_S,
        timeQuality: TIME_QUALITY,
        key: from % READINGS_A_DAY === 0,
        escape: false,
      },
      MAX_COMPACT_BYTES - SIGNATURE_BYTES,
    );
    for (let i = from; i < from + READINGS; i++) encoder.add({ flags: sequence.flags[i], values: sequence.rows[i] });
    const token = new Uint8Array(encoder.length + SIGNATURE_BYTES);
    token.set(into.subarray(0, encoder.length));
    for (let i = encoder.length; i < token.length; i++) token[i] = signatures.u32() & 0xff;
    return token;
  });
  return { source, tokens, formats: formatsOf(sequences) };
}
