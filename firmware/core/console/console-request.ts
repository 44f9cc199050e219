/** A request of the console's tool, read in place from the line that brought it: good until the next byte. */
import type { ConsoleLineReader } from "../../wire/console-line.ts";
import { type JsonMember, memberNamed, readHex, readInteger, readMembers, readText } from "../../wire/strict-json.ts";

const METHOD_MAX = 24;
const NO_MEMBERS: readonly JsonMember[] = Object.freeze([]);

/** What a frame holds. */
export const FRAME = Object.freeze({
  request: 0,
  /** No JSON object that we read; `reason` says why. */
  unreadable: 1,
  /** A JSON object, and no request as JSON-RPC 2.0 has it. */
  invalid: 2,
  /** An answer or a notification. */
  notForUs: 3,
});

export class ConsoleRequest {
  /** -1: not known. */
  id = -1;
  crc = 0;
  method = "";
  reason = "";
  #bytes: Uint8Array;
  #params: JsonMember | undefined;
  #members: readonly JsonMember[] = NO_MEMBERS;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes the frame that `lines` has found. */
  read(lines: ConsoleLineReader): number {
    const bytes = this.#bytes;
    const read = readMembers(bytes, lines.from, lines.to);
    if (!read.ok) {
      this.reason = read.reason;
      return FRAME.unreadable;
    }
    const { members } = read;
    const id = memberNamed(members, "id");
    const method = memberNamed(members, "method");
    if (id === undefined || method === undefined) return FRAME.notForUs;
    this.id = readInteger(bytes, id, 0, Number.MAX_SAFE_INTEGER) ?? -1;
    this.crc = lines.crc;
    this.method = readText(bytes, method, METHOD_MAX) ?? "";
    this.#params = memberNamed(members, "params");
    const isValid =
      this.id >= 0 &&
      this.method !== "" &&
      readText(bytes, memberNamed(members, "jsonrpc"), 3) === "2.0" &&
      members.length === (this.#params === undefined ? 3 : 4);
    return isValid ? FRAME.request : FRAME.invalid;
  }

  /** Reads the parameters; false when they are no object, or have a member that is not `allowed`. */
  readParameters(allowed: readonly string[]): boolean {
    this.#members = NO_MEMBERS;
    if (this.#params === undefined) return true;
    const read = readMembers(this.#bytes, this.#params.from, this.#params.to);
    if (!read.ok) return false;
    this.#members = read.members;
    for (const { name } of read.members) if (!allowed.includes(name)) return false;
    return true;
  }

  /** A parameter of `length` bytes, in hex. */
  hex(name: string, length: number): Uint8Array | undefined {
    const value = new Uint8Array(length);
    return readHex(this.#bytes, memberNamed(this.#members, name), value) ? value : undefined;
  }

  integer(name: string, least: number, most: number): number | undefined {
    return readInteger(this.#bytes, memberNamed(this.#members, name), least, most);
  }

  /** true or false; false where it is not given, undefined where it is something else. */
  flag(name: string): boolean | undefined {
    const member = memberNamed(this.#members, name);
    if (member === undefined || member.kind === "false") return false;
    return member.kind === "true" ? true : undefined;
  }

  /** A parameter of any kind as it stands in the line. */
  raw(name: string): Uint8Array | undefined {
    const member = memberNamed(this.#members, name);
    return member === undefined ? undefined : this.#bytes.subarray(member.from, member.to);
  }
}
