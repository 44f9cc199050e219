/**
 * An output into a file that grows. Each token is in it exactly once, also when the receiver was killed at any moment: the store knows up to
 * which token the file was good and how long it was then, so a restart cuts off what came behind and writes it again.
 */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { Claims } from "../../../firmware/wire/eat-token.ts";
import { bytesToHex } from "../hex.ts";
import type { OutputPosition } from "../sqlite-store.ts";
import type { AcceptedToken } from "../store.ts";
import type { Output, TokenFormat } from "./output.ts";

/** After an error the disk is tried again at every look for tokens, which is once a second. */
export class OutputFile implements Output {
  readonly name: string;
  taken: number;
  behind: boolean;
  readonly ready = true;
  problem: string | undefined;
  readonly #format: TokenFormat;
  readonly #file: number;
  readonly #identity: string;
  #text = "";
  /** Of the file, up to the end of the token `taken`. */
  #length: number;
  #kept: OutputPosition | undefined;

  /**
   * Opens or makes the file. `known` is the position that the store kept; without one the file goes on with tokens after `lastId`. `header` begins
   * an empty file. Throws what the file system says.
   */
  constructor(
    path: string,
    format: TokenFormat,
    known: OutputPosition | undefined,
    lastId: number,
    header: string | undefined,
  ) {
    this.name = path;
    this.#format = format;
    this.#file = openSync(path, "a", 0o644);
    const { dev, ino, size } = fstatSync(this.#file);
    this.#identity = `${dev}:${ino}`;
    this.taken = known?.token ?? lastId;
    this.behind = this.taken < lastId;
    // Another file under the same name (the old one was moved away) is not cut.
    const same = known !== undefined && known.file === this.#identity && known.length <= size;
    this.#length = same ? known.length : size;
    if (same && known.length < size) ftruncateSync(this.#file, known.length);
    if (this.#length === 0 && header !== undefined) {
      writeSync(this.#file, header);
      this.#length = Buffer.byteLength(header);
    }
  }

  add(token: AcceptedToken, claims: Claims): void {
    this.#text += this.#format(claims, token.devEui, bytesToHex(token.digest)) ?? "";
  }

  endBatch(lastId: number): void {
    const bytes = Buffer.from(this.#text, "utf8");
    this.#text = "";
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
      this.#length += bytes.length;
      this.taken = lastId;
      this.problem = undefined;
    } catch (error) {
      this.problem = (error as Error).message;
      this.behind = true;
      this.#cut();
    }
  }

  caughtUp(): void {
    this.behind = false;
  }

  position(): OutputPosition | undefined {
    if (this.#kept?.token === this.taken && this.#kept.length === this.#length) return undefined;
    try {
      fdatasyncSync(this.#file);
    } catch {
      // A pipe or a device: there is nothing to wait for.
    }
    this.#kept = { token: this.taken, file: this.#identity, length: this.#length };
    return this.#kept;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Takes away half of a batch. */
  #cut(): void {
    try {
      ftruncateSync(this.#file, this.#length);
    } catch {
      // The next start cuts it.
    }
  }
}
