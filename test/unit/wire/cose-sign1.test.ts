import { deepEqual, equal, ok } from "node:assert/strict";
import { Decoder } from "cbor-x";
import {
  encodeSign1,
  parseSign1,
  protectedHeader,
  SIG_STRUCTURE_OVERHEAD_BYTES,
  SIGN1_OVERHEAD_BYTES,
  sigStructure,
} from "../../../firmware/wire/cose-sign1.ts";
import { fromHex, toHex } from "./token-fixture.ts";

const KID = fromHex("1122334455667788");
const SIGNATURE = new Uint8Array(64).fill(0x5a);
const PAYLOAD = fromHex("a0");
/** "18([<<{1: -7}>>, {4: kid}, h'a0', signature])" in pieces, for the tests that bend one of them. */
const PROTECTED = "43a10126";
const UNPROTECTED = `a10448${toHex(KID)}`;
const REST = `41a05840${toHex(SIGNATURE)}`;

function reasonFor(hex: string): string | undefined {
  const parsed = parseSign1(fromHex(hex));
  return parsed.ok ? undefined : parsed.reason;
}

describe("COSE_Sign1", () => {
  it("RFC 9052 4.4: the Sig_structure, by hand for ES256 and an empty map as payload", () => {
    const into = new Uint8Array(64);
    const length = sigStructure(protectedHeader(-7), PAYLOAD, 1, into);
    equal(toHex(into.subarray(0, length)), `846a5369676e61747572653143a101264041a0`);
  });

  it("RFC 9053 2.1, 2.2 and RFC 8812 3.2: the three algorithms stand in the protected header", () => {
    const hex = ([-7, -8, -47] as const).map((alg) => toHex(Uint8Array.from(protectedHeader(alg))));
    deepEqual(hex, ["a10126", "a10127", "a101382e"]);
  });

  it("RFC 9052 4.2: tag 18, four items, and comes apart as it was put together", () => {
    const into = new Uint8Array(256);
    for (const alg of [-7, -8, -47] as const) {
      const token = into.slice(0, encodeSign1(alg, KID, PAYLOAD, 1, SIGNATURE, into));
      if (alg === -7) equal(toHex(token), `d284${PROTECTED}${UNPROTECTED}${REST}`);
      const parsed = parseSign1(token);
      ok(parsed.ok);
      equal(parsed.tagged && parsed.algProtected, true);
      equal(parsed.alg, alg);
      deepEqual(parsed.kid, KID);
      deepEqual(parsed.protectedBytes, Uint8Array.from(protectedHeader(alg)));
      deepEqual(parsed.payload, PAYLOAD);
      deepEqual(parsed.signature, SIGNATURE);
      equal(parsed.otherHeaders, 0);
    }
  });

  it("RFC 9052 4.2: cbor-x, which is not ours, reads the same four items", () => {
    const into = new Uint8Array(256);
    const token = into.slice(0, encodeSign1(-7, KID, PAYLOAD, 1, SIGNATURE, into));
    // The tag's own byte (RFC 8949 3.4: 6 << 5 | 18): whoever claims tag 18 in cbor-x claims it for the whole process.
    equal(token[0], 0xd2);
    const decoder = new Decoder({ mapsAsObjects: false });
    const [header, headers, payload, signature] = decoder.decode(token.subarray(1));
    deepEqual([...header], [0xa1, 0x01, 0x26]);
    deepEqual([...headers.get(4)], [...KID]);
    deepEqual([...payload], [...PAYLOAD]);
    deepEqual([...signature], [...SIGNATURE]);
  });

  it("adds no more bytes than the buffers were sized for", () => {
    const payload = new Uint8Array(900);
    const into = new Uint8Array(1100);
    equal(encodeSign1(-47, KID, payload, payload.length, SIGNATURE, into), payload.length + SIGN1_OVERHEAD_BYTES);
    equal(sigStructure(protectedHeader(-47), payload, 900, into), 900 + SIG_STRUCTURE_OVERHEAD_BYTES);
  });

  it("RFC 9052 3 and 4.4: an empty protected map counts as no bytes, whichever way it is written", () => {
    for (const empty of ["40", "41a0"]) {
      const parsed = parseSign1(fromHex(`d284${empty}a2012604412a${REST}`));
      ok(parsed.ok);
      equal(parsed.protectedBytes.length, 0);
      equal(parsed.algProtected, false);
      equal(parsed.alg, -7);
    }
  });

  it("RFC 9052 3: refuses a label in both header maps, and critical headers that nobody here knows", () => {
    equal(reasonFor(`d284${PROTECTED}a20126044101${REST}`), "duplicate-header");
    equal(reasonFor(`d28446a2012604412aa104412a${REST}`), "duplicate-header");
    equal(reasonFor(`d28446a2012602810aa0${REST}`), "critical-header");
  });

  it("counts headers that it does not know, whatever their label and value", () => {
    const parsed = parseSign1(fromHex(`d284${PROTECTED}a20a01616181f5${REST}`));
    ok(parsed.ok);
    equal(parsed.otherHeaders, 2);
  });

  it("refuses by name what is no COSE_Sign1", () => {
    equal(reasonFor("01"), "not-cose-sign1");
    equal(reasonFor(`d183${PROTECTED}${UNPROTECTED}41a0`), "not-cose-sign1");
    equal(reasonFor(`d283${PROTECTED}${UNPROTECTED}41a0`), "not-cose-sign1");
    equal(reasonFor(`d2d284${PROTECTED}${UNPROTECTED}${REST}`), "not-cose-sign1");
    equal(reasonFor(`d284a0${UNPROTECTED}${REST}`), "unexpected-type");
    equal(reasonFor(`d284${PROTECTED}80${REST}`), "unexpected-type");
    equal(reasonFor(`d284${PROTECTED}${UNPROTECTED}f65840${toHex(SIGNATURE)}`), "unexpected-type");
    equal(reasonFor(`d28440${UNPROTECTED}${REST}`), "algorithm-missing");
    equal(reasonFor(`d28445a101654553a0${REST}`), "truncated");
    equal(reasonFor(`d28448a101654553323536a0${REST}`), "algorithm-unknown");
    equal(reasonFor(`d284420126a0${REST}`), "trailing-bytes");
    equal(reasonFor(`d2844101a0${REST}`), "unexpected-type");
  });
});
