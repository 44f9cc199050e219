/** `groundtruth verify TOKEN... --node FILE`: checks tokens as a stranger would, with nothing but the node's public identity. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { Claims } from "../../firmware/wire/eat-token.ts";
import type { ReceiverCrypto } from "../receiver/crypto.ts";
import { DIGEST_STATE } from "../receiver/digest-checks.ts";
import { bytesToHex } from "../receiver/hex.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import { type NodeRecord, parseNodeRecord } from "../receiver/node-registry.ts";
import type { Placement } from "../receiver/placements.ts";
import { isoSeconds, readingOf, type VerifiedReading } from "../receiver/reading-output.ts";
import { statementLines } from "../receiver/statement-lines.ts";
import { type SetOutcome, type SetToken, verifySet } from "../receiver/token-set.ts";
import { explainReason } from "../receiver/token-verifier.ts";
import { CommandError, EXIT } from "./command-error.ts";
import { describeToken } from "./describe-token.ts";

interface VerifyOptions {
  node: string;
  at?: number;
  json?: boolean;
}

interface Input {
  file: string;
  bytes: Uint8Array;
}

export function registerVerify(program: Command): void {
  program
    .command("verify")
    .description("check tokens against a node's public identity and print what they say")
    .argument("<token...>", "files with one token each (COSE_Sign1 bytes)")
    .requiredOption("--node <file>", "the node's public identity: nodes/<devEui>.json")
    .option("--at <time>", "judge claimed times as of this moment (ISO 8601) instead of now", parseTime)
    .option("--json", "one JSON line a reading, statement or refusal")
    .addHelpText(
      "after",
      "\nTokens given together explain each other: key tokens name the keys of those behind them, boot tokens their profile, anchors the time of uptimes." +
        "\nExit code 0 when every token is the node's, 1 when one is not, 2 when a file cannot be read.",
    )
    .action(verify);
}

async function verify(files: string[], options: VerifyOptions): Promise<void> {
  const node = readNode(options.node, NODE_CRYPTO);
  const inputs = files.map((file) => ({ file, bytes: readInput(file) }));
  const tokens = inputs.map(({ bytes }) => bytes);
  const outcomes = verifySet(tokens, node, NODE_CRYPTO, options.at ?? Date.now());
  for (const [i, outcome] of outcomes.entries()) {
    process.stdout.write(options.json ? await asJson(inputs[i], outcome, node) : asText(inputs[i], outcome, node));
  }
  if (outcomes.some(({ ok }) => !ok)) process.exitCode = EXIT.failed;
}

function readingsOf(claims: Claims, node: NodeRecord, digest: string): VerifiedReading[] {
  return Array.from({ length: claims.count }, (_, index) => readingOf(claims, index, node.devEui, digest));
}

async function asJson({ file, bytes }: Input, outcome: SetOutcome, node: NodeRecord): Promise<string> {
  if (!outcome.ok) {
    return `${JSON.stringify({ file, refused: outcome.reason, claims: await unverifiedClaims(bytes) })}\n`;
  }
  const { claims, digestHex, placement } = outcome;
  const readings = claims.kind === "batch" ? readingsOf(claims, node, digestHex) : [];
  const lines = readings.map((reading) => `${JSON.stringify(reading)}\n`);
  return lines.join("") + statementLines(claims, node.devEui, digestHex, placement === undefined ? [] : [placement]);
}

function asText({ file }: Input, outcome: SetOutcome, node: NodeRecord): string {
  if (!outcome.ok) {
    const explanation = explainReason(outcome.reason);
    return `${file}: REFUSED, ${outcome.reason}${explanation ? ` (${explanation})` : ""}\n`;
  }
  const { claims, digestHex, placement } = outcome;
  const head = `${file}: verified, node ${node.devEui}, seq ${claims.seq}, `;
  if (claims.kind !== "batch") return `${head}${describeToken(claims)}${digestText(outcome)}\n`;
  const readings = readingsOf(claims, node, digestHex);
  const { source, uncertaintyMs } = readings[0].timeQuality;
  const known = uncertaintyMs === null ? "time not known" : `time by ${source} within ${uncertaintyMs / 1000} s`;
  const batch = `boot ${claims.bootCount}, readings ${claims.count}, ${known}${placementText(placement)}`;
  return `${head}${batch}\n${readings.map((reading) => `  ${readingText(reading, claims)}\n`).join("")}`;
}

function digestText({ digestState }: SetToken): string {
  if (digestState === undefined) return "";
  return digestState === DIGEST_STATE.agrees ? ": the tokens given are those" : ": not all of them are given";
}

function placementText(placement: Placement | undefined): string {
  if (placement === undefined) return "";
  const { placedUnixMs, uncertaintyMs } = placement;
  return `; by its boot's anchor the first at ${isoSeconds(placedUnixMs / 1000)} within ${uncertaintyMs / 1000} s`;
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
