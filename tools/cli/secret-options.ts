/** What the commands around keys have in common: where registry and keystore are, where the passphrase comes from, and their exit codes. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { Keystore } from "../keystore/keystore.ts";
import { KeystoreError, type KeystoreReason } from "../keystore/keystore-file.ts";
import {
  askPassphrase,
  MIN_PASSPHRASE_LENGTH,
  PassphraseError,
  passphraseFromEnvironment,
  passphraseFromFile,
} from "../keystore/passphrase.ts";
import { Mismatch } from "../provisioning/factory.ts";
import { FileError } from "../provisioning/factory-pool.ts";
import { WeakRandom } from "../provisioning/random-source.ts";
import { RegistryError, type RegistryReason } from "../provisioning/registry-file.ts";
import { CommandError, EXIT } from "./command-error.ts";

/** Exit codes of these commands besides EXIT. */
export const SECRET_EXIT = Object.freeze({
  wrongPassphrase: 10,
  /** The keystore was changed or is damaged. */
  tampered: 11,
  /** A registry or keystore of another kind, or two that do not belong together. */
  foreign: 12,
  /** A DevEUI, a key or a serial number belongs to another node. */
  duplicate: 13,
  weakRandom: 14,
  /** Another program is writing there. */
  inUse: 15,
  /** Ctrl-C: what is done is whole, the rest is to be done. */
  stopped: 16,
});

export const EXIT_HELP =
  "\nExit code 0 when done, 2 when it cannot be done as asked, 10 wrong passphrase, 11 keystore damaged or tampered with, 12 registry or keystore" +
  "\nforeign, 13 duplicate DevEUI, key or serial number, 14 weak random source, 15 in use by another program, 16 stopped: go on with --resume.";

export interface PassphraseFlags {
  passphraseFile?: string;
  passphraseEnv?: string;
}

export interface KeystoreFlags extends PassphraseFlags {
  keystore: string;
}

const DEFAULT_VARIABLE = "GROUNDTRUTH_PASSPHRASE";

export function registryOption(): Option {
  return new Option("--registry <file>", "the registry of all nodes ever made")
    .env("GROUNDTRUTH_REGISTRY")
    .default(inDataFolder("registry.db"), "your data folder's groundtruth/registry.db");
}

export function withKeystoreOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--keystore <file>", "the keystore")
        .env("GROUNDTRUTH_KEYSTORE")
        .default(inDataFolder("keystore.db"), "your data folder's groundtruth/keystore.db"),
    )
    .addOption(
      new Option("--passphrase-file <file>", "its passphrase: the first line of this file").conflicts("passphraseEnv"),
    )
    .option(
      "--passphrase-env <name>",
      `its passphrase: this environment variable (${DEFAULT_VARIABLE} where it is set)`,
    );
}

/** The passphrase of a keystore that is there. */
export async function findPassphrase(flags: PassphraseFlags): Promise<string> {
  const given = givenPassphrase(flags.passphraseFile, flags.passphraseEnv, DEFAULT_VARIABLE);
  return given ?? ask("Passphrase: ", "--passphrase-file FILE or --passphrase-env NAME");
}

/** A passphrase to be: long enough, and typed twice. `flag` names the flags that answer instead. */
export async function findNewPassphrase(
  file: string | undefined,
  variable: string | undefined,
  fallback: string | undefined,
  flag: string,
): Promise<string> {
  const given = givenPassphrase(file, variable, fallback);
  const passphrase = given ?? (await ask("New passphrase: ", flag));
  if ([...passphrase].length < MIN_PASSPHRASE_LENGTH) {
    const what = `the passphrase has fewer than ${MIN_PASSPHRASE_LENGTH} characters`;
    throw new CommandError(what, flag, "take several words that do not belong together");
  }
  if (given === undefined && (await ask("The same again: ", flag)) !== passphrase) {
    throw new CommandError("the two are not the same", "the terminal", "run the command again");
  }
  return passphrase;
}

/** Opens the keystore that the flags name. */
export async function openKeystore(flags: KeystoreFlags, exclusive = false): Promise<Keystore> {
  return secretErrors({ keystore: flags.keystore }, async () =>
    Keystore.open(flags.keystore, await findPassphrase(flags), exclusive),
  );
}

