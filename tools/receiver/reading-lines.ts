/**
 * The JSON lines of a token's readings as bytes, without objects and strings in between: the same text as `JSON.stringify(readingOf(...))` for each,
 * at a tenth of the time. A busy receiver would otherwise spend as much on its lines as on signatures.
 */
import { type Claims, readingTimeS } from "../../firmware/wire/eat-token.ts";
import { type Field, fieldValue, missingFlag, type Profile, suspectFlag } from "../../firmware/wire/profile.ts";
import { timeSourceName, timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import { isoSeconds } from "./reading-output.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const LINE_FEED = 0x0a;
const SECONDS_A_DAY = 86_400;
/** Of a line, the fields' names aside: punctuation, digest, times and sources. */
const FIXED_BYTES = 512;
/** Of a value with its flag: `1.2345678901234567e+21` and `"missing"`. */
const VALUE_BYTES = 48;
/** Below this a double has all decimal digits of a fraction by thousandths. */
const MAX_SHORT = 1e12;

/** A field's name as it stands in a line, and how its values are written. */
interface FieldForm {
  field: Field;
  /** `"name":` */
  name: Uint8Array;
  /** value = integer * numerator / denominator, the latter 1, 10, 100 or 1000; 0: not so. */
  numerator: number;
  denominator: number;
}

export class ReadingLines {
  #bytes = new Uint8Array(32_768);
  #at = 0;
  #forms = new Map<Profile, FieldForm[]>();
  /** The day of the last time written, and its "2026-06-01T". */
  #day = -1;
  #date: Uint8Array = new Uint8Array(0);

  /** One line for each reading of verified claims, each ending with a line feed. The bytes are good until the next call. */
  of(claims: Claims, devEui: string, tokenDigestHex: string): Uint8Array {
    const { count, wallTime } = claims;
    const forms = this.#formsOf(claims.profile);
    const head = ascii(`{"node":"${devEui}","seq":${claims.seq},"index":`);
    const uncertaintyMs = wallTime ? timeUncertaintyMs(claims.timeQuality) : null;
    const quality = JSON.stringify({ source: timeSourceName(claims.timeQuality), uncertaintyMs });
    const afterTime = ascii(`,"bootCount":${claims.bootCount},"timeQuality":${quality},"values":{`);
    const tail = ascii(`},"token":"${tokenDigestHex}"}`);
    this.#reserve(count * forms.reduce((sum, { name }) => sum + 2 * name.length + VALUE_BYTES, FIXED_BYTES));
    this.#at = 0;
    for (let i = 0; i < count; i++) {
      this.#put(head);
      this.#integer(i);
      this.#time(readingTimeS(claims, i), wallTime);
      this.#put(afterTime);
      this.#values(claims, forms, i);
      this.#put(FLAGS);
      const flagBits = claims.columns[0][i];
      if (flagBits !== 0) this.#flags(claims.profile, forms, flagBits);
      this.#put(tail);
      this.#bytes[this.#at++] = LINE_FEED;
    }
    return this.#bytes.subarray(0, this.#at);
  }

  /** Nine tenths of all bytes are written here: so the position is a local variable, and nothing is called for a byte. */
  #values({ columns }: Claims, forms: readonly FieldForm[], index: number): void {
    const into = this.#bytes;
    const flagBits = columns[0][index];
    let at = this.#at;
    for (let f = 0; f < forms.length; f++) {
      const form = forms[f];
      const { name } = form;
      if (f > 0) into[at++] = COMMA;
      for (let i = 0; i < name.length; i++) into[at++] = name[i];
      if ((flagBits & missingFlag(f)) !== 0) at = writeAscii(NULL, into, at);
      else at = writeValue(form, columns[f + 1][index], into, at);
    }
    this.#at = at;
  }

  #flags(profile: Profile, forms: readonly FieldForm[], flagBits: number): void {
    let isFirst = true;
    for (let f = 0; f < forms.length; f++) {
      const missing = (flagBits & missingFlag(f)) !== 0;
      if (!missing && (flagBits & suspectFlag(profile, f)) === 0) continue;
      if (!isFirst) this.#bytes[this.#at++] = COMMA;
      isFirst = false;
      this.#put(forms[f].name);
      this.#put(missing ? MISSING : SUSPECT);
    }
  }

  #time(atS: number, wallTime: boolean): void {
    this.#put(TIME);
    if (!wallTime) {
      this.#put(UPTIME);
      this.#integer(atS);
      return;
    }
    const day = Math.floor(atS / SECONDS_A_DAY);
    if (day !== this.#day) {
      this.#day = day;
      this.#date = ascii(`"${isoSeconds(atS).slice(0, -"00:00:00Z".length)}`);
    }
    this.#put(this.#date);
    const secondOfDay = atS - day * SECONDS_A_DAY;
    const minuteOfDay = Math.floor(secondOfDay / 60);
    const hour = Math.floor(minuteOfDay / 60);
    this.#twoDigits(hour);
    this.#bytes[this.#at++] = COLON;
    this.#twoDigits(minuteOfDay - hour * 60);
    this.#bytes[this.#at++] = COLON;
    this.#twoDigits(secondOfDay - minuteOfDay * 60);
    this.#bytes[this.#at++] = 0x5a; // Z
    this.#bytes[this.#at++] = QUOTE;
  }

  #twoDigits(value: number): void {
    const tens = Math.floor(value / 10);
    this.#bytes[this.#at++] = ZERO + tens;
    this.#bytes[this.#at++] = ZERO + value - tens * 10;
  }

  #integer(value: number): void {
    this.#at = writeWhole(value, this.#bytes, this.#at);
  }

  #put(bytes: Uint8Array): void {
    this.#at = writeAscii(bytes, this.#bytes, this.#at);
  }

  #reserve(length: number): void {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
  }

  #formsOf(profile: Profile): FieldForm[] {
    let forms = this.#forms.get(profile);
    if (forms === undefined) {
      forms = profile.fields.map(formOf);
      this.#forms.set(profile, forms);
    }
    return forms;
  }
}

