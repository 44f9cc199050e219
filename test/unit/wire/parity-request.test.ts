import { deepEqual, equal, match, ok } from "node:assert/strict";
import { cmac } from "@noble/ciphers/aes.js";
import { LORAWAN_TAG_BYTES, newControlMessage, parseControl } from "../../../firmware/wire/control-message.ts";
import { COMPACT_RULE } from "../../../firmware/wire/parity-frame.ts";
import {
  newParityRequest,
  PARITY_MAC_MESSAGE_BYTES,
  PARITY_REQUEST_BYTES,
  type ParityRequest,
  parityMacMessage,
  parityTagMatches,
  parseParityRequest,
  TYPE_PARITY_REQUEST,
  writeParityRequest,
} from "../../../firmware/wire/parity-request.ts";
import { TOKEN_FPORT } from "../../../firmware/wire/schc-fragment.ts";
import { counts } from "../../counts.ts";
import { throwHostileFrames } from "../../property/hostile-frames.ts";
import { fromHex, toHex } from "./token-fixture.ts";

const KEY = fromHex("000102030405060708090a0b0c0d0e0f");
const UEID = fromHex("02a1b2c3d4e5f60718");

function makeRequest(change: Partial<ParityRequest> = {}): ParityRequest {
  return { ...newParityRequest(), rule: TOKEN_FPORT, firstParity: 5, tiles: 8, check: 0xfedcba98, ...change };
}

function macOf(ueid: Uint8Array, request: ParityRequest): Uint8Array {
  const message = new Uint8Array(PARITY_MAC_MESSAGE_BYTES);
  return cmac(message.subarray(0, parityMacMessage(ueid, request, message)), KEY);
}

function bytesOf(request: ParityRequest): Uint8Array {
  const into = new Uint8Array(PARITY_REQUEST_BYTES);
  return into.slice(0, writeParityRequest(request, macOf(UEID, request), into));
}

function reasonOf(bytes: Uint8Array): string {
  const out = newParityRequest();
  equal(parseParityRequest(bytes, bytes.length, out), false);
  return out.reason;
}

describe("control message: the receiver's request for parity tiles", () => {
  it("has its MAC over label, ueid and what is asked for", () => {
    const message = new Uint8Array(PARITY_MAC_MESSAGE_BYTES);
    equal(parityMacMessage(UEID, makeRequest(), message), PARITY_MAC_MESSAGE_BYTES);
    equal(toHex(message), "70617202a1b2c3d4e5f607188508fedcba98");
  });

  it("takes 11 bytes, and comes back as it was sent", () => {
    for (const request of [makeRequest(), makeRequest({ rule: COMPACT_RULE, firstParity: 127, tiles: 1, check: 0 })]) {
      const bytes = bytesOf(request);
      const out = newParityRequest();
      equal(bytes.length, 11);
      equal(parseParityRequest(bytes, bytes.length, out), true);
      deepEqual(out, { ...request, tag: macOf(UEID, request).subarray(0, LORAWAN_TAG_BYTES) });
      equal(parityTagMatches(out, macOf(UEID, request)), true);
    }
    equal(toHex(bytesOf(makeRequest()).subarray(0, 7)), "028508fedcba98");
  });

  it("is authentic for its node, rule, tiles and datagram only", () => {
    const bytes = bytesOf(makeRequest());
    const out = newParityRequest();
    equal(parseParityRequest(bytes, bytes.length, out), true);
    for (const change of [{ rule: COMPACT_RULE }, { firstParity: 6 }, { tiles: 9 }, { check: 0xfedcba99 }] as const) {
      equal(parityTagMatches(out, macOf(UEID, makeRequest(change))), false);
    }
    equal(parityTagMatches(out, macOf(fromHex("02a1b2c3d4e5f60719"), makeRequest())), false);
    const mac = macOf(UEID, makeRequest());
    for (let bit = 0; bit < 8 * LORAWAN_TAG_BYTES; bit++) {
      const other = mac.slice();
      other[bit >>> 3] ^= 1 << (bit & 7);
      equal(parityTagMatches(out, other), false);
    }
  });

  it("is no acknowledgement, nor is one a request", () => {
    const bytes = bytesOf(makeRequest());
    const message = newControlMessage();
    equal(parseControl(bytes, bytes.length, LORAWAN_TAG_BYTES, message), false);
    equal(message.reason, "control-type-unknown");
    bytes[0] = 1;
    equal(reasonOf(bytes), "control-type-unknown");
  });

  it("is refused by name: control-type-unknown, control-length, parity-without-tiles, parity-index-beyond", () => {
    const bytes = bytesOf(makeRequest());
    equal(reasonOf(new Uint8Array(0)), "control-type-unknown");
    equal(reasonOf(bytes.subarray(0, 10)), "control-length");
    equal(reasonOf(Uint8Array.of(...bytes, 0)), "control-length");
    equal(reasonOf(bytesOf(makeRequest({ tiles: 0 }))), "parity-without-tiles");
    equal(reasonOf(bytesOf(makeRequest({ firstParity: 121, tiles: 8 }))), "parity-index-beyond");
    equal(parseParityRequest(bytesOf(makeRequest({ firstParity: 120, tiles: 8 })), 11, newParityRequest()), true);
  });

  const runs = counts(20_000, 1_000_000);
  it(`${runs} hostile messages: never thrown at, and only its own encoding is accepted`, function () {
    this.timeout(0);
    const out = newParityRequest();
    const again = new Uint8Array(PARITY_REQUEST_BYTES);
    const valid = [bytesOf(makeRequest()), bytesOf(makeRequest({ rule: COMPACT_RULE, firstParity: 0, tiles: 128 }))];
    let accepted = 0;
    throwHostileFrames(valid, 16, runs, (bytes) => {
      if (!parseParityRequest(bytes, bytes.length, out)) {
        match(out.reason, /^(control|parity)-[a-z-]+$/);
        return;
      }
      accepted++;
      equal(out.reason, "");
      equal(bytes[0], TYPE_PARITY_REQUEST);
      equal(writeParityRequest(out, out.tag, again), bytes.length);
      deepEqual(again, bytes);
    });
    ok(accepted > runs / 20, `${accepted}`);
  });
});
