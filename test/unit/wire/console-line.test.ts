import assert from "node:assert/strict";
import {
  CONSOLE_LINE_BYTES_MAX,
  ConsoleLineReader,
  closeFrame,
  FRAME_JSON_AT,
  FRAME_OVERHEAD_BYTES,
  LINE,
} from "../../../firmware/wire/console-line.ts";

function frame(json: string): Uint8Array {
  const bytes = new Uint8Array(json.length + FRAME_OVERHEAD_BYTES);
  bytes.set(Buffer.from(json, "latin1"), FRAME_JSON_AT);
  assert.equal(closeFrame(bytes, FRAME_JSON_AT + json.length), bytes.length);
  return bytes;
}

/** What the reader finds in the bytes: texts and frames as they are, refusals by their reason. */
function read(bytes: Uint8Array, reader = new ConsoleLineReader()): string[] {
  const found: string[] = [];
  for (const byte of bytes) {
    const what = reader.push(byte);
    const content = Buffer.from(reader.bytes.subarray(reader.from, reader.to)).toString("latin1");
    if (what === LINE.frame) found.push(`frame ${content}`);
    if (what === LINE.text) found.push(`text ${content}`);
    if (what === LINE.refused) found.push(`refused ${reader.reason}`);
  }
  return found;
}

const text = (line: string): Buffer => Buffer.from(line, "latin1");

describe("console line", () => {
  it("RFC 7464 2.2: a frame stands between RS and LF, with version and CRC-32 around its JSON", () => {
    assert.equal(Buffer.from(frame("{}")).toString("latin1"), "\x1egt1 {} 3ac4acd6\n");
  });

  it("finds frames amid a log, also after a line that has no end", () => {
    const bytes = Buffer.concat([
      text("ESP-ROM\r\nhalf a li"),
      frame('{"a":1}'),
      text("12 info node: x\r\n"),
      frame("{}"),
    ]);
    assert.deepEqual(read(bytes), [
      "text ESP-ROM",
      "text half a li",
      'frame {"a":1}',
      "text 12 info node: x",
      "frame {}",
    ]);
  });

  it("takes CR LF for an end of line too", () => {
    const bytes = Buffer.from(frame("{}"));
    assert.deepEqual(read(Buffer.concat([bytes.subarray(0, -1), text("\r\n")])), ["frame {}"]);
  });

  it("refuses every frame with one bit turned, and is in step again at the next", () => {
    const good = frame('{"jsonrpc":"2.0","id":1,"method":"identify"}');
    const next = frame("{}");
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = good.slice();
      bad[bit >> 3] ^= 1 << (bit & 7);
      const found = read(Buffer.concat([bad, next]));
      assert.equal(found.at(-1), "frame {}", `bit ${bit}`);
      assert.ok(!found.includes('frame {"jsonrpc":"2.0","id":1,"method":"identify"}'), `bit ${bit}`);
      assert.equal(found.filter((each) => each.startsWith("frame")).length, 1, `bit ${bit}`);
    }
  });

  it("refuses a frame that the next one cuts, one that is too long, and one of another version", () => {
    const good = frame("{}");
    assert.deepEqual(read(Buffer.concat([good.subarray(0, 6), good])), ["refused line-cut", "frame {}"]);
    const long = frame(`{"a":"${"x".repeat(CONSOLE_LINE_BYTES_MAX)}"}`);
    assert.deepEqual(read(Buffer.concat([long, good])), ["refused line-too-long", "frame {}"]);
    // zlib's CRC-32 of "gt2 {}".
    assert.deepEqual(read(text("\x1egt2 {} 28710338\n")), ["refused other-version"]);
    assert.deepEqual(read(text("\x1e\n")), ["refused line-damaged"]);
  });

  it("takes the longest frame that fits", () => {
    const json = `"${"x".repeat(CONSOLE_LINE_BYTES_MAX - FRAME_OVERHEAD_BYTES)}"`;
    assert.deepEqual(read(frame(json)), [`frame ${json}`]);
    assert.deepEqual(read(frame(`${json} `)), ["refused line-too-long"]);
  });

  it("cuts text that is too long, and wipes what it is told to", () => {
    const reader = new ConsoleLineReader(16);
    assert.deepEqual(read(text(`${"y".repeat(40)}\nok\n`), reader), [`text ${"y".repeat(16)}`, "text ok"]);
    const other = new ConsoleLineReader();
    read(frame('{"key":"secret"}'), other);
    other.wipe();
    assert.ok(!Buffer.from(other.bytes).includes("secret"));
  });
});
