// XS has no TextEncoder, and noble encodes the labels of its curves with one while it loads. An entry for XS imports
// this before anything that imports noble. Where there is a TextEncoder, it stays.

class Utf8Encoder {
  encode(text: string): Uint8Array {
    const bytes: number[] = [];
    for (const character of text) pushUtf8(bytes, character.codePointAt(0) ?? 0);
    return Uint8Array.from(bytes);
  }
}

function pushUtf8(bytes: number[], code: number): void {
  const point = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
  if (point < 0x80) bytes.push(point);
  else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
  else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
  else {
    const middle = [0x80 | ((point >> 12) & 0x3f), 0x80 | ((point >> 6) & 0x3f)];
    bytes.push(0xf0 | (point >> 18), ...middle, 0x80 | (point & 0x3f));
  }
}

const scope = globalThis as { TextEncoder?: unknown };
scope.TextEncoder ??= Utf8Encoder;
