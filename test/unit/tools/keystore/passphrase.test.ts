/** Where a passphrase comes from. */
import { equal, ok, rejects, throws } from "node:assert/strict";
import { EventEmitter } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReadStream, WriteStream } from "node:tty";
import {
  askPassphrase,
  PassphraseError,
  passphraseFromEnvironment,
  passphraseFromFile,
} from "../../../../tools/keystore/passphrase.ts";

/** As much of a terminal as is asked. */
class Terminal extends EventEmitter {
  isRaw = false;
  shown = "";

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }

  write(text: string): void {
    this.shown += text;
  }

  setEncoding(): void {}
  pause(): void {}
  resume(): void {}
}

function ask(terminal: Terminal): Promise<string> {
  return askPassphrase("Passphrase: ", terminal as unknown as ReadStream, terminal as unknown as WriteStream);
}

describe("passphrase", () => {
  it("at a terminal: nothing of it is shown, and the terminal is left as it was", async () => {
    const terminal = new Terminal();
    const answer = ask(terminal);
    ok(terminal.isRaw);
    terminal.emit("data", "correct hors");
    terminal.emit("data", "ex\x7f battery\r");
    equal(await answer, "correct horse battery");
    equal(terminal.shown, "Passphrase: \n");
    ok(!terminal.isRaw);
    equal(terminal.listenerCount("data"), 0);
  });

  it("at a terminal: Ctrl-C and Ctrl-D end the command", async () => {
    for (const key of ["\x03", "\x04"]) {
      const terminal = new Terminal();
      const answer = ask(terminal);
      terminal.emit("data", `abc${key}`);
      await rejects(answer, PassphraseError);
      ok(!terminal.isRaw);
    }
  });

  it("in a file: its first line, if not everyone may read it", () => {
    const folder = mkdtempSync(join(tmpdir(), "groundtruth-passphrase-"));
    const path = join(folder, "passphrase");
    writeFileSync(path, "correct horse \r\nsecond line\n", { mode: 0o600 });
    equal(passphraseFromFile(path), "correct horse ");
    chmodSync(path, 0o604);
    throws(() => passphraseFromFile(path), /open to everyone/);
    chmodSync(path, 0o600);
    writeFileSync(path, "\nlater");
    throws(() => passphraseFromFile(path), /no passphrase/);
    throws(() => passphraseFromFile(join(folder, "none")), /ENOENT/);
    writeFileSync(path, "x".repeat(5000));
    throws(() => passphraseFromFile(path), /too long/);
    rmSync(folder, { recursive: true });
  });

  it("in an environment variable", () => {
    process.env.GROUNDTRUTH_TEST_PASSPHRASE = "correct horse";
    equal(passphraseFromEnvironment("GROUNDTRUTH_TEST_PASSPHRASE"), "correct horse");
    delete process.env.GROUNDTRUTH_TEST_PASSPHRASE;
    throws(() => passphraseFromEnvironment("GROUNDTRUTH_TEST_PASSPHRASE"), PassphraseError);
  });
});
