import { deepEqual, equal } from "node:assert/strict";
import { cmac } from "@noble/ciphers/aes.js";
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  type ControlMessage,
  controlMacMessage,
  LORAWAN_TAG_BYTES,
  MAX_CONTROL_BYTES,
  MAX_CONTROL_MAC_BYTES,
  MQTT_TAG_BYTES,
  newControlMessage,
  parseControl,
  type TagBytes,
  tagMatches,
  writeAckMessage,
  writeControl,
} from "../../../firmware/wire/control-message.ts";
import { COMPACT_RULE } from "../../../firmware/wire/parity-frame.ts";
import { TOKEN_FPORT } from "../../../firmware/wire/schc-fragment.ts";
import { MAX_SLOT_ANSWER_BYTES } from "../../../firmware/wire/slot-answer.ts";
import { fromHex, toHex } from "./token-fixture.ts";

const KEY = fromHex("000102030405060708090a0b0c0d0e0f");
const UEID = fromHex("02a1b2c3d4e5f60718");
const OTHER_UEID = fromHex("02a1b2c3d4e5f60719");
const SEQ = 0xfedcba98;
const TAGS = [LORAWAN_TAG_BYTES, MQTT_TAG_BYTES] as const;

function makeMessage(change: Partial<ControlMessage>): ControlMessage {
  return { ...newControlMessage(), ...change };
}

function makeChallenge(length: number): ControlMessage {
  const message = makeMessage({ kind: "challenge", nonceLength: length });
  for (let i = 0; i < length; i++) message.nonce[i] = 0xc0 + i;
  return message;
}

const ACK = makeMessage({ kind: "ack", seq: SEQ });
const PARITY = makeMessage({ kind: "parity", rule: TOKEN_FPORT, firstParity: 5, tiles: 8, check: 0xfedcba98 });
const HISTORY = makeMessage({ kind: "ack", seq: SEQ, earlier: 0xa5 });
const ANSWERED = makeMessage({ kind: "ack", seq: SEQ, earlier: 1, answersLength: 3 });
ANSWERED.answers.set([0x41, 0x80, 0x20]);
const BOOT = makeMessage({ kind: "boot", bootCount: 0x01020304 });
const CHALLENGE = makeChallenge(8);
const ALL = [ACK, PARITY, BOOT, CHALLENGE, HISTORY, ANSWERED];

/** Message, what its CMAC covers behind label and ueid, and the message without its tag. */
const KNOWN: [ControlMessage, string, string][] = [
  [ACK, "61636b02a1b2c3d4e5f60718fedcba98", "01fedcba98"],
  [PARITY, "70617202a1b2c3d4e5f607188508fedcba98", "028508fedcba98"],
  [HISTORY, "68697302a1b2c3d4e5f60718fedcba98a5", "05fedcba98a5"],
  [ANSWERED, "68697302a1b2c3d4e5f60718fedcba9801418020", "05fedcba9801418020"],
  [BOOT, "626f6f02a1b2c3d4e5f6071801020304", "0301020304"],
  [CHALLENGE, "63686102a1b2c3d4e5f60718c0c1c2c3c4c5c6c7", "04c0c1c2c3c4c5c6c7"],
];

function macOf(ueid: Uint8Array, message: ControlMessage): Uint8Array {
  const covered = new Uint8Array(MAX_CONTROL_MAC_BYTES);
  return cmac(covered.subarray(0, controlMacMessage(ueid, message, covered)), KEY);
}

function bytesOf(message: ControlMessage, tagBytes: TagBytes): Uint8Array {
  const into = new Uint8Array(MAX_CONTROL_BYTES);
  return into.slice(0, writeControl(message, macOf(UEID, message), tagBytes, into));
}

function reasonOf(bytes: Uint8Array, tagBytes: TagBytes = LORAWAN_TAG_BYTES): string {
  const out = newControlMessage();
  equal(parseControl(bytes, bytes.length, tagBytes, out), false);
  return out.reason;
}

