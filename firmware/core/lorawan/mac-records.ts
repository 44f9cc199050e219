/**
 * What the machine keeps: through deep sleep everything, as one state record; through a power cut five small values on flash.
 *
 *   lw.join   DevNonce and JoinNonce: before each join request
 *   lw.sess   the session: when a join or a MAC command changed it
 *   lw.up     the session's name (its DevNonce) and the first FCntUp that is not reserved: once in FCNT_BLOCK uplinks
 *   lw.down   the session's name and the last FCntDown: before a downlink is acted on
 *   lw.duty   how much of each duty cycle may be spent: see duty-cycle.ts
 *
 * A counter of another session than lw.sess is worth nothing: so that a join needs one write only, whole or not at all. After a power cut the
 * uplinks go on behind the block, and the keys are derived again from what lw.sess says.
 */
import type { FrameCodec } from "../../wire/lorawan-codec.ts";
import { StateReader, StateWriter } from "../../wire/state-record.ts";
import type { MacAnswers } from "./answers.ts";
import { DUTY_KEY, type DutyCycle } from "./duty-cycle.ts";
import { type Join, NONCES_KEY, readBig, writeBig } from "./join.ts";
import { NO_COUNTER, type Session } from "./session.ts";

export const SESSION_KEY = "lw.sess";
export const UP_KEY = "lw.up";
export const DOWN_KEY = "lw.down";

/** One write to flash for so many uplinks; so many counters at most are lost at a power cut. */
export const FCNT_BLOCK = 64;

/** Tag and version of the session on flash. */
const SESSION_TAG = 0x53;
const SESSION_VERSION = 1;
const COUNTER_BYTES = 6;
/** The session of a region with 16 channels takes 240 bytes; a codec works in the same bytes, and needs 271. */
export const RECORD_BYTES = 320;

/** Writes the session's record; returns its length. */
export function writeSession(session: Session, answers: MacAnswers, into: Uint8Array): number {
  const writer = new StateWriter(into, 0, SESSION_TAG, SESSION_VERSION);
  session.save(writer);
  answers.save(writer);
  return writer.finish();
}

/** Writes a counter under the session's name; returns the length. */
export function writeCounter(session: Session, counter: number, into: Uint8Array): number {
  into[0] = session.devNonce >>> 8;
  into[1] = session.devNonce & 0xff;
  writeBig(into, 2, counter);
  return COUNTER_BYTES;
}

function readCounter(bytes: Uint8Array, length: number, session: Session): number {
  const isOurs = length === COUNTER_BYTES && ((bytes[0] << 8) | bytes[1]) === session.devNonce;
  return isOurs ? readBig(bytes, 2) : NO_COUNTER;
}

/** Who takes up the records. */
export interface RecordOwners {
  session: Session;
  answers: MacAnswers;
  join: Join;
  codec: FrameCodec;
  dutyCycle: DutyCycle;
  /** The address of a personalised device, and the data rate that it begins at. */
  abpDevAddr: number | undefined;
  firstDataRate: number;
}

/**
 * Takes up what a power cut left on flash. `read` copies a value into the buffer and returns its length, or -1. A personalised device's session
 * counts on where it was for as long as its address is the same (6.3: its counters never begin anew).
 */
export function loadRecords(
  read: (key: string, into: Uint8Array) => number,
  owners: RecordOwners,
  nowMs: number,
): void {
  const { session, answers, join, codec, dutyCycle, abpDevAddr, firstDataRate } = owners;
  const bytes = codec.scratch;
  if (read(SESSION_KEY, bytes) > 0) {
    const reader = new StateReader(bytes, 0, SESSION_TAG, SESSION_VERSION);
    if (reader.valid && session.restore(reader)) {
      answers.restore(reader);
      // The others were for one uplink, and that uplink may have been sent.
      answers.keepSticky();
    }
  }
  dutyCycle.readRecord(bytes, read(DUTY_KEY, bytes), nowMs);
  const noncesLength = read(NONCES_KEY, bytes);
  join.readRecord(bytes, noncesLength, session.isJoinedOverTheAir ? session.joinNonce : -1);
  if (abpDevAddr !== undefined && !session.isPersonalised(abpDevAddr)) {
    answers.clear();
    session.personalise(abpDevAddr, firstDataRate);
  } else if (abpDevAddr === undefined && !session.isJoinedOverTheAir) {
    session.joined = false;
    return;
  }
  if (session.isJoinedOverTheAir) codec.deriveSessionKeys(session.joinNonce, session.netId, session.devNonce);
  const reserved = readCounter(bytes, read(UP_KEY, bytes), session);
  session.fCntUp = Math.max(reserved, 0);
  session.fCntUpReserved = session.fCntUp;
  session.fCntDown = readCounter(bytes, read(DOWN_KEY, bytes), session);
}
