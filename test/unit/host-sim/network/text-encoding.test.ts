import assert from "node:assert/strict";
import { fromBase64, fromHex, randomUuid, toBase64, toHex } from "../../../../host-sim/network/text-encoding.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";

describe("bytes as text", () => {
  it("RFC 4648 4: Base64 agrees with Buffer both ways for every length to 300", () => {
    const random = new RandomStream(1, "base64");
    for (let length = 0; length <= 300; length++) {
      const bytes = new Uint8Array(length);
      random.fill(bytes);
      const text = Buffer.from(bytes).toString("base64");
      assert.equal(toBase64(bytes), text);
      assert.deepEqual(fromBase64(text), bytes);
    }
  });

  it("RFC 4648 3.3, 3.5: refuses foreign characters, wrong padding and bits behind the end", () => {
    for (const text of [
      "A",
      "AA",
      "AAA",
      "A===",
      "====",
      "AA=A",
      "AAA=AAAA",
      "AA-_",
      "AA A",
      "AB==",
      "AAB=",
      "é0==",
      "AAAA\n",
    ]) {
      assert.equal(fromBase64(text), undefined, text);
    }
  });

  it("hexadecimal of either case, of the wanted length only", () => {
    assert.deepEqual(fromHex("00fFA5", 3), Uint8Array.of(0, 255, 165));
    assert.equal(toHex(Uint8Array.of(0, 255, 165)), "00ffa5");
    for (const text of ["", "00ff", "00ffa", "00ffag", "0x00ff", "00ffa5 "])
      assert.equal(fromHex(text, 3), undefined, text);
  });

  it("RFC 9562 5.4: UUIDs of version 4 that differ", () => {
    const random = new RandomStream(1, "uuid");
    const seen = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const uuid = randomUuid(random);
      assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      seen.add(uuid);
    }
    assert.equal(seen.size, 500);
  });
});