/** What a message says. */
function contentOf(message: ControlMessage): unknown[] {
  const { kind, seq, earlier, answers, answersLength, rule, firstParity, tiles, check, bootCount, nonce, nonceLength } =
    message;
  if (kind === "ack") return [kind, seq, earlier, toHex(answers.subarray(0, answersLength))];
  if (kind === "parity") return [kind, rule, firstParity, tiles, check];
  return kind === "boot" ? [kind, bootCount] : [kind, toHex(nonce.subarray(0, nonceLength))];
}

/** MQTT has neither parity requests nor histories. */
function travels(message: ControlMessage, tagBytes: TagBytes): boolean {
  return (message.kind !== "parity" && message.earlier === undefined) || tagBytes === LORAWAN_TAG_BYTES;
}

describe("control messages", () => {
  for (const [message, covered, head] of KNOWN) {
    const name = message === ANSWERED ? "history with answers" : message === HISTORY ? "history" : message.kind;
    it(`${name}: the MAC covers label, ueid and what stands between type and tag`, () => {
      const bytes = new Uint8Array(MAX_CONTROL_MAC_BYTES);
      equal(toHex(bytes.subarray(0, controlMacMessage(UEID, message, bytes))), covered);
      for (const tagBytes of TAGS) {
        equal(toHex(bytesOf(message, tagBytes)), head + toHex(macOf(UEID, message).subarray(0, tagBytes)));
      }
    });

    it(`${name} comes back as it was sent, authentic for its node`, () => {
      // One object for all, as a node has it: nothing of another message stays.
      const out = newControlMessage();
      for (const tagBytes of TAGS) {
        for (const before of ALL) {
          const earlier = bytesOf(before, LORAWAN_TAG_BYTES);
          equal(parseControl(earlier, earlier.length, LORAWAN_TAG_BYTES, out), true);
          const bytes = bytesOf(message, tagBytes);
          equal(parseControl(bytes, bytes.length, tagBytes, out), travels(message, tagBytes));
          if (!travels(message, tagBytes)) continue;
          deepEqual(contentOf(out), contentOf(message));
          equal(out.tagBytes, tagBytes);
          equal(tagMatches(out, macOf(UEID, out)), true);
          equal(tagMatches(out, macOf(OTHER_UEID, out)), false);
        }
      }
    });

    it(`${name} with any bit flipped is refused or not authentic`, () => {
      const out = newControlMessage();
      for (const tagBytes of TAGS) {
        const whole = bytesOf(message, tagBytes);
        for (let bit = 0; bit < 8 * whole.length; bit++) {
          const bytes = whole.slice();
          bytes[bit >> 3] ^= 1 << (bit & 7);
          const authentic = parseControl(bytes, bytes.length, tagBytes, out) && tagMatches(out, macOf(UEID, out));
          equal(authentic, false, `bit ${bit}`);
        }
      }
    });

    it(`${name} shorter or longer than it is is refused: control-length`, () => {
      const bytes = bytesOf(message, LORAWAN_TAG_BYTES);
      if (message !== ANSWERED) equal(reasonOf(bytes.subarray(0, bytes.length - 1)), "control-length");
      if (message.kind !== "challenge" && message.earlier === undefined)
        equal(reasonOf(Uint8Array.of(...bytes, 0)), "control-length");
    });
  }

  it("is no other node's acknowledgement", () => {
    const out = newControlMessage();
    const bytes = bytesOf(ACK, LORAWAN_TAG_BYTES);
    equal(parseControl(bytes, bytes.length, LORAWAN_TAG_BYTES, out), true);
    equal(tagMatches(out, macOf(OTHER_UEID, ACK)), false);
  });

  it("no kind passes for another: type and label are both changed by none", () => {
    const out = newControlMessage();
    const ack = bytesOf(ACK, LORAWAN_TAG_BYTES);
    ack[0] = 3;
    equal(parseControl(ack, ack.length, LORAWAN_TAG_BYTES, out), true);
    equal(tagMatches(out, macOf(UEID, out)), false);
    // An acknowledgement whose tag is read one byte later.
    const history = Uint8Array.of(...bytesOf(ACK, LORAWAN_TAG_BYTES), 0);
    history[0] = 5;
    equal(parseControl(history, history.length, LORAWAN_TAG_BYTES, out), true);
    equal(tagMatches(out, macOf(UEID, out)), false);
  });

  it("an acknowledgement can be written without an object, in the same bytes", () => {
    const covered = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
    equal(ackMacMessage(UEID, SEQ, covered), ACK_MAC_MESSAGE_BYTES);
    equal(toHex(covered), KNOWN[0][1]);
    for (const tagBytes of TAGS) {
      const into = new Uint8Array(MAX_CONTROL_BYTES);
      const length = writeAckMessage(SEQ, cmac(covered, KEY), tagBytes, into);
      equal(toHex(into.subarray(0, length)), toHex(bytesOf(ACK, tagBytes)));
    }
  });

  it("a challenge has 8 to 16 bytes over LoRaWAN, 8 to 64 over MQTT", () => {
    const out = newControlMessage();
    for (const [tagBytes, longest] of [
      [LORAWAN_TAG_BYTES, 16],
      [MQTT_TAG_BYTES, 64],
    ] as const) {
      for (let length = 8; length <= longest; length++) {
        const bytes = bytesOf(makeChallenge(length), tagBytes);
        equal(parseControl(bytes, bytes.length, tagBytes, out), true);
        deepEqual(contentOf(out), contentOf(makeChallenge(length)));
      }
      equal(reasonOf(new Uint8Array(1 + 7 + tagBytes).fill(4), tagBytes), "control-length");
      equal(reasonOf(new Uint8Array(1 + longest + 1 + tagBytes).fill(4), tagBytes), "control-length");
    }
  });

  it("a history has answers of all slots at most", () => {
    const out = newControlMessage();
    const most = makeMessage({ kind: "ack", earlier: 0, answersLength: MAX_SLOT_ANSWER_BYTES });
    const bytes = bytesOf(most, LORAWAN_TAG_BYTES);
    equal(parseControl(bytes, bytes.length, LORAWAN_TAG_BYTES, out), true);
    equal(out.answersLength, MAX_SLOT_ANSWER_BYTES);
    equal(reasonOf(Uint8Array.of(...bytes, 0)), "control-length");
  });

  it("a parity request is refused by name: parity-without-tiles, parity-index-beyond, and over MQTT control-type-unknown", () => {
    const parity = (change: Partial<ControlMessage>) => bytesOf({ ...PARITY, ...change }, LORAWAN_TAG_BYTES);
    const out = newControlMessage();
    equal(reasonOf(parity({ tiles: 0 })), "parity-without-tiles");
    equal(reasonOf(parity({ firstParity: 121 })), "parity-index-beyond");
    for (const most of [parity({ firstParity: 120 }), parity({ rule: COMPACT_RULE, firstParity: 0, tiles: 128 })]) {
      equal(parseControl(most, most.length, LORAWAN_TAG_BYTES, out), true);
    }
    equal(out.rule, COMPACT_RULE);
    equal(reasonOf(bytesOf(PARITY, MQTT_TAG_BYTES), MQTT_TAG_BYTES), "control-type-unknown");
  });

  it("does not let a message choose the shorter tag, and names what it refuses", () => {
    equal(reasonOf(bytesOf(ACK, LORAWAN_TAG_BYTES), MQTT_TAG_BYTES), "control-length");
    equal(reasonOf(bytesOf(ACK, MQTT_TAG_BYTES), LORAWAN_TAG_BYTES), "control-length");
    equal(reasonOf(new Uint8Array(0)), "empty");
    equal(reasonOf(fromHex("00fedcba9800000000")), "control-type-unknown");
    equal(reasonOf(fromHex("06fedcba9800000000")), "control-type-unknown");
    equal(reasonOf(fromHex("01")), "control-length");
    equal(reasonOf(fromHex("04")), "control-length");
  });
});
