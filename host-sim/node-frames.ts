/**
 * The frames that a node makes of a token, from the very code that makes them (core/uplink/fragment-sender.ts): for whoever reckons with a node
 * instead of running one.
 */
import { tokenBytesIn } from "../firmware/core/frame-budget.ts";
import { FragmentSender } from "../firmware/core/uplink/fragment-sender.ts";
import { COMPACT_RULE, PARITY_FPORT, PARITY_HEADER_BYTES } from "../firmware/wire/parity-frame.ts";
import { TILE_BYTES, TOKEN_FPORT } from "../firmware/wire/schc-fragment.ts";
import { SLOT_ALL_1_HEADER_BYTES } from "../firmware/wire/slot-fragment.ts";

export { tokenBytesIn };

export interface NodeFrame {
  /** Application bytes. */
  payload: number;
  /**
   * whole: the token in one frame; tiles: some of its tiles; all-1: the last of those, with length or check; parity: tiles that stand for any
   * other ones, and all that the all-1 says unless `bare`.
   */
  kind: "whole" | "tiles" | "all-1" | "parity";
  /** How many tiles of the token it carries, or parity tiles. */
  tiles: number;
  bare: boolean;
}

/** Bytes in front of the tiles of an all-1 under RuleID 32. */
const ALL_1_HEADER_BYTES = 5;
/** No token takes so many frames: the longest has 103 tiles. */
const FRAMES_MAX = 400;

/**
 * What goes out when nothing is lost and nothing answers, of a token of `bytes` where a frame takes `maxPayload`. Empty: no frame can carry it. Without
 * `downlinks` that includes the parity, or the copies, that go ahead of any request.
 */
export function nodeFrames(bytes: number, maxPayload: number, compact: boolean, downlinks: boolean): NodeFrame[] {
  const sender = new FragmentSender({ downlinks });
  sender.start(new Uint8Array(bytes), bytes, compact ? COMPACT_RULE : TOKEN_FPORT, 0);
  const frames: NodeFrame[] = [];
  while (sender.wantsToSend && frames.length < FRAMES_MAX) {
    const payload = sender.nextFrame(maxPayload);
    if (payload === 0) return [];
    frames.push(frameOf(sender.port, payload, compact));
    sender.sent(0, false);
  }
  const all1 = frames.filter(({ kind }) => kind === "tiles").at(-1);
  if (all1 !== undefined) {
    all1.kind = "all-1";
    all1.tiles = Math.ceil((all1.payload - (compact ? SLOT_ALL_1_HEADER_BYTES : ALL_1_HEADER_BYTES)) / TILE_BYTES);
  }
  return frames;
}

function frameOf(port: number, payload: number, compact: boolean): NodeFrame {
  if (port !== PARITY_FPORT) {
    const whole = compact && port !== COMPACT_RULE;
    return {
      payload,
      kind: whole ? "whole" : "tiles",
      tiles: whole ? 0 : Math.ceil((payload - 1) / TILE_BYTES),
      bare: true,
    };
  }
  // A parity frame without the header has one tile and a byte; one with it has 7 bytes more than tiles.
  const bare = payload % TILE_BYTES !== PARITY_HEADER_BYTES;
  return { payload, kind: "parity", tiles: Math.floor(payload / TILE_BYTES), bare };
}
