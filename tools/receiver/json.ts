/**
 * JSON from outside (RFC 8259): bounded before it is parsed, never throwing. Depth is counted first because a parser that recurses on the
 * native stack, as XS does, would end the whole process on a line of ten thousand brackets.
 */

export type JsonObject = { readonly [key: string]: unknown };

export type JsonResult = { ok: true; value: JsonObject } | { ok: false; reason: string };

const MAX_DEPTH = 32;

/** Parses `text`, which must be one JSON object of at most `maxLength` characters. */
export function parseJsonObject(text: string, maxLength: number): JsonResult {
  if (text.length > maxLength) return { ok: false, reason: "json-too-long" };
  if (nestsTooDeeply(text)) return { ok: false, reason: "json-too-deep" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: "not-json" };
  }
  const object = asObject(value);
  return object === undefined ? { ok: false, reason: "not-a-json-object" } : { ok: true, value: object };
}

/** `value` as an object (not an array, not null), or undefined. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** `value` as a string, or undefined. */
export function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** `value` as an integer from `min` to `max`, or undefined. */
export function asInteger(value: unknown, min: number, max: number): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
}

function nestsTooDeeply(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) {
      inString = true;
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === 0x7d || code === 0x5d) {
      depth--;
    }
  }
  return false;
}