/** Runs `action` and says in words for people what keystore, registry and factory refuse. */
export async function secretErrors<T>(
  places: { keystore?: string; registry?: string },
  action: () => T | Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof PassphraseError) throw new CommandError(error.message, error.where, error.next);
    if (error instanceof KeystoreError) throw keystoreError(error, places.keystore ?? "the keystore");
    if (error instanceof RegistryError) throw registryError(error, places.registry ?? "the registry");
    if (error instanceof Mismatch) {
      const next = "name the keystore and the registry that the batch was begun with";
      throw new CommandError(error.message, "--keystore, --registry", next, SECRET_EXIT.foreign);
    }
    if (error instanceof WeakRandom) {
      const next = "make no keys on this machine; find out what is wrong with its random source";
      throw new CommandError(error.message, "the random source", next, SECRET_EXIT.weakRandom);
    }
    if (error instanceof FileError || isSystemError(error)) {
      throw new CommandError(error.message, "the disk", "make room or check the rights, and go on with --resume");
    }
    throw error;
  }
}

const KEYSTORE_ERRORS: Readonly<Record<KeystoreReason, { next: (path: string) => string; exitCode?: number }>> = {
  missing: { next: () => "make one: groundtruth keystore create" },
  exists: { next: () => "name another file" },
  "not-a-keystore": { next: () => "name a file that groundtruth keystore create made", exitCode: SECRET_EXIT.foreign },
  "wrong-passphrase": {
    next: () => "try another one; without it nobody can help",
    exitCode: SECRET_EXIT.wrongPassphrase,
  },
  tampered: { next: () => "take a backup: groundtruth keystore restore", exitCode: SECRET_EXIT.tampered },
  "in-use": { next: () => "wait until the other program has ended", exitCode: SECRET_EXIT.inUse },
  "open-to-others": { next: (path) => `chmod 600 ${path}, and ask who has read it` },
  "name-taken": { next: () => "name the registry that belongs to this keystore", exitCode: SECRET_EXIT.foreign },
  "name-unknown": { next: () => "name the keystore that has these nodes", exitCode: SECRET_EXIT.foreign },
};

function keystoreError({ reason, message }: KeystoreError, path: string): CommandError {
  const { next, exitCode } = KEYSTORE_ERRORS[reason];
  return new CommandError(message, path, next(path), exitCode ?? EXIT.unusable);
}

const REGISTRY_ERRORS: Readonly<Record<RegistryReason, { next: string; exitCode?: number }>> = {
  foreign: { next: "name a registry that groundtruth provision made", exitCode: SECRET_EXIT.foreign },
  "in-use": { next: "wait until the other program has ended", exitCode: SECRET_EXIT.inUse },
  damaged: { next: "take a copy that was made before", exitCode: SECRET_EXIT.foreign },
  missing: { next: "check the path" },
  duplicate: { next: "find out where it was given before: groundtruth nodes list", exitCode: SECRET_EXIT.duplicate },
  "block-used-up": { next: "ask for fewer nodes, or name another block" },
  unknown: { next: "groundtruth nodes list shows which there are" },
};

function registryError({ reason, message }: RegistryError, path: string): CommandError {
  const { next, exitCode } = REGISTRY_ERRORS[reason];
  return new CommandError(message, path, next, exitCode ?? EXIT.unusable);
}

function givenPassphrase(
  file: string | undefined,
  variable: string | undefined,
  fallback?: string,
): string | undefined {
  if (file !== undefined) return passphraseFromFile(file);
  if (variable !== undefined) return passphraseFromEnvironment(variable);
  return fallback !== undefined && process.env[fallback] ? passphraseFromEnvironment(fallback) : undefined;
}

function ask(question: string, flag: string): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CommandError("a passphrase is needed and there is no terminal to ask at", flag, `add ${flag}`);
  }
  return askPassphrase(question, process.stdin, process.stderr);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

function inDataFolder(name: string): string {
  const folder = process.env.XDG_DATA_HOME || process.env.LOCALAPPDATA || join(homedir(), ".local", "share");
  return join(folder, "groundtruth", name);
}
