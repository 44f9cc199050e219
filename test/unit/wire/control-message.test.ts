import { deepEqual, equal } from "node:assert/strict";
import { cmac } from "@noble/ciphers/aes.js";
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  LORAWAN_TAG_BYTES,
  MAX_CONTROL_BYTES,
  MQTT_TAG_BYTES,
  newControlMessage,
  parseControl,
  type TagBytes,
  tagMatches,
  writeAckMessage,
} from "../../../firmware/wire/control-message.ts";
import { fromHex, toHex } from "./token-fixture.ts";

const KEY = fromHex("000102030405060708090a0b0c0d0e0f");
const UEID = fromHex("02a1b2c3d4e5f60718");
const SEQ = 0xfedcba98;

function macOf(ueid: Uint8Array, seq: number): Uint8Array {
  const message = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
  return cmac(message.subarray(0, ackMacMessage(ueid, seq, message)), KEY);
}

function makeAck(tagBytes: TagBytes): Uint8Array {
  const into = new Uint8Array(MAX_CONTROL_BYTES);
  return into.slice(0, writeAckMessage(SEQ, macOf(UEID, SEQ), tagBytes, into));
}

describe("control message: the receiver's final acknowledgement", () => {
  it("has its MAC over label, ueid and seq", () => {
    const message = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
    equal(ackMacMessage(UEID, SEQ, message), ACK_MAC_MESSAGE_BYTES);
    equal(toHex(message), "61636b02a1b2c3d4e5f60718fedcba98");
  });

  for (const [tagBytes, length] of [
    [LORAWAN_TAG_BYTES, 9],
    [MQTT_TAG_BYTES, 21],
  ] as const) {
    it(`takes ${length} bytes with a tag of ${tagBytes}, and comes back as it was sent`, () => {
      const bytes = makeAck(tagBytes);
      equal(toHex(bytes), `01fedcba98${toHex(macOf(UEID, SEQ)).slice(0, 2 * tagBytes)}`);
      equal(bytes.length, length);
      const message = newControlMessage();
      equal(parseControl(bytes, bytes.length, tagBytes, message), true);
      deepEqual([message.kind, message.seq, message.tagBytes], ["ack", SEQ, tagBytes]);
      equal(tagMatches(message, macOf(UEID, SEQ)), true);
    });

    it(`refuses a flipped bit in any byte (tag of ${tagBytes})`, () => {
      const message = newControlMessage();
      for (let bit = 0; bit < 8 * length; bit++) {
        const bytes = makeAck(tagBytes);
        bytes[bit >> 3] ^= 1 << (bit & 7);
        const authentic =
          parseControl(bytes, length, tagBytes, message) && tagMatches(message, macOf(UEID, message.seq));
        equal(authentic, false, `bit ${bit}`);
      }
    });
  }

  it("is no other node's acknowledgement", () => {
    const message = newControlMessage();
    parseControl(makeAck(LORAWAN_TAG_BYTES), 9, LORAWAN_TAG_BYTES, message);
    equal(tagMatches(message, macOf(fromHex("02a1b2c3d4e5f60719"), SEQ)), false);
  });

  it("does not let a message choose the shorter tag, and names what it refuses", () => {
    const message = newControlMessage();
    const short = makeAck(LORAWAN_TAG_BYTES);
    equal(parseControl(short, short.length, MQTT_TAG_BYTES, message), false);
    equal(message.reason, "control-length");
    const long = makeAck(MQTT_TAG_BYTES);
    equal(parseControl(long, long.length, LORAWAN_TAG_BYTES, message), false);
    equal(message.reason, "control-length");
    equal(parseControl(short, 0, LORAWAN_TAG_BYTES, message), false);
    equal(message.reason, "empty");
    equal(parseControl(fromHex("02fedcba9800000000"), 9, LORAWAN_TAG_BYTES, message), false);
    equal(message.reason, "control-type-unknown");
  });
});
