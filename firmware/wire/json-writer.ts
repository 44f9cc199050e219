/** Writes JSON objects (RFC 8259) into a buffer, in printable ASCII and without white space. Throws when the buffer is full: a bound of ours was wrong. */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DIGITS = "0123456789abcdef";

export class JsonWriter {
  offset = 0;
  #bytes: Uint8Array;
  #needsComma = false;

  constructor(into: Uint8Array) {
    this.#bytes = into;
  }

  /** Starts anew at `offset`. */
  begin(offset: number): this {
    this.offset = offset;
    this.#needsComma = false;
    return this;
  }

  open(): this {
    this.put(0x7b);
    this.#needsComma = false;
    return this;
  }

  close(): this {
    this.put(0x7d);
    this.#needsComma = true;
    return this;
  }

  name(name: string): this {
    if (this.#needsComma) this.put(0x2c);
    this.text(name);
    this.put(0x3a);
    return this;
  }

  text(value: string): this {
    this.put(QUOTE);
    for (let i = 0; i < value.length; i++) this.character(value.charCodeAt(i));
    return this.end(QUOTE);
  }

  /** The bytes as a string of lower-case hex digits. */
  hex(value: Uint8Array): this {
    this.put(QUOTE);
    for (const byte of value) {
      this.put(DIGITS.charCodeAt(byte >>> 4));
      this.put(DIGITS.charCodeAt(byte & 15));
    }
    return this.end(QUOTE);
  }

  /** A safe integer. */
  integer(value: number): this {
    return this.word(String(value));
  }

  flag(value: boolean): this {
    return this.word(value ? "true" : "false");
  }

  nothing(): this {
    return this.word("null");
  }

  private word(word: string): this {
    for (let i = 0; i < word.length; i++) this.put(word.charCodeAt(i));
    this.#needsComma = true;
    return this;
  }

  private end(code: number): this {
    this.put(code);
    this.#needsComma = true;
    return this;
  }

  private character(code: number): void {
    if (code >= 0x20 && code < 0x7f) {
      if (code === QUOTE || code === BACKSLASH) this.put(BACKSLASH);
      this.put(code);
      return;
    }
    this.put(BACKSLASH);
    this.put(0x75);
    for (let shift = 12; shift >= 0; shift -= 4) this.put(DIGITS.charCodeAt((code >>> shift) & 15));
  }

  private put(code: number): void {
    if (this.offset >= this.#bytes.length) throw new RangeError("json writer: buffer too small");
    this.#bytes[this.offset++] = code;
  }
}
