/**
 * Reads the nodes that a receiver is responsible for: `<devEui>.json` (public) and `<devEui>.secrets.json`, of which only the receiver key is
 * used. Node.js only. A file with secrets that others may read is refused: whoever has the key can make a node throw away what it has not
 * delivered.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ReceiverCrypto } from "../crypto.ts";
import { fromHex } from "../hex.ts";
import { asString, parseJsonObject } from "../json.ts";
import { parseNodeRecord } from "../node-registry.ts";
import type { ReceiverNode } from "../receiver.ts";

/** Something is wrong with a file; `next` says what to do. */
export class NodeFileError extends Error {
  readonly where: string;
  readonly next: string;

  constructor(message: string, where: string, next: string) {
    super(message);
    this.where = where;
    this.next = next;
  }
}

export interface LoadedNodes {
  nodes: ReceiverNode[];
  /** What an operator should know. */
  warnings: string[];
}

const MAX_SECRETS_LENGTH = 16_384;
const SECRETS = ".secrets.json";
/** Permission bits: read or write by others, and by the group. */
const OTHERS = 0o006;
const GROUP = 0o060;

/** Reads all nodes of a folder, with their keys where `secretsFolder` has them. Throws NodeFileError. */
export function loadNodes(folder: string, secretsFolder: string | undefined, crypto: ReceiverCrypto): LoadedNodes {
  const warnings: string[] = [];
  const nodes: ReceiverNode[] = [];
  const groupReadable: string[] = [];
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const parsed = parseNodeRecord(readText(path), crypto);
    if (!parsed.ok) {
      throw new NodeFileError(
        `the node's identity is not usable: ${parsed.reason}`,
        `${path}, at ${parsed.place}`,
        "get the file again from the node's maker or operator, or take it out of the folder",
      );
    }
    const record = parsed.node;
    if (name !== `${record.devEui}.json`) warnings.push(`${path} is about node ${record.devEui}`);
    if (nodes.some((node) => node.record.devEui === record.devEui)) {
      throw new NodeFileError(`node ${record.devEui} has two files`, path, "take one of them out of the folder");
    }
    const secrets = secretsFolder && join(secretsFolder, `${record.devEui}${SECRETS}`);
    if (secrets === undefined || !existsSync(secrets)) {
      nodes.push({ record });
      continue;
    }
    if (mode(secrets) & GROUP) groupReadable.push(secrets);
    nodes.push({ record, receiverKey: readKey(secrets, record.devEui) });
  }
  if (nodes.length === 0) {
    throw new NodeFileError("there are no nodes", folder, "put each node's public identity there: <devEui>.json");
  }
  const keyless = nodes.filter(({ receiverKey }) => receiverKey === undefined).length;
  if (secretsFolder === undefined) {
    warnings.push("without --secrets tokens are verified, and never acknowledged: nodes will send them again");
  } else if (keyless > 0) {
    warnings.push(
      `${keyless} of ${nodes.length} nodes have no <devEui>${SECRETS} in ${secretsFolder}: never acknowledged`,
    );
  }
  if (groupReadable.length > 0) {
    warnings.push(`${groupReadable.length} files with secrets are open to their group, such as ${groupReadable[0]}`);
  }
  return { nodes, warnings };
}

/** The text of a file with secrets. Throws NodeFileError when others may read or write it. */
export function readSecretFile(path: string): string {
  if (mode(path) & OTHERS) {
    throw new NodeFileError("a file with secrets is open to everyone on this machine", path, `chmod 600 ${path}`);
  }
  return readText(path);
}

function readKey(path: string, devEui: string): Uint8Array {
  const json = parseJsonObject(readSecretFile(path), MAX_SECRETS_LENGTH);
  const next = "get the file again from the node's operator";
  if (!json.ok) throw new NodeFileError(`the file is not usable: ${json.reason}`, path, next);
  if (json.value.devEui !== devEui) throw new NodeFileError("it is about another node", `${path}, at devEui`, next);
  const key = fromHex(asString(json.value.receiverKey) ?? "", 16);
  if (key === undefined) throw new NodeFileError("not 16 bytes of hexadecimal", `${path}, at receiverKey`, next);
  return key;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json") && !name.endsWith(SECRETS))
      .sort();
  } catch (error) {
    throw new NodeFileError(`the folder cannot be read: ${codeOf(error)}`, folder, "check the path");
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new NodeFileError(`the file cannot be read: ${codeOf(error)}`, path, "check that this user may read it");
  }
}

/** Windows has no such bits: its access lists are the administrator's to look after. */
function mode(path: string): number {
  if (process.platform === "win32") return 0;
  try {
    return statSync(path).mode;
  } catch (error) {
    throw new NodeFileError(`the file cannot be read: ${codeOf(error)}`, path, "check the path");
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
