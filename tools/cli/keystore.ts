/** `groundtruth keystore`: the encrypted file with every secret that was ever given to a node. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Keystore } from "../keystore/keystore.ts";
import { parseSecret, type SecretRecord } from "../provisioning/batch-plan.ts";
import { parseEui64 } from "../provisioning/eui.ts";
import { NETWORK_FORMATS, NetworkFileError, type NetworkFormat, networkFile } from "../provisioning/network-files.ts";
import { CommandError } from "./command-error.ts";
import {
  EXIT_HELP,
  findNewPassphrase,
  findPassphrase,
  type KeystoreFlags,
  openKeystore,
  SECRET_EXIT,
  secretErrors,
  withKeystoreOptions,
} from "./secret-options.ts";

interface JsonFlag {
  json?: boolean;
}

interface PasswdFlags extends KeystoreFlags, JsonFlag {
  newPassphraseFile?: string;
  newPassphraseEnv?: string;
}

interface ExportFlags extends KeystoreFlags, JsonFlag {
  format: NetworkFormat | "receiver";
  out: string;
  batch?: string;
  node?: string[];
  applicationId?: string;
  deviceProfileId?: string;
  frequencyPlan?: string;
}

const OWNER_ONLY = 0o600;
const OWNER_FOLDER = 0o700;
const NODE_PREFIX = "node/";
const NEW_PASSPHRASE = "--new-passphrase-file FILE or --new-passphrase-env NAME";

export function registerKeystore(program: Command): void {
  const keystore = program
    .command("keystore")
    .description("keep the nodes' secrets: make, copy and restore the encrypted file, and give a network its part");
  withKeystoreOptions(keystore.command("create").description("make an empty keystore under a new passphrase"))
    .option("--json", "print the result as JSON")
    .addHelpText("after", EXIT_HELP)
    .action(create);
  withKeystoreOptions(
    keystore.command("passwd").description("change the passphrase; copies made before keep the old one"),
  )
    .addOption(
      new Option("--new-passphrase-file <file>", "the new one: the first line of this file").conflicts(
        "newPassphraseEnv",
      ),
    )
    .option("--new-passphrase-env <name>", "the new one: this environment variable")
    .option("--json", "print the result as JSON")
    .addHelpText("after", EXIT_HELP)
    .action(passwd);
  withKeystoreOptions(keystore.command("backup").description("read every record and write a copy, encrypted as it is"))
    .requiredOption("--to <file>", "the copy; it must not be there yet")
    .option("--json", "print the result as JSON")
    .addHelpText("after", EXIT_HELP)
    .action(backup);
  withKeystoreOptions(
    keystore.command("restore").description("read every record of a copy and put it in the keystore's place"),
  )
    .requiredOption("--from <file>", "the copy; the passphrase is the copy's")
    .option("--replace", "even if there is a keystore: what is only in that one is lost")
    .option("--json", "print the result as JSON")
    .addHelpText("after", EXIT_HELP)
    .action(restore);
  withKeystoreOptions(
    keystore.command("export").description("write the LoRaWAN keys for a network, or the receiver's keys"),
  )
    .addOption(
      new Option("--format <name>", "what for: receiver (a folder), or a file that a network imports")
        .choices(["receiver", ...NETWORK_FORMATS])
        .makeOptionMandatory(),
    )
    .requiredOption("--out <path>", "the file (receiver: the folder); only you can read it")
    .option("--batch <name>", "only the nodes of this batch")
    .option("--node <devEui...>", "only these nodes", collectEuis)
    .option("--application-id <uuid>", "ChirpStack: the application that the nodes belong to")
    .option("--device-profile-id <uuid>", "ChirpStack: the nodes' device profile")
    .option("--frequency-plan <id>", "The Things Stack: instead of the usual one of the nodes' region")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `\nKeys that sign tokens are in none of these files: they never leave the keystore.${EXIT_HELP}`,
    )
    .action(exportSecrets);
}

async function create({ keystore, passphraseFile, passphraseEnv, json }: KeystoreFlags & JsonFlag): Promise<void> {
  await secretErrors({ keystore }, async () => {
    const flag = "--passphrase-file FILE or --passphrase-env NAME";
    const passphrase = await findNewPassphrase(passphraseFile, passphraseEnv, "GROUNDTRUTH_PASSPHRASE", flag);
    await Keystore.create(keystore, passphrase);
  });
  say(json, { keystore, records: 0 }, `Made ${keystore}. Whoever loses its passphrase loses every key in it.`);
}

async function passwd(flags: PasswdFlags): Promise<void> {
  const { keystore, json } = flags;
  const store = await openKeystore(flags, true);
  try {
    await secretErrors({ keystore }, async () => {
      const fresh = await findNewPassphrase(flags.newPassphraseFile, flags.newPassphraseEnv, undefined, NEW_PASSPHRASE);
      await store.changePassphrase(fresh);
    });
    say(json, { keystore, records: store.count }, `Changed. Copies made before still open with the old passphrase.`);
  } finally {
    store.close();
  }
}

async function backup(flags: KeystoreFlags & JsonFlag & { to: string }): Promise<void> {
  const { to, json } = flags;
  const store = await openKeystore(flags);
  try {
    await secretErrors({ keystore: to }, () => store.copyTo(to));
    say(
      json,
      { keystore: flags.keystore, copy: to, records: store.count },
      `${to}: ${store.count} records, each read.`,
    );
  } finally {
    store.close();
  }
}

async function restore(flags: KeystoreFlags & JsonFlag & { from: string; replace?: boolean }): Promise<void> {
  const { keystore, from, json } = flags;
  const copy = await secretErrors({ keystore: from }, async () => Keystore.open(from, await findPassphrase(flags)));
  try {
    await secretErrors({ keystore }, () => (flags.replace ? copy.replace(keystore) : copy.copyTo(keystore)));
    say(json, { keystore, records: copy.count }, `${keystore}: ${copy.count} records, each read.`);
  } finally {
    copy.close();
  }
}

async function exportSecrets(flags: ExportFlags): Promise<void> {
  const { format, out, json } = flags;
  if (existsSync(out))
    throw new CommandError("there is something of that name already", `--out ${out}`, "name another");
  const store = await openKeystore(flags);
  try {
    const nodes = await secretErrors({ keystore: flags.keystore }, () => selectNodes(store, flags));
    await secretErrors({}, () => {
      if (format === "receiver") writeReceiverFolder(out, nodes);
      else writeFileSync(out, networkText(format, nodes, flags), { mode: OWNER_ONLY, flag: "wx" });
    });
    say(
      json,
      { out, format, nodes: nodes.length },
      `${out}: ${nodes.length} nodes. It holds keys: delete it after use.`,
    );
  } finally {
    store.close();
  }
}

function networkText(format: NetworkFormat, nodes: SecretRecord[], flags: ExportFlags): string {
  const { applicationId, deviceProfileId, frequencyPlan: frequencyPlanId } = flags;
  try {
    return networkFile(format, nodes, { applicationId, deviceProfileId, frequencyPlanId });
  } catch (error) {
    if (!(error instanceof NetworkFileError)) throw error;
    const next = format.startsWith("tts") ? "add --frequency-plan ID" : "add --application-id and --device-profile-id";
    throw new CommandError(error.message, `--format ${format}`, next);
  }
}

/** What `groundtruth receive --secrets` reads. */
function writeReceiverFolder(folder: string, nodes: readonly SecretRecord[]): void {
  mkdirSync(folder, { mode: OWNER_FOLDER });
  try {
    for (const { devEui, receiverKey } of nodes) {
      const text = `${JSON.stringify({ devEui, receiverKey }, undefined, 2)}\n`;
      writeFileSync(join(folder, `${devEui}.secrets.json`), text, { mode: OWNER_ONLY, flag: "wx" });
    }
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

function selectNodes(store: Keystore, { batch, node: wanted }: ExportFlags): SecretRecord[] {
  const names = wanted?.map((devEui) => `${NODE_PREFIX}${devEui}`) ?? store.names();
  const nodes: SecretRecord[] = [];
  for (const name of names.filter((candidate) => candidate.startsWith(NODE_PREFIX))) {
    const secret = parseSecret(store.get(name));
    if (secret === undefined) {
      const next = "use the version of groundtruth that made it";
      throw new CommandError("the record is of another form", name, next, SECRET_EXIT.foreign);
    }
    if (batch === undefined || secret.batch === batch) nodes.push(secret);
  }
  if (nodes.length === 0) {
    throw new CommandError("the keystore has no such nodes", "--batch, --node", "groundtruth nodes list shows them");
  }
  return nodes;
}

function collectEuis(text: string, before: string[] = []): string[] {
  const eui = parseEui64(text);
  if (eui === undefined) throw new InvalidArgumentError("16 hexadecimal digits are needed.");
  return [...before, eui];
}

function say(json: boolean | undefined, result: object, text: string): void {
  console.log(json ? JSON.stringify(result) : text);
}
