import { equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { MAX_THUMBPRINT_INPUT_BYTES, thumbprintInput } from "../../../firmware/wire/cose-key.ts";
import { fromHex, toHex } from "./token-fixture.ts";

// Source: RFC 9679 section 6, an EC2 key on P-256 and its thumbprint. Licence: example from an IETF RFC, Revised BSD License.
const X = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
const Y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";
const THUMBPRINT = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec";

describe("COSE Key Thumbprint", () => {
  it("RFC 9679 6: the example's thumbprint", () => {
    const into = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
    const length = thumbprintInput(-7, fromHex(X + Y), into);
    equal(length, MAX_THUMBPRINT_INPUT_BYTES);
    equal(toHex(createHash("sha256").update(into.subarray(0, length)).digest()), THUMBPRINT);
  });

  it("RFC 9679 4: kty and curve of the other algorithms (RFC 9053 7.1, RFC 8812 3.1)", () => {
    const into = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
    thumbprintInput(-47, fromHex(X + Y), into);
    equal(toHex(into.subarray(0, 8)), "a401022008215820");
    const length = thumbprintInput(-8, fromHex(X), into);
    equal(toHex(into.subarray(0, length)), `a301012006215820${X}`);
  });
});
