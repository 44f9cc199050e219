/**
 * JSON (RFC 8259) from outside, read in place: nothing is built but a short list of members, so that memory is bounded by the text. Stricter than the
 * RFC: printable ASCII, no white space between tokens, names without escapes and each once in its object, 6 levels, 32 members.
 */
const DEPTH_MAX = 6;
const MEMBERS_MAX = 32;
const NAME_MAX = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LETTER_U = 0x75;

export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

/** A member of an object; its value stands in the bytes from `from` to `to`, a string's quotes included. */
export interface JsonMember {
  name: string;
  kind: JsonKind;
  from: number;
  to: number;
}

export type JsonMembers = { ok: true; members: JsonMember[] } | { ok: false; reason: string };

/** The members of the object that fills `bytes` from `from` to `to`. Reasons: not-json, not-an-object, too-deep, too-many-members, name-twice, bad-name. */
export function readMembers(bytes: Uint8Array, from: number, to: number): JsonMembers {
  const scanner = new Scanner(bytes, from, to);
  if (bytes[from] !== OPEN_OBJECT || from >= to) {
    return { ok: false, reason: scanner.scanValue(1) && scanner.atEnd ? "not-an-object" : "not-json" };
  }
  const members: JsonMember[] = [];
  if (!scanner.scanObject(1, members)) return { ok: false, reason: scanner.reason };
  return scanner.atEnd ? { ok: true, members } : { ok: false, reason: "not-json" };
}

export function memberNamed(members: readonly JsonMember[], name: string): JsonMember | undefined {
  for (const member of members) if (member.name === name) return member;
  return undefined;
}

/** The text of a string without escapes, of at most `maxLength` characters; undefined for anything else. */
export function readText(bytes: Uint8Array, member: JsonMember | undefined, maxLength: number): string | undefined {
  if (member === undefined || member.kind !== "string" || member.to - member.from - 2 > maxLength) return undefined;
  let text = "";
  for (let i = member.from + 1; i < member.to - 1; i++) {
    if (bytes[i] === BACKSLASH) return undefined;
    text += String.fromCharCode(bytes[i]);
  }
  return text;
}

/** An integer within [least, most] without fraction or exponent; undefined for anything else. */
export function readInteger(
  bytes: Uint8Array,
  member: JsonMember | undefined,
  least: number,
  most: number,
): number | undefined {
  if (member === undefined || member.kind !== "number" || member.to - member.from > 17) return undefined;
  const isNegative = bytes[member.from] === MINUS;
  let value = 0;
  for (let i = member.from + (isNegative ? 1 : 0); i < member.to; i++) {
    if (!isDigit(bytes[i])) return undefined;
    value = value * 10 + bytes[i] - ZERO;
  }
  if (isNegative) value = -value;
  return value >= least && value <= most ? value : undefined;
}

/** Fills `into` from a string of exactly as many hex digits as it takes; false for anything else. */
export function readHex(bytes: Uint8Array, member: JsonMember | undefined, into: Uint8Array): boolean {
  if (member === undefined || member.kind !== "string" || member.to - member.from - 2 !== 2 * into.length) return false;
  for (let i = 0; i < into.length; i++) {
    const high = hexDigit(bytes[member.from + 1 + 2 * i]);
    const low = hexDigit(bytes[member.from + 2 + 2 * i]);
    if (high < 0 || low < 0) return false;
    into[i] = (high << 4) | low;
  }
  return true;
}

class Scanner {
  reason = "not-json";
  #bytes: Uint8Array;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The kind of the value that it went over, or undefined. */
  scanValue(depth: number): JsonKind | undefined {
    const code = this.peek();
    if (code === QUOTE) return this.scanString() ? "string" : undefined;
    if (code === OPEN_OBJECT) return this.scanObject(depth, []) ? "object" : undefined;
    if (code === OPEN_ARRAY) return this.scanArray(depth) ? "array" : undefined;
    if (code === MINUS || isDigit(code)) return this.scanNumber() ? "number" : undefined;
    for (const word of ["true", "false", "null"] as const) if (this.takeWord(word)) return word;
    return undefined;
  }

  scanObject(depth: number, members: JsonMember[]): boolean {
    if (depth > DEPTH_MAX) return this.refuse("too-deep");
    this.#at++;
    if (this.take(CLOSE_OBJECT)) return true;
    do {
      const name = this.scanName();
      if (name === undefined || !this.take(COLON)) return false;
      if (memberNamed(members, name) !== undefined) return this.refuse("name-twice");
      if (members.length === MEMBERS_MAX) return this.refuse("too-many-members");
      const from = this.#at;
      const kind = this.scanValue(depth + 1);
      if (kind === undefined) return false;
      members.push({ name, kind, from, to: this.#at });
    } while (this.take(COMMA));
    return this.take(CLOSE_OBJECT);
  }

  private scanArray(depth: number): boolean {
    if (depth > DEPTH_MAX) return this.refuse("too-deep");
    this.#at++;
    if (this.take(CLOSE_ARRAY)) return true;
    do {
      if (this.scanValue(depth + 1) === undefined) return false;
    } while (this.take(COMMA));
    return this.take(CLOSE_ARRAY);
  }

  private scanName(): string | undefined {
    const from = this.#at;
    if (this.peek() !== QUOTE || !this.scanString()) return undefined;
    const member: JsonMember = { name: "", kind: "string", from, to: this.#at };
    const name = readText(this.#bytes, member, NAME_MAX);
    if (name === undefined) this.refuse("bad-name");
    return name;
  }

  private scanString(): boolean {
    this.#at++;
    while (this.#at < this.#end) {
      const code = this.#bytes[this.#at++];
      if (code === QUOTE) return true;
      if (code < 0x20 || code > 0x7e) return false;
      if (code === BACKSLASH && !this.scanEscape()) return false;
    }
    return false;
  }

  private scanEscape(): boolean {
    const code = this.peek();
    this.#at++;
    if (code !== LETTER_U) return `"\\/bfnrt`.includes(String.fromCharCode(code));
    for (let i = 0; i < 4; i++) {
      if (hexDigit(this.peek()) < 0) return false;
      this.#at++;
    }
    return true;
  }

  private scanNumber(): boolean {
    this.take(MINUS);
    if (!this.take(ZERO) && !this.scanDigits()) return false;
    if (this.take(DOT) && !this.scanDigits()) return false;
    if ((this.peek() | 0x20) !== 0x65) return true;
    this.#at++;
    if (!this.take(PLUS)) this.take(MINUS);
    return this.scanDigits();
  }

  private scanDigits(): boolean {
    const from = this.#at;
    while (isDigit(this.peek())) this.#at++;
    return this.#at > from;
  }

  /** The byte that is next, or 0 at the end. */
  private peek(): number {
    return this.#at < this.#end ? this.#bytes[this.#at] : 0;
  }

  private take(code: number): boolean {
    if (this.peek() !== code) return false;
    this.#at++;
    return true;
  }

  private takeWord(word: string): boolean {
    if (this.#at + word.length > this.#end) return false;
    for (let i = 0; i < word.length; i++) if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) return false;
    this.#at += word.length;
    return true;
  }

  private refuse(reason: string): false {
    this.reason = reason;
    return false;
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function hexDigit(code: number): number {
  if (isDigit(code)) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
