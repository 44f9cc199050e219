/**
 * The receiver's final acknowledgement of a token: the only thing that trims a node's outbox (attestation.md). It is made after the store has
 * committed, and carries a tag under the key shared by that node and its receiver. And what ends a fragmentation session without one.
 */
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  MAX_CONTROL_BYTES,
  type TagBytes,
  writeAckMessage,
} from "../../firmware/wire/control-message.ts";
import { writeAck, writeReceiverAbort } from "../../firmware/wire/schc-fragment.ts";
import type { ReceiverCrypto } from "./crypto.ts";

/** The control message that acknowledges token `seq` of the node with this ueid. */
export function finalAcknowledgement(
  ueid: Uint8Array,
  seq: number,
  receiverKey: Uint8Array,
  tagBytes: TagBytes,
  cmac: ReceiverCrypto["cmac"],
): Uint8Array {
  const covered = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
  ackMacMessage(ueid, seq, covered);
  const message = new Uint8Array(MAX_CONTROL_BYTES);
  return message.slice(0, writeAckMessage(seq, cmac(receiverKey, covered), tagBytes, message));
}

/**
 * Tells a node's fragment sender to stop: a Receiver-Abort (RFC 8724 8.3.4.2) for a token that is refused for good, since nothing it could
 * repeat would help, or else an ACK with C = 1 (RFC 8724 8.3.2) for the window of the last tile.
 */
export function endOfSession(refused: boolean, window: number): Uint8Array {
  const frame = new Uint8Array(2);
  return frame.slice(0, refused ? writeReceiverAbort(frame) : writeAck(window, true, frame, frame));
}
