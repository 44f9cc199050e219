import assert from "node:assert/strict";
import { JsonWriter } from "../../../firmware/wire/json-writer.ts";
import { memberNamed, readHex, readInteger, readMembers, readText } from "../../../firmware/wire/strict-json.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { counts } from "../../counts.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

function read(text: string) {
  const bytes = bytesOf(text);
  return readMembers(bytes, 0, bytes.length);
}

function reasonOf(text: string): string {
  const result = read(text);
  return result.ok ? "ok" : result.reason;
}

describe("strict JSON", () => {
  it("RFC 8259: reads members in place, of every kind", () => {
    const text = '{"a":"x","b":-1.5e+3,"c":[1,{"d":null}],"e":{},"f":true,"g":false,"h":null}';
    const result = read(text);
    assert.ok(result.ok);
    assert.deepEqual(
      result.members.map(({ name, kind, from, to }) => [name, kind, text.slice(from, to)]),
      [
        ["a", "string", '"x"'],
        ["b", "number", "-1.5e+3"],
        ["c", "array", '[1,{"d":null}]'],
        ["e", "object", "{}"],
        ["f", "true", "true"],
        ["g", "false", "false"],
        ["h", "null", "null"],
      ],
    );
  });

  it("refuses by name what it does not read", () => {
    const cases: [string, string][] = [
      ["", "not-json"],
      ["[1]", "not-an-object"],
      ["3", "not-an-object"],
      ["{", "not-json"],
      ['{"a"}', "not-json"],
      ['{"a":1,}', "not-json"],
      ['{"a":1}x', "not-json"],
      ['{ "a":1}', "not-json"],
      ['{"a":01}', "not-json"],
      ['{"a":1.}', "not-json"],
      ['{"a":-}', "not-json"],
      ['{"a":1e}', "not-json"],
      ['{"a":tru}', "not-json"],
      ['{"a":"\\x"}', "not-json"],
      ['{"a":"\\u12g4"}', "not-json"],
      ['{"a":"\x1f"}', "not-json"],
      ['{"a":"\xfc"}', "not-json"],
      ['{"a":"x', "not-json"],
      ['{"a":1,"a":2}', "name-twice"],
      ['{"b":{"a":1,"a":2}}', "name-twice"],
      ['{"\\u0061":1}', "bad-name"],
      [`{"${"n".repeat(33)}":1}`, "bad-name"],
      [`{"a":${"[".repeat(7)}${"]".repeat(7)}}`, "too-deep"],
      [`{${Array.from({ length: 33 }, (_, i) => `"m${i}":0`).join(",")}}`, "too-many-members"],
    ];
    for (const [text, reason] of cases) assert.equal(reasonOf(text), reason, text);
  });

  it("agrees with JSON.parse: what it takes, JSON.parse takes, whatever was done to the text", () => {
    const random = new RandomStream(1, "strict json");
    const good = '{"a":"x\\n\\u00e4","b":-1.5e+3,"c":[1,{"d":null}],"e":{"f":true},"g":12}';
    let taken = 0;
    for (let i = 0; i < counts(20_000, 500_000); i++) {
      const bytes = bytesOf(good);
      for (let n = random.below(3); n >= 0; n--) bytes[random.below(bytes.length)] = 0x20 + random.below(0x60);
      const part = bytes.subarray(0, random.below(4) === 0 ? random.below(bytes.length) : bytes.length);
      if (!readMembers(part, 0, part.length).ok) continue;
      taken++;
      assert.doesNotThrow(() => JSON.parse(part.toString("latin1")), part.toString("latin1"));
    }
    assert.ok(taken > 100, `${taken} taken`);
  });

  it("survives any bytes", () => {
    const random = new RandomStream(2, "strict json");
    const bytes = new Uint8Array(64);
    for (let i = 0; i < counts(20_000, 500_000); i++) {
      random.fill(bytes);
      bytes[0] = 0x7b;
      const length = random.below(bytes.length + 1);
      const result = readMembers(bytes, 0, length);
      assert.ok(result.ok || result.reason !== "");
    }
  });

  it("reads integers, texts and hex within their bounds, and nothing else", () => {
    const text = '{"i":42,"n":-7,"f":1.0,"e":1e3,"big":9007199254740993,"t":"ab","u":"\\u0041","h":"00fFA1","z":"0g"}';
    const bytes = bytesOf(text);
    const result = read(text);
    assert.ok(result.ok);
    const named = (name: string) => memberNamed(result.members, name);
    const safe = Number.MAX_SAFE_INTEGER;
    assert.equal(readInteger(bytes, named("i"), 0, 42), 42);
    assert.equal(readInteger(bytes, named("n"), -7, 0), -7);
    assert.equal(readInteger(bytes, named("i"), 0, 41), undefined);
    for (const name of ["f", "e", "big", "t", "none"])
      assert.equal(readInteger(bytes, named(name), -safe, safe), undefined);
    assert.equal(readText(bytes, named("t"), 2), "ab");
    for (const name of ["u", "i", "none"]) assert.equal(readText(bytes, named(name), 9), undefined, name);
    assert.equal(readText(bytes, named("t"), 1), undefined);
    const into = new Uint8Array(3);
    assert.ok(readHex(bytes, named("h"), into));
    assert.deepEqual(into, Uint8Array.of(0, 0xff, 0xa1));
    for (const name of ["t", "i", "none"]) assert.ok(!readHex(bytes, named(name), into), name);
    assert.ok(!readHex(bytes, named("z"), new Uint8Array(1)));
  });

  it("writes what JSON.parse reads back, in printable ASCII", () => {
    const bytes = new Uint8Array(256);
    const writer = new JsonWriter(bytes).begin(0).open();
    writer.name("t").text('a"\\\n\u00e4\u2028').name("h").hex(Uint8Array.of(0, 255)).name("i").integer(-5);
    writer.name("o").open().close().name("f").flag(true).name("n").nothing().close();
    const text = Buffer.from(bytes.subarray(0, writer.offset)).toString("latin1");
    assert.match(text, /^[ -~]+$/);
    assert.deepEqual(JSON.parse(text), { t: 'a"\\\n\u00e4\u2028', h: "00ff", i: -5, o: {}, f: true, n: null });
    assert.throws(() => new JsonWriter(new Uint8Array(4)).begin(0).text("long"), /buffer too small/);
  });
});
