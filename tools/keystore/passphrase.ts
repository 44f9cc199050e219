/**
 * Where a passphrase comes from: a file, an environment variable, or the person at the terminal; never an argument, which everyone on the machine can
 * read in the process list.
 */
import { readFileSync, statSync } from "node:fs";
import type { ReadStream, WriteStream } from "node:tty";

/** A passphrase must be longer than what is guessed at 2.5 tries a second and core, which is what scrypt leaves. */
export const MIN_PASSPHRASE_LENGTH = 12;

const MAX_FILE_BYTES = 4096;
const OTHERS = 0o006;
const ETX = "\x03";
const EOT = "\x04";
const BACKSPACE = "\x7f";
const BACKSPACE_OF_OLD = "\b";

/** There is no usable passphrase; `next` says what to do. */
export class PassphraseError extends Error {
  readonly where: string;
  readonly next: string;

  constructor(message: string, where: string, next: string) {
    super(message);
    this.where = where;
    this.next = next;
  }
}

/** The first line of a file that not everyone can read. */
export function passphraseFromFile(path: string): string {
  let text: string;
  try {
    const { mode, size } = statSync(path);
    // Windows has no such bits: its access lists are the administrator's to look after.
    if (process.platform !== "win32" && mode & OTHERS) {
      throw new PassphraseError("the passphrase is open to everyone on this machine", path, `chmod 600 ${path}`);
    }
    if (size > MAX_FILE_BYTES) throw new PassphraseError("this is no passphrase: too long", path, "name another file");
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof PassphraseError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new PassphraseError(`the file cannot be read: ${code}`, path, "check the path and that you may read it");
  }
  const [line] = text.split(/\r?\n/, 1);
  if (line === "") throw new PassphraseError("there is no passphrase in it", path, "write it into the first line");
  return line;
}

export function passphraseFromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    throw new PassphraseError("there is no passphrase in it", `the environment variable ${name}`, `set ${name}`);
  }
  return value;
}

/** Asks the person at a terminal and shows nothing of the answer. Rejects with PassphraseError when they stop (Ctrl-C, Ctrl-D). */
export function askPassphrase(question: string, input: ReadStream, output: WriteStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = "";
    const end = (): void => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
    };
    const take = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === "\r" || character === "\n") {
          end();
          resolve(typed);
          return;
        }
        if (character === ETX || character === EOT) {
          end();
          reject(new PassphraseError("no passphrase was given", "the terminal", "run the command again"));
          return;
        }
        if (character === BACKSPACE || character === BACKSPACE_OF_OLD) typed = [...typed].slice(0, -1).join("");
        else typed += character;
      }
    };
    output.write(question);
    input.setEncoding("utf8");
    input.setRawMode(true);
    input.on("data", take);
    input.resume();
  });
}
