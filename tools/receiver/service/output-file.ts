/**
 * An output into a file that grows. Each token is in it exactly once, also when the receiver was killed at any moment: the store knows up to
 * which token the file was good, how long it was then and how it ended, so a restart cuts off what came behind and writes it again. A file that
 * does not end so there is another one (the old one was moved away): it is not cut.
 */
import { closeSync, fdatasync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import type { TokenClaims } from "../../../firmware/wire/eat-token.ts";
import { bytesToHex } from "../hex.ts";
import type { Placement } from "../placements.ts";
import type { OutputPosition } from "../sqlite-store.ts";
import type { AcceptedToken } from "../store.ts";
import type { Output, TokenFormat } from "./output.ts";

/** So many characters tell a file from another: a JSON line ends with the digest of its token. */
const TAIL = 80;
/** Collected before it is written. */
const BUFFER_BYTES = 1 << 17;

/** After an error the disk is tried again at every look for tokens, which is once a second. */
export class OutputFile implements Output {
  readonly name: string;
  taken: number;
  behind: boolean;
  readonly ready = true;
  problem: string | undefined;
  readonly #format: TokenFormat;
  readonly #file: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  /** Of what this batch has written so far. */
  #batchLength = 0;
  #batchTail = "";
  #failed = false;
  /** Of the file, up to the end of the token `taken`, and the last characters there. */
  #length: number;
  #tail: string;
  /** What is known to be on the disk, and what of it the store has kept. */
  #durable: OutputPosition | undefined;
  #kept: OutputPosition | undefined;
  #syncing = false;

  /**
   * Opens or makes the file. `known` is the position that the store kept; without one the file goes on with tokens after `lastId`. `header` begins
   * an empty file. Throws what the file system says.
   */
  constructor(
    name: string,
    path: string,
    format: TokenFormat,
    known: OutputPosition | undefined,
    lastId: number,
    header: string | undefined,
  ) {
    this.name = name;
    this.#format = format;
    this.#file = openSync(path, "a+", 0o644);
    const { size } = fstatSync(this.#file);
    this.taken = known?.token ?? lastId;
    this.behind = this.taken < lastId;
    const same = known !== undefined && known.length <= size && this.#tailAt(known.length) === known.tail;
    this.#length = same ? known.length : size;
    if (same && known.length < size) ftruncateSync(this.#file, known.length);
    this.#tail = this.#tailAt(this.#length);
    if (this.#length === 0 && header !== undefined) {
      writeSync(this.#file, header);
      this.#wrote(header);
    }
    this.#durable = this.#here();
  }

  add(token: AcceptedToken, claims: TokenClaims, placements: readonly Placement[]): void {
    const form = this.#format(claims, token.devEui, bytesToHex(token.digest), placements);
    if (form === undefined) return;
    const bytes = typeof form === "string" ? Buffer.from(form, "latin1") : form;
    if (this.#used + bytes.length > BUFFER_BYTES) this.#write();
    if (bytes.length > BUFFER_BYTES) {
      this.#writeBytes(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  endBatch(lastId: number): void {
    this.#write();
    if (this.#failed) {
      this.#cut();
      this.behind = true;
    } else {
      this.#wrote(this.#batchTail, this.#batchLength);
      this.taken = lastId;
      this.problem = undefined;
    }
    this.#failed = false;
    this.#batchLength = 0;
    this.#batchTail = "";
  }

  caughtUp(): void {
    this.behind = false;
  }

  position(): OutputPosition | undefined {
    this.#syncSoon();
    if (this.#durable === this.#kept) return undefined;
    this.#kept = this.#durable;
    return this.#kept;
  }

  finalPosition(): OutputPosition {
    try {
      fdatasyncSync(this.#file);
    } catch {
      // A pipe or a device: there is nothing to wait for.
    }
    return this.#here();
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(): void {
    const used = this.#used;
    this.#used = 0;
    this.#writeBytes(this.#buffer.subarray(0, used));
  }

  #writeBytes(bytes: Uint8Array): void {
    if (this.#failed) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
      this.#batchLength += bytes.length;
      this.#batchTail = (this.#batchTail + Buffer.from(bytes.subarray(-TAIL)).toString("latin1")).slice(-TAIL);
    } catch (error) {
      this.#failed = true;
      this.problem = (error as Error).message;
    }
  }

  /** This text now stands at the end of the file, as the last of `length` characters. */
  #wrote(text: string, length = text.length): void {
    this.#length += length;
    this.#tail = (this.#tail + text).slice(-TAIL);
  }

  /** What the file has before `length`. */
  #tailAt(length: number): string {
    const bytes = Buffer.alloc(Math.min(TAIL, length));
    const count = readSync(this.#file, bytes, 0, bytes.length, length - bytes.length);
    return bytes.toString("latin1", 0, count);
  }

  #here(): OutputPosition {
    return { token: this.taken, length: this.#length, tail: this.#tail };
  }

  /** The disk may take a second for what a busy receiver writes in one: nobody waits for it. */
  #syncSoon(): void {
    if (this.#syncing || this.#durable?.token === this.taken) return;
    const here = this.#here();
    this.#syncing = true;
    fdatasync(this.#file, () => {
      this.#syncing = false;
      this.#durable = here;
    });
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
