import assert from "node:assert/strict";
import type { AnchorClaims } from "../../../../firmware/wire/eat-token.ts";
import { Challenges, EXPIRY_MS, MAX_ATTEMPTS, nonceRefusal, RETRY_MS } from "../../../../tools/receiver/challenges.ts";
import { TestNode } from "./fixture.ts";

const { devEui, record } = new TestNode(1);
const NONCE = new Uint8Array(16).fill(7);

function anchor(nonce: Uint8Array | undefined): AnchorClaims {
  const { ueid } = record;
  return { kind: "anchor", wallS: 0, uptimeS: 60, timeQuality: 0, nonce, ueid, bootCount: 3, seq: 8 };
}

describe("challenges", () => {
  it("sends once when the node is heard, and again only after an hour", () => {
    const challenges = new Challenges();
    assert.equal(challenges.due(devEui, 4, 0), undefined);
    challenges.ask(devEui, NONCE, 0);
    assert.deepEqual(challenges.due(devEui, 4, 5), NONCE);
    assert.equal(challenges.of(devEui)?.state, "sent");
    assert.equal(challenges.due(devEui, 4, 5 + RETRY_MS - 1), undefined);
    assert.deepEqual(challenges.due(devEui, 4, 5 + RETRY_MS), NONCE);
  });

  it("is answered by an anchor with the very nonce, once", () => {
    const challenges = new Challenges();
    challenges.ask(devEui, NONCE, 0);
    assert.equal(challenges.answered(devEui, anchor(new Uint8Array(16)), 9), undefined);
    assert.equal(challenges.answered(devEui, anchor(undefined), 9), undefined);
    assert.equal(challenges.answered("0000000000000000", anchor(NONCE), 9), undefined);
    const answered = challenges.answered(devEui, anchor(NONCE), 9);
    assert.deepEqual(
      [answered?.state, answered?.answeredUnixMs, answered?.answer?.bootCount, answered?.answer?.uptimeS],
      ["answered", 9, 3, 60],
    );
    assert.equal(challenges.answered(devEui, anchor(NONCE), 9), undefined);
    assert.equal(challenges.due(devEui, 4, EXPIRY_MS / 2), undefined);
  });

  it("gives up after some attempts, and after a week", () => {
    const challenges = new Challenges();
    challenges.ask(devEui, NONCE, 0);
    let sent = 0;
    for (let at = 0; at < 100 * RETRY_MS; at += RETRY_MS) if (challenges.due(devEui, 4, at) !== undefined) sent++;
    assert.equal(sent, MAX_ATTEMPTS);
    assert.equal(challenges.of(devEui)?.state, "expired");
    challenges.ask(devEui, NONCE, 0);
    assert.equal(challenges.due(devEui, 4, EXPIRY_MS + 1), undefined);
    assert.equal(challenges.of(devEui)?.state, "expired");
  });

  it("RFC 9711 4.1: nonces of 8 to 64 bytes, over LoRa 16 at most", () => {
    assert.equal(nonceRefusal(new Uint8Array(7), undefined), "nonce-length");
    assert.equal(nonceRefusal(new Uint8Array(65), undefined), "nonce-length");
    assert.equal(nonceRefusal(new Uint8Array(64), undefined), undefined);
    assert.equal(nonceRefusal(new Uint8Array(17), 4), "nonce-too-long-for-lora");
    assert.equal(nonceRefusal(new Uint8Array(16), 4), undefined);
    const challenges = new Challenges();
    challenges.ask(devEui, new Uint8Array(17), 0);
    assert.equal(challenges.due(devEui, 4, 0), undefined, "until it is heard another way");
    assert.equal(challenges.due(devEui, 16, 0)?.length, 17);
  });
});
