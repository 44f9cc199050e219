import { deepEqual, equal, match, ok } from "node:assert/strict";
import { crc32 } from "node:zlib";
import { LORAWAN_TAG_BYTES, MAX_LORAWAN_NONCE_BYTES } from "../../../firmware/wire/control-message.ts";
import {
  MAX_P2P_ANSWER_BYTES,
  MAX_P2P_FRAME_BYTES,
  MAX_P2P_MAC_MESSAGE_BYTES,
  newP2pFrame,
  P2P_OVERHEAD_BYTES,
  P2P_SYNC_WORD,
  P2P_TIME_BYTES,
  type P2pFrame,
  p2pAddress,
  p2pMacMessage,
  p2pTagMatches,
  parseP2pFrame,
  writeP2pFrame,
  writeP2pTag,
} from "../../../firmware/wire/p2p-frame.ts";
import { MAX_ACK_BYTES } from "../../../firmware/wire/schc-fragment.ts";
import { counts } from "../../counts.ts";
import { throwHostileFrames } from "../../property/hostile-frames.ts";

const UEID = Uint8Array.from([2, 1, 2, 3, 4, 5, 6, 7, 8]);
const MAC = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);
const HEADER = { ...newP2pFrame(), address: 0x01020304, counter: 0x05060708 };

function written(header: Partial<P2pFrame>, payload: readonly number[]): Uint8Array {
  const into = new Uint8Array(MAX_P2P_FRAME_BYTES);
  const tagAt = writeP2pFrame({ ...HEADER, ...header }, Uint8Array.from(payload), payload.length, into);
  return into.slice(0, writeP2pTag(MAC, into, tagAt));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const ANSWER = { down: true, time: true, unixMs: 1_782_000_000_123, timeExponent: 7 };
const VALID = [
  written({ port: 32 }, [1, 2, 3]),
  written({ port: 32, time: true }, [9]),
  written({ time: true }, []),
  written({ down: true, port: 33 }, [1, 0, 0, 0, 5, 9, 9, 9, 9]),
  written({ ...ANSWER, port: 32 }, [7, 7]),
  written(ANSWER, []),
];

function refusal(bytes: Uint8Array): string {
  const frame = newP2pFrame();
  ok(!parseP2pFrame(bytes, bytes.length, frame));
  return frame.reason;
}

/** A valid frame with one byte set. */
function changed(frame: Uint8Array, at: number, value: number): Uint8Array {
  const copy = frame.slice();
  copy[at] = value;
  return copy;
}

describe("point to point frames", () => {
  it("an uplink's bytes, an answer's bytes, and the private sync word", () => {
    equal(hex(VALID[0]), "20010203040506070820010203a0a1a2a3");
    equal(hex(VALID[2]), "28010203040506070800a0a1a2a3");
    // 1782000000123 is 0x019ee6dc4c7b.
    equal(hex(VALID[4]), `38010203040506070820${(1_782_000_000_123).toString(16).padStart(12, "0")}070707a0a1a2a3`);
    equal(P2P_SYNC_WORD, 0x12);
  });

  it("what is written is read back", () => {
    const frame = newP2pFrame();
    ok(parseP2pFrame(VALID[4], VALID[4].length, frame));
    const { down, time, address, counter, port, unixMs, timeExponent, payloadAt, payloadLength, reason } = frame;
    deepEqual(
      { down, time, address, counter, port, unixMs, timeExponent, reason },
      { ...ANSWER, address: 0x01020304, counter: 0x05060708, port: 32, reason: "" },
    );
    deepEqual([...VALID[4].subarray(payloadAt, payloadAt + payloadLength)], [7, 7]);
  });

  it("the longest answer holds the time and the longest of what a receiver has to say: a challenge", () => {
    const longest = 1 + MAX_LORAWAN_NONCE_BYTES + LORAWAN_TAG_BYTES;
    equal(MAX_P2P_ANSWER_BYTES, P2P_OVERHEAD_BYTES + P2P_TIME_BYTES + longest);
    ok(longest > MAX_ACK_BYTES);
  });

  it("names what it refuses", () => {
    const [up] = VALID;
    equal(refusal(up.subarray(0, 13)), "too-short");
    equal(refusal(new Uint8Array(256).fill(0x20)), "too-long");
    equal(refusal(changed(up, 0, 0x40)), "version-unknown");
    equal(refusal(changed(up, 0, 0x21)), "reserved-bits");
    equal(refusal(changed(up, 9, 0)), "payload-without-port");
    equal(refusal(changed(VALID[2], 9, 32)), "port-without-payload");
    equal(refusal(changed(VALID[2], 0, 0x20)), "nothing-in-it");
    equal(refusal(changed(VALID[2], 0, 0x38)), "time-truncated");
    equal(refusal(changed(VALID[5], 16, 32)), "time-uncertainty");
  });

  it("RFC 4493: the tag covers label, ueid and the whole frame before it", () => {
    const message = new Uint8Array(MAX_P2P_MAC_MESSAGE_BYTES);
    const [up] = VALID;
    const length = p2pMacMessage(UEID, up, up.length - 4, message);
    equal(hex(message.subarray(0, length)), `703270${hex(UEID)}${hex(up.subarray(0, -4))}`);
    ok(p2pTagMatches(up, up.length, MAC));
    for (let i = 1; i <= 4; i++) ok(!p2pTagMatches(changed(up, up.length - i, 0), up.length, MAC));
  });

  it("ISO 3309: the address is the CRC-32 of the DevEUI", () => {
    equal(p2pAddress(UEID), crc32(UEID.subarray(1)));
  });

  it("never throws, and accepts nothing but what it would have written", () => {
    const frame = newP2pFrame();
    const again = new Uint8Array(MAX_P2P_FRAME_BYTES);
    let accepted = 0;
    throwHostileFrames(VALID, 300, counts(20_000, 1_000_000), (bytes) => {
      if (!parseP2pFrame(bytes, bytes.length, frame)) {
        match(frame.reason, /^[a-z-]+$/);
        return;
      }
      accepted++;
      const tagAt = writeP2pFrame(frame, bytes.subarray(frame.payloadAt), frame.payloadLength, again);
      equal(tagAt, bytes.length - 4);
      equal(hex(again.subarray(0, tagAt)), hex(bytes.subarray(0, tagAt)));
    });
    ok(accepted > 1000);
  });
});