function formOf(field: Field): FieldForm {
  const name = ascii(`${JSON.stringify(field.name)}:`);
  const divisor = field.scale < 1 ? Math.floor(1 / field.scale + 0.5) : 1;
  const denominator = [1, 10, 100, 1000].find((power) => power % divisor === 0) ?? 0;
  return { field, name, numerator: field.scale < 1 ? denominator / divisor : field.scale, denominator };
}

/** For a few bytes a loop is faster than a call of `set`. */
function writeAscii(bytes: Uint8Array, into: Uint8Array, at: number): number {
  if (bytes.length >= 32) into.set(bytes, at);
  else for (let i = 0; i < bytes.length; i++) into[at + i] = bytes[i];
  return at + bytes.length;
}

/** As JSON has the number `fieldValue(field, integer)`. */
function writeValue(form: FieldForm, integer: number, into: Uint8Array, offset: number): number {
  const { field, numerator, denominator } = form;
  const scaled = integer * numerator;
  if (denominator === 0 || scaled > MAX_SHORT || scaled < -MAX_SHORT) {
    return writeAscii(ascii(`${fieldValue(field, integer)}`), into, offset);
  }
  let at = offset;
  if (scaled < 0) into[at++] = MINUS;
  const size = scaled < 0 ? -scaled : scaled;
  if (denominator === 1) return writeWhole(size, into, at);
  const whole = Math.floor(size / denominator);
  at = writeWhole(whole, into, at);
  let fraction = size - whole * denominator;
  if (fraction === 0) return at;
  into[at++] = POINT;
  for (let place = denominator / 10; fraction > 0; place /= 10) {
    const digit = Math.floor(fraction / place);
    into[at++] = ZERO + digit;
    fraction -= digit * place;
  }
  return at;
}

/** A whole number from 0 on. */
function writeWhole(value: number, into: Uint8Array, at: number): number {
  if (value < 10) {
    into[at] = ZERO + value;
    return at + 1;
  }
  if (value < 100) {
    const tens = Math.floor(value / 10);
    into[at] = ZERO + tens;
    into[at + 1] = ZERO + value - tens * 10;
    return at + 2;
  }
  let places = 3;
  for (let power = 1000; power <= value; power *= 10) places++;
  let rest = value;
  for (let i = at + places - 1; i >= at; i--) {
    const tenth = Math.floor(rest / 10);
    into[i] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return at + places;
}

function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const TIME = ascii(',"time":');
const UPTIME = ascii('null,"uptime":');
const NULL = ascii("null");
const FLAGS = ascii('},"flags":{');
const MISSING = ascii('"missing"');
const SUSPECT = ascii('"suspect"');
