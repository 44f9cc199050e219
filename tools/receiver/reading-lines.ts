/**
 * The JSON lines of a token's readings, without the objects: the same text as `JSON.stringify(readingOf(...))` for each, at a fifth of the
 * time. A busy receiver spends more on its output than on anything but signatures.
 */
import { type Claims, readingTimeS } from "../../firmware/wire/eat-token.ts";
import { type Field, fieldValue, missingFlag, suspectFlag } from "../../firmware/wire/profile.ts";
import { timeSourceName, timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import { isoSeconds } from "./reading-output.ts";

/** One line for each reading of verified claims, each ending with a line feed. */
export function readingLines(claims: Claims, devEui: string, tokenDigestHex: string): string {
  const { profile, columns, count, wallTime } = claims;
  const fields = profile.fields.map((field) => new FieldText(field));
  const head = `{"node":"${devEui}","seq":${claims.seq},"index":`;
  const uncertaintyMs = wallTime ? timeUncertaintyMs(claims.timeQuality) : null;
  const source = timeSourceName(claims.timeQuality);
  const afterTime = `,"bootCount":${claims.bootCount},"timeQuality":${JSON.stringify({ source, uncertaintyMs })},"values":{`;
  const clock = new IsoClock();
  const tail = `,"token":"${tokenDigestHex}"}\n`;
  let lines = "";
  for (let i = 0; i < count; i++) {
    const flagBits = columns[0][i];
    const atS = readingTimeS(claims, i);
    const time = wallTime ? `"${clock.text(atS)}"` : `null,"uptime":${atS}`;
    let values = "";
    for (let f = 0; f < fields.length; f++) {
      const value = (flagBits & missingFlag(f)) !== 0 ? "null" : fields[f].valueText(columns[f + 1][i]);
      values += (f === 0 ? "" : ",") + fields[f].name + value;
    }
    lines += `${head}${i},"time":${time}${afterTime}${values}},"flags":{${flagsText(claims, fields, flagBits)}${tail}`;
  }
  return lines;
}

/** `isoSeconds` for times that are mostly of one day: a Date each would take a third of the time of all else. */
class IsoClock {
  #day = -1;
  #date = "";

  text(unixS: number): string {
    const day = Math.floor(unixS / 86_400);
    if (day !== this.#day) {
      this.#day = day;
      this.#date = isoSeconds(unixS).slice(0, -"00:00:00Z".length);
    }
    const secondOfDay = unixS - day * 86_400;
    const minuteOfDay = Math.floor(secondOfDay / 60);
    const hour = Math.floor(minuteOfDay / 60);
    return `${this.#date}${two(hour)}:${two(minuteOfDay - hour * 60)}:${two(secondOfDay - minuteOfDay * 60)}Z`;
  }
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

/** The text of one field's name and values. */
class FieldText {
  /** `"name":` */
  readonly name: string;
  readonly #field: Field;
  /** value = integer * #numerator / #denominator, the latter a power of ten; 0: not so. */
  readonly #numerator: number;
  readonly #denominator: number;

  constructor(field: Field) {
    this.name = `${JSON.stringify(field.name)}:`;
    this.#field = field;
    const divisor = field.scale < 1 ? Math.floor(1 / field.scale + 0.5) : 1;
    this.#denominator =
      1000 % divisor === 0 ? (10 % divisor === 0 ? (divisor === 1 ? 1 : 10) : 100 % divisor === 0 ? 100 : 1000) : 0;
    this.#numerator = field.scale < 1 ? this.#denominator / divisor : field.scale;
  }

  /** As JSON has the number `fieldValue(field, integer)`. */
  valueText(integer: number): string {
    const scaled = integer * this.#numerator;
    const denominator = this.#denominator;
    if (denominator === 1) return `${scaled}`;
    // Decimal digits of an integer are cheap; those of a fraction take a search for the shortest ones.
    if (denominator === 0 || scaled > MAX_SHORT || scaled < -MAX_SHORT) return `${fieldValue(this.#field, integer)}`;
    const size = scaled < 0 ? -scaled : scaled;
    const whole = Math.floor(size / denominator);
    let fraction = size - whole * denominator;
    const sign = scaled < 0 ? "-" : "";
    if (fraction === 0) return `${sign}${whole}`;
    let places = denominator;
    while (fraction % 10 === 0) {
      fraction /= 10;
      places /= 10;
    }
    return `${sign}${whole}.${places > fraction * 10 ? (places > fraction * 100 ? "00" : "0") : ""}${fraction}`;
  }
}

/** Below this a double has all decimal digits of a fraction by thousandths. */
const MAX_SHORT = 1e12;

function flagsText(claims: Claims, fields: readonly FieldText[], flagBits: number): string {
  if (flagBits === 0) return "}";
  let text = "";
  for (let f = 0; f < fields.length; f++) {
    const missing = (flagBits & missingFlag(f)) !== 0;
    if (!missing && (flagBits & suspectFlag(claims.profile, f)) === 0) continue;
    text += `${text === "" ? "" : ","}${fields[f].name}"${missing ? "missing" : "suspect"}"`;
  }
  return `${text}}`;
}
