/**
 * What the receiver says to a node, with a tag under the key that they share (control-message.ts); and what ends a fragmentation session.
 *
 * The final acknowledgement is the only thing that trims a node's outbox (attestation.md), and is made after the store has committed.
 */
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  type ControlMessage,
  controlMacMessage,
  LORAWAN_TAG_BYTES,
  MAX_CONTROL_BYTES,
  MAX_CONTROL_MAC_BYTES,
  newControlMessage,
  type TagBytes,
  writeAckMessage,
  writeControl,
} from "../../firmware/wire/control-message.ts";
import { COMPACT_RULE, type ParityRule } from "../../firmware/wire/parity-frame.ts";
import { writeAck, writeReceiverAbort } from "../../firmware/wire/schc-fragment.ts";
import { writeSlotEnded } from "../../firmware/wire/slot-answer.ts";
import type { ReceiverCrypto } from "./crypto.ts";

/** Type and number: an acknowledgement without its tag. */
const ACK_MESSAGE_BYTES = 5;

type Cmac = ReceiverCrypto["cmac"];

/** The control message that acknowledges token `seq` of the node with this ueid. */
export function finalAcknowledgement(
  ueid: Uint8Array,
  seq: number,
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: Cmac,
): Uint8Array {
  const covered = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
  ackMacMessage(ueid, seq, covered);
  const message = new Uint8Array(ACK_MESSAGE_BYTES + tagBytes);
  writeAckMessage(seq, cmac(receiverKey, covered), tagBytes, message);
  return message;
}

/** Bytes of an acknowledgement with history in front of its answers, and behind them. */
export const HISTORY_BYTES = 6 + LORAWAN_TAG_BYTES;

/**
 * The same for what came over LoRa, where an answer may be the first in a while: bit i of `earlier` says that token seq - 1 - i is committed too.
 * `answers`: what is missing of tokens under way (wire/slot-answer.ts).
 */
export function historyAcknowledgement(
  ueid: Uint8Array,
  { seq, earlier, answers }: { seq: number; earlier: number; answers: Uint8Array },
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: Cmac,
): Uint8Array {
  const message = { ...newControlMessage(), kind: "ack" as const, seq, earlier, answersLength: answers.length };
  message.answers.set(answers);
  return sealed(ueid, message, receiverKey, tagBytes, cmac);
}

/** Parity tiles that would complete a datagram. */
export interface ParityWanted {
  rule: ParityRule;
  firstParity: number;
  tiles: number;
  /** CRC-32 of the datagram. */
  check: number;
}

/** Asks a node for parity tiles. */
export function parityRequest(
  ueid: Uint8Array,
  wanted: ParityWanted,
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: Cmac,
): Uint8Array {
  const { rule, firstParity, tiles, check } = wanted;
  return sealed(
    ueid,
    { ...newControlMessage(), kind: "parity", rule, firstParity, tiles, check },
    receiverKey,
    tagBytes,
    cmac,
  );
}

/** Asks a node for the boot token of one of its boots. */
export function bootRequest(
  ueid: Uint8Array,
  bootCount: number,
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: Cmac,
): Uint8Array {
  return sealed(ueid, { ...newControlMessage(), kind: "boot", bootCount }, receiverKey, tagBytes, cmac);
}

/** Asks a node for an anchor token with this nonce, which says that the node is there now. */
export function challenge(
  ueid: Uint8Array,
  nonce: Uint8Array,
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: Cmac,
): Uint8Array {
  const message = { ...newControlMessage(), kind: "challenge" as const, nonceLength: nonce.length };
  message.nonce.set(nonce);
  return sealed(ueid, message, receiverKey, tagBytes, cmac);
}

function sealed(
  ueid: Uint8Array,
  message: ControlMessage,
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: Cmac,
): Uint8Array {
  const covered = new Uint8Array(MAX_CONTROL_MAC_BYTES);
  const mac = cmac(receiverKey, covered.subarray(0, controlMacMessage(ueid, message, covered)));
  const bytes = new Uint8Array(MAX_CONTROL_BYTES);
  return bytes.slice(0, writeControl(message, mac, tagBytes, bytes));
}

/**
 * Tells a node's fragment sender to stop: a Receiver-Abort (RFC 8724 8.3.4.2) for a token that is refused for good, since nothing it could
 * repeat would help, or else that it is complete (RFC 8724 8.3.2). `window`: the slot of a compact token, or the window of the last tile of a whole
 * one.
 */
export function endOfSession(refused: boolean, rule: ParityRule, window: number): Uint8Array {
  const frame = new Uint8Array(2);
  if (rule === COMPACT_RULE) return frame.slice(0, writeSlotEnded(window, refused, frame, 0));
  return frame.slice(0, refused ? writeReceiverAbort(frame) : writeAck(window, true, frame, frame));
}
