import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from "../../../../tools/receiver/base64.ts";
import { bytesToHex, fromHex, hexToBytes } from "../../../../tools/receiver/hex.ts";
import { parseJsonObject } from "../../../../tools/receiver/json.ts";

describe("base64 (RFC 4648)", () => {
  it("RFC 4648 10: test vectors, both ways", () => {
    const vectors: [string, string][] = [
      ["", ""],
      ["f", "Zg=="],
      ["fo", "Zm8="],
      ["foo", "Zm9v"],
      ["foob", "Zm9vYg=="],
      ["fooba", "Zm9vYmE="],
      ["foobar", "Zm9vYmFy"],
    ];
    for (const [plain, coded] of vectors) {
      const bytes = new Uint8Array(Buffer.from(plain));
      assert.equal(encodeBase64(bytes), coded);
      assert.deepEqual(decodeBase64(coded, 6), bytes);
      assert.deepEqual(decodeBase64Url(coded.replaceAll("=", ""), 6), bytes);
    }
  });

  it("agrees with Node on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        assert.equal(encodeBase64(bytes), buffer.toString("base64"));
        assert.equal(encodeBase64Url(bytes), buffer.toString("base64url"));
        assert.deepEqual(decodeBase64(encodeBase64(bytes), 80), bytes);
        assert.deepEqual(decodeBase64Url(encodeBase64Url(bytes), 80), bytes);
      }),
      { seed: 1 },
    );
  });

  it("RFC 4648 3.3, 3.5: refuses foreign characters, missing padding, trailing bits and what is too long", () => {
    for (const text of [
      "Zg",
      "Zg=",
      "Zg===",
      "Z===",
      "=",
      "====",
      "Zm 9v",
      "Zm9v\n",
      "Zh==",
      "Zm9=",
      "Zm-_",
      "Zg==Zg==",
    ]) {
      assert.equal(decodeBase64(text, 100), undefined, text);
    }
    for (const text of ["Zg==", "Z", "Zh", "Zm+/"]) assert.equal(decodeBase64Url(text, 100), undefined, text);
    assert.equal(decodeBase64("Zm9v", 2), undefined);
  });
});

describe("hexadecimal", () => {
  it("goes both ways and refuses anything else", () => {
    assert.equal(bytesToHex(new Uint8Array([0, 0x9f, 0xff])), "009fff");
    assert.deepEqual(fromHex("009Fff"), new Uint8Array([0, 0x9f, 0xff]));
    for (const text of ["0", "0g", " 0", "0x"]) assert.equal(fromHex(text), undefined);
    assert.equal(fromHex("0011", 3), undefined);
    assert.throws(() => hexToBytes("zz"), RangeError);
  });
});

describe("JSON from outside", () => {
  it("takes objects only", () => {
    assert.deepEqual(parseJsonObject('{"a":1}', 10), { ok: true, value: { a: 1 } });
    for (const text of ["[]", "null", "1", '"{}"']) {
      assert.deepEqual(parseJsonObject(text, 10), { ok: false, reason: "not-a-json-object" });
    }
    assert.deepEqual(parseJsonObject("{", 10), { ok: false, reason: "not-json" });
    assert.deepEqual(parseJsonObject("", 10), { ok: false, reason: "not-json" });
  });

  it("bounds length and depth before it parses, and counts no brackets in strings", () => {
    assert.deepEqual(parseJsonObject('{"a":1}', 6), { ok: false, reason: "json-too-long" });
    const deep = (depth: number): string => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    assert.equal(parseJsonObject(deep(31), 1000).ok, true);
    assert.deepEqual(parseJsonObject(deep(32), 1000), { ok: false, reason: "json-too-deep" });
    assert.equal(parseJsonObject(JSON.stringify({ a: `\\"${"[".repeat(100)}` }), 1000).ok, true);
  });
});
