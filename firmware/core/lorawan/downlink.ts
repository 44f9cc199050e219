/**
 * What came in a receive window: is it ours, and what does it bring? TS001-1.0.4 4.3.1.5 (counters), 4.4 (MIC), 6.2.6 (join accept). Nothing of
 * the device's state changes before the MIC is right and the counter new.
 */
import type { FrameCodec } from "../../wire/lorawan-codec.ts";
import {
  MAX_FRAME_BYTES,
  NO_PORT,
  newDataFrame,
  newJoinAccept,
  nextFrameCounter,
  parseDataFrame,
} from "../../wire/lorawan-frame.ts";
import type { MacAnswers } from "./answers.ts";
import type { CommandHandler } from "./command-handler.ts";
import type { Join } from "./join.ts";
import type { Session } from "./session.ts";
import type { Uplink } from "./uplink.ts";

/** FPort of MAC commands, which never reach the application. */
const MAC_PORT = 0;

export class Downlink {
  readonly #session: Session;
  readonly #answers: MacAnswers;
  readonly #codec: FrameCodec;
  readonly #join: Join;
  readonly #handler: CommandHandler;
  readonly #parsed = newDataFrame();
  /** For the application: port, or NO_PORT when there is nothing. */
  port = NO_PORT;
  readonly payload = new Uint8Array(MAX_FRAME_BYTES);
  payloadLength = 0;
  acknowledged = false;
  fPending = false;

  constructor(session: Session, answers: MacAnswers, codec: FrameCodec, join: Join, handler: CommandHandler) {
    this.#session = session;
    this.#answers = answers;
    this.#codec = codec;
    this.#join = join;
    this.#handler = handler;
  }

  /** True when `frame` is the accept of our join request: then the new session stands, with its keys. */
  takeJoinAccept(frame: Uint8Array, length: number, uplink: Uplink, dataRate: number): boolean {
    // Made for the moment: a device joins once in a long while.
    const accept = newJoinAccept();
    if (!this.#codec.readJoinAccept(frame, length, accept) || !this.#join.isFresh(accept.joinNonce)) return false;
    this.#join.succeeded(accept.joinNonce);
    this.#session.begin(accept, uplink.devNonce, dataRate);
    this.#answers.clear();
    uplink.owesAck = false;
    this.#codec.deriveSessionKeys(accept.joinNonce, accept.netId, uplink.devNonce);
    return true;
  }

  /** True when `frame` is a data frame for us that was not taken before; then its counter, answers and commands are dealt with. */
  takeData(frame: Uint8Array, length: number, snrDb: number, uplink: Uplink): boolean {
    const parsed = this.#parsed;
    const session = this.#session;
    if (!parseDataFrame(frame, length, parsed) || parsed.uplink || parsed.devAddr !== session.devAddr) return false;
    const fCnt = nextFrameCounter(session.fCntDown, parsed.fCnt16);
    if (fCnt < 0 || !this.#codec.checkDataMic(frame, parsed, fCnt)) return false;
    session.fCntDown = fCnt;
    session.uplinksSinceDownlink = 0;
    this.acknowledged = parsed.ack;
    this.fPending = parsed.fPending;
    if (parsed.confirmed) uplink.owesAck = true;
    this.#answers.clear();
    this.#handler.begin();
    this.#handler.process(frame, parsed.fOptsAt, parsed.fOptsAt + parsed.fOptsLength, snrDb);
    this.port = NO_PORT;
    if (parsed.fPort === MAC_PORT) {
      const commands = this.#codec.scratch;
      this.#handler.process(commands, 0, this.#codec.decryptPayload(frame, parsed, fCnt, commands), snrDb);
    } else if (parsed.fPort !== NO_PORT) {
      this.port = parsed.fPort;
      this.payloadLength = this.#codec.decryptPayload(frame, parsed, fCnt, this.payload);
    }
    return true;
  }
}
