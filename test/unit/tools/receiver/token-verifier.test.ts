import assert from "node:assert/strict";
import { encodeClaims, MAX_CLAIMS_BYTES } from "../../../../firmware/wire/eat-token.ts";
import { NOBLE_CRYPTO } from "../../../../tools/receiver/noble-crypto.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { CLOCK_TOLERANCE_MS } from "../../../../tools/receiver/time-bound.ts";
import { verifyToken } from "../../../../tools/receiver/token-verifier.ts";
import { batchOf, STEP_S, T0_S, TestNode } from "./fixture.ts";

const node = new TestNode(1);
const NOW_MS = (T0_S + 2 * STEP_S) * 1000;

function reasonOf(token: Uint8Array, nowMs = NOW_MS): string | undefined {
  const result = verifyToken(token, node.record, NODE_CRYPTO, nowMs);
  return result.ok ? undefined : result.reason;
}

function claimsOf(changes: { oemid?: Uint8Array; hwmodel?: Uint8Array; ueid?: Uint8Array }): Uint8Array {
  const into = new Uint8Array(MAX_CLAIMS_BYTES);
  return into.slice(0, encodeClaims({ ...node.record, dbgstat: 2, ...changes }, batchOf(), into));
}

describe("token verifier", () => {
  it("takes a token of the node, with node:crypto and with noble", () => {
    for (const crypto of [NODE_CRYPTO, NOBLE_CRYPTO]) {
      const result = verifyToken(node.token({ seq: 7 }), node.record, crypto, NOW_MS);
      assert.equal(result.ok && result.claims.seq, 7);
    }
  });

  it("RFC 9052 4.4: refuses a token with any one bit flipped, by a named reason", () => {
    const token = node.token();
    const reasons = new Map<string, number>();
    for (let i = 0; i < token.length; i++) {
      for (let bit = 1; bit < 0x100; bit <<= 1) {
        const flipped = token.slice();
        flipped[i] ^= bit;
        const reason = reasonOf(flipped);
        assert.match(reason ?? "ACCEPTED", /^[a-z0-9-]+$/, `byte ${i}, bit ${bit}`);
        reasons.set(reason ?? "", (reasons.get(reason ?? "") ?? 0) + 1);
      }
    }
    // r and s alone are 512 bits; the flip of s's highest bit makes it high.
    assert.ok((reasons.get("signature-invalid") ?? 0) > 500);
    assert.ok((reasons.get("kid-of-another-key") ?? 0) === 64);
  });

  it("RFC 9052 4.4: the same with noble, one bit of each byte", () => {
    const token = node.token();
    for (let i = 0; i < token.length; i++) {
      const flipped = token.slice();
      flipped[i] ^= 1 << (i & 7);
      assert.equal(verifyToken(flipped, node.record, NOBLE_CRYPTO, NOW_MS).ok, false, `byte ${i}`);
    }
  });

  it("refuses a token cut anywhere, or with a byte behind it", () => {
    const token = node.token();
    for (let length = 0; length < token.length; length++) assert.notEqual(reasonOf(token.slice(0, length)), undefined);
    assert.equal(reasonOf(new Uint8Array([...token, 0])), "trailing-bytes");
  });

  it("refuses a token of another key", () => {
    assert.equal(reasonOf(new TestNode(2).token()), "kid-of-another-key");
    // The same node by name, another key underneath: a clone that had to make its own.
    assert.equal(reasonOf(new TestNode(1, 2).token()), "kid-of-another-key");
    // It may lie about the kid as well.
    assert.equal(reasonOf(new TestNode(1, 2).sign(claimsOf({}), node.record.kid)), "signature-invalid");
  });

  it("refuses a wrong kid over a right signature", () => {
    assert.equal(reasonOf(node.sign(claimsOf({}), new Uint8Array(8))), "kid-of-another-key");
  });

  it("refuses a node that signs for another, or names another maker or model", () => {
    const other = new TestNode(2).record;
    assert.equal(reasonOf(node.sign(claimsOf({ ueid: other.ueid }))), "ueid-of-another-node");
    assert.equal(reasonOf(node.sign(claimsOf({ oemid: new Uint8Array(3) }))), "oemid-mismatch");
    assert.equal(reasonOf(node.sign(claimsOf({ hwmodel: new Uint8Array(1) }))), "hwmodel-mismatch");
  });

  it("attestation.md: refuses the high-S form of a good signature", () => {
    assert.equal(reasonOf(node.sign(claimsOf({}))), undefined);
    assert.equal(reasonOf(node.sign(claimsOf({}), node.record.kid, true)), "signature-high-s");
  });

  it("bounds the claimed time by the time of reception, the uncertainty and the receiver's own clock", () => {
    const quality = (exponent: number): number => (1 << 5) | exponent;
    const lastMs = (T0_S + 2 * STEP_S) * 1000;
    const latest = (exponent: number, excusedMs: number): void => {
      const token = node.token({ timeQuality: quality(exponent) });
      assert.equal(reasonOf(token, lastMs - CLOCK_TOLERANCE_MS - excusedMs), undefined);
      assert.equal(reasonOf(token, lastMs - CLOCK_TOLERANCE_MS - excusedMs - 1), "time-in-the-future");
    };
    latest(10, 1024);
    latest(16, 65_536);
    latest(31, 3_600_000);
  });

  it("takes a backlog of any age, and uptime without wall time", () => {
    assert.equal(reasonOf(node.token(), NOW_MS + 400 * 86_400_000), undefined);
    assert.equal(reasonOf(node.token({ wallTime: false, timeQuality: 0, t0: 600 })), undefined);
  });
});
