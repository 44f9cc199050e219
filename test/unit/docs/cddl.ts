/** As much of CDDL (RFC 8610) as docs/wire-format.md uses, to hold decoded CBOR against it. */
import { decode, Tagged } from "cborg";

const LITERAL = /^-?\d+$/;
const TOKENS = /;.*|"[^"]*"|#6\.\d+|-?\d+\.\.-?\d+|\d*\*\d*|-?\d+|\.[a-z]+|[a-z][a-z0-9-]*|[=/:,?+()[\]{}]/g;

type Check = (value: unknown) => boolean;

interface Entry {
  min: number;
  max: number;
  key: number | undefined;
  type: Check;
}

/** Decodes one item as strictly as cborg can, maps as Map. */
export function strictly(bytes: Uint8Array): unknown {
  return decode(bytes, { strict: true, useMaps: true, rejectDuplicateMapKeys: true, tags: Tagged.preserve(18) });
}

/** Checks by the names of the rules in `source`. */
export function readCddl(source: string): Map<string, Check> {
  return new Reader(source).rules();
}

class Reader {
  #tokens: string[];
  #at = 0;
  #types = new Map<string, Check>();
  #groups = new Map<string, Entry[]>();

  constructor(source: string) {
    this.#tokens = (source.match(TOKENS) ?? []).filter((token) => !token.startsWith(";"));
    this.#types.set("uint", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
    this.#types.set("int", (value) => Number.isSafeInteger(value));
    // Whole numbers as floating point come out of the decoder as whole numbers.
    this.#types.set("float", (value) => typeof value === "number");
    this.#types.set("bstr", (value) => value instanceof Uint8Array);
    this.#types.set("tstr", (value) => typeof value === "string");
  }

  rules(): Map<string, Check> {
    while (this.#at < this.#tokens.length) {
      const name = this.#take();
      this.#expect("=");
      if (this.#peek() === "(") this.#groups.set(name, this.#entries("(", ")"));
      else this.#types.set(name, this.#type());
    }
    return this.#types;
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? "";
  }

  #take(): string {
    return this.#tokens[this.#at++];
  }

  #expect(token: string): void {
    const found = this.#take();
    if (found !== token) throw new Error(`CDDL: "${found}" where "${token}" should stand`);
  }

  #type(): Check {
    const choices = [this.#controlled()];
    while (this.#peek() === "/") {
      this.#take();
      choices.push(this.#controlled());
    }
    return (value) => choices.some((choice) => choice(value));
  }

  #controlled(): Check {
    const type = this.#simple();
    if (this.#peek() === ".size") {
      this.#take();
      const length = this.#simple();
      return (value) => type(value) && length((value as Uint8Array).length);
    }
    if (this.#peek() === ".cbor") {
      this.#take();
      const content = this.#simple();
      return (value) => type(value) && content(strictly(value as Uint8Array));
    }
    return type;
  }

  #simple(): Check {
    const token = this.#peek();
    if (token === "{") return this.#map();
    if (token === "[") return this.#array();
    this.#take();
    if (token === "(") {
      const type = this.#type();
      this.#expect(")");
      return type;
    }
    if (token.startsWith("#6.")) {
      this.#expect("(");
      const content = this.#type();
      this.#expect(")");
      const tag = Number(token.slice(3));
      return (value) => value instanceof Tagged && value.tag === tag && content(value.value);
    }
    if (token.includes("..")) {
      const [min, max] = token.split("..").map(Number);
      return (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
    }
    if (LITERAL.test(token)) return (value) => value === Number(token);
    return (value) => {
      const rule = this.#types.get(token);
      if (rule === undefined) throw new Error(`CDDL: no rule ${token}`);
      return rule(value);
    };
  }

  #entries(open: string, close: string): Entry[] {
    this.#expect(open);
    const entries: Entry[] = [];
    while (this.#peek() !== close) {
      let [min, max] = [1, 1];
      const occurrence = this.#peek();
      if (occurrence === "+") [min, max] = [1, Infinity];
      else if (occurrence === "?") [min, max] = [0, 1];
      else if (occurrence.includes("*"))
        [min, max] = occurrence.split("*").map((text, i) => (text === "" ? [0, Infinity][i] : Number(text)));
      if (min !== 1 || max !== 1) this.#take();
      let key: number | undefined;
      if (this.#peek(1) === ":") {
        const name = this.#take();
        if (LITERAL.test(name)) key = Number(name);
        this.#take();
      }
      const name = this.#peek();
      if (key === undefined && open !== "[" && [",", close].includes(this.#peek(1))) {
        this.#take();
        entries.push(...this.#group(name));
      } else {
        entries.push({ min, max, key, type: this.#type() });
      }
      if (this.#peek() === ",") this.#take();
    }
    this.#take();
    return entries;
  }

  /** Groups may stand behind where they are used. */
  #group(name: string): Entry[] {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const here = this.#at;
    const from = this.#tokens.findIndex((token, i) => token === name && this.#tokens[i + 1] === "=");
    if (from < 0) throw new Error(`CDDL: no group ${name}`);
    this.#at = from + 2;
    const entries = this.#entries("(", ")");
    this.#at = here;
    return entries;
  }

  #map(): Check {
    const entries = this.#entries("{", "}");
    return (value) => {
      if (!(value instanceof Map)) return false;
      const known = entries.filter(({ key, min }) => min > 0 || value.has(key));
      return (
        value.size === known.length &&
        entries.every(({ key, min, type }) => (value.has(key) ? type(value.get(key)) : min === 0))
      );
    };
  }

  #array(): Check {
    const entries = this.#entries("[", "]");
    return (value) => {
      if (!Array.isArray(value)) return false;
      let at = 0;
      for (const { min, max, type } of entries) {
        let count = 0;
        while (count < max && at < value.length && type(value[at])) {
          count++;
          at++;
        }
        if (count < min) return false;
      }
      return at === value.length;
    };
  }
}
