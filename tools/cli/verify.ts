/** `groundtruth verify TOKEN... --node FILE`: checks tokens as a stranger would, with nothing but the node's public identity. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { Claims } from "../../firmware/wire/eat-token.ts";
import type { ReceiverCrypto } from "../receiver/crypto.ts";
import { bytesToHex } from "../receiver/hex.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import { type NodeRecord, parseNodeRecord } from "../receiver/node-registry.ts";
import { readingOf, type VerifiedReading } from "../receiver/reading-output.ts";
import { explainReason, verifyToken } from "../receiver/token-verifier.ts";
import { CommandError, EXIT } from "./command-error.ts";

interface VerifyOptions {
  node: string;
  at?: number;
  json?: boolean;
}

type Outcome = { file: string; claims: Claims; digest: string } | { file: string; reason: string; bytes: Uint8Array };

export function registerVerify(program: Command): void {
  program
    .command("verify")
    .description("check tokens against a node's public identity and print their readings")
    .argument("<token...>", "files with one token each (COSE_Sign1 bytes)")
    .requiredOption("--node <file>", "the node's public identity: nodes/<devEui>.json")
    .option("--at <time>", "judge claimed times as of this moment (ISO 8601) instead of now", parseTime)
    .option("--json", "one JSON line a reading or refusal")
    .addHelpText(
      "after",
      "\nExit code 0 when every token is the node's, 1 when one is not, 2 when a file cannot be read.",
    )
    .action(verify);
}

async function verify(files: string[], options: VerifyOptions): Promise<void> {
  const crypto = NODE_CRYPTO;
  const node = readNode(options.node, crypto);
  const tokens = files.map((file) => ({ file, bytes: readInput(file) }));
  const digestBySeq = new Map<number, string>();
  const nowUnixMs = options.at ?? Date.now();
  let failed = false;
  for (const { file, bytes } of tokens) {
    const outcome = check(file, bytes, node, crypto, nowUnixMs, digestBySeq);
    failed ||= "reason" in outcome;
    process.stdout.write(options.json ? await asJson(outcome, node) : asText(outcome, node));
  }
  if (failed) process.exitCode = EXIT.failed;
}

function check(
  file: string,
  bytes: Uint8Array,
  node: NodeRecord,
  crypto: ReceiverCrypto,
  nowUnixMs: number,
  digestBySeq: Map<number, string>,
): Outcome {
  const result = verifyToken(bytes, node, crypto, nowUnixMs);
  if (!result.ok) return { file, reason: result.reason, bytes };
  const digest = bytesToHex(crypto.sha256(bytes));
  const known = digestBySeq.get(result.claims.seq);
  // Two tokens of one number cannot both be true; the same one given twice is no contradiction.
  if (known !== undefined && known !== digest) return { file, reason: "seq-reused", bytes };
  digestBySeq.set(result.claims.seq, digest);
  return { file, claims: result.claims, digest };
}

function readingsOf(claims: Claims, node: NodeRecord, digest: string): VerifiedReading[] {
  return Array.from({ length: claims.count }, (_, index) => readingOf(claims, index, node.devEui, digest));
}

async function asJson(outcome: Outcome, node: NodeRecord): Promise<string> {
  if ("reason" in outcome) {
    const { file, reason } = outcome;
    return `${JSON.stringify({ file, refused: reason, claims: await unverifiedClaims(outcome.bytes) })}\n`;
  }
  const lines = readingsOf(outcome.claims, node, outcome.digest).map((reading) => JSON.stringify(reading));
  return `${lines.join("\n")}\n`;
}

function asText(outcome: Outcome, node: NodeRecord): string {
  if ("reason" in outcome) {
    const explanation = explainReason(outcome.reason);
    return `${outcome.file}: REFUSED, ${outcome.reason}${explanation ? ` (${explanation})` : ""}\n`;
  }
  const { claims } = outcome;
  const readings = readingsOf(claims, node, outcome.digest);
  const { source, uncertaintyMs } = readings[0].timeQuality;
  const time = uncertaintyMs === null ? "time not known" : `time by ${source} within ${uncertaintyMs / 1000} s`;
  const head = `${outcome.file}: verified, node ${node.devEui}, seq ${claims.seq}, boot ${claims.bootCount}, readings ${claims.count}, ${time}\n`;
  return head + readings.map((reading) => `  ${readingText(reading, claims)}\n`).join("");
}

function readingText(reading: VerifiedReading, claims: Claims): string {
  const values = claims.profile.fields.map((field) => {
    const value = reading.values[field.name];
    const mark = reading.flags[field.name] === "suspect" ? " (suspect)" : "";
    return `${field.name} ${value === null ? "missing" : `${value} ${field.unit}`}${mark}`;
  });
  return `${reading.time ?? `uptime ${reading.uptime} s`}  ${values.join(", ")}`;
}

/**
 * What a refused token says about itself, for whoever looks for the cause: decoded by a CBOR library that takes more than ours does, and
 * believed by nobody. null when there is nothing to decode.
 */
async function unverifiedClaims(bytes: Uint8Array): Promise<unknown> {
  const { Decoder } = await import("cbor-x");
  const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });
  try {
    const sign1 = decoder.decode(bytes);
    const payload = Array.isArray(sign1?.value) ? sign1.value[2] : undefined;
    return payload === undefined ? null : plain(decoder.decode(payload));
  } catch {
    return null; // the reason of the refusal stands beside it
  }
}

/** CBOR as JSON can hold it: byte strings in hexadecimal, map keys as text, integers beyond 2^53 as text. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "bigint" ? String(value) : value;
}

function readNode(file: string, crypto: ReceiverCrypto): NodeRecord {
  const result = parseNodeRecord(new TextDecoder().decode(readInput(file)), crypto);
  if (result.ok) return result.node;
  throw new CommandError(
    `the node's identity is not usable: ${result.reason}`,
    `${file}, at ${result.place}`,
    `get ${basename(file)} again from the node's maker or operator; it is not to be mended by hand`,
  );
}

function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const what = `the file cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}`;
    throw new CommandError(what, file, "check the path and that you may read it");
  }
}

function parseTime(text: string): number {
  const unixMs = Date.parse(text);
  if (Number.isNaN(unixMs)) throw new InvalidArgumentError("Not a time, as 2026-06-01T12:00:00Z is.");
  return unixMs;
}
