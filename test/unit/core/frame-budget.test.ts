/** "Closed when its frames are full": the room that a batch is given is what the fragment sender then makes of it. */
import { equal, ok } from "node:assert/strict";
import { tokenBytesIn } from "../../../firmware/core/frame-budget.ts";
import { FragmentSender } from "../../../firmware/core/uplink/fragment-sender.ts";
import { COMPACT_RULE } from "../../../firmware/wire/parity-frame.ts";
import { MAX_SLOT_BYTES } from "../../../firmware/wire/slot-fragment.ts";

const SHORTEST = 11;
const LONGEST = 242;
const MANY = 400;

/** Frames in which a token of so many bytes goes, with an answer that ends it; those that ask are not part of it. */
function framesOf(sender: FragmentSender, length: number, frameBytes: number): number {
  sender.start(sender.workspace, length, COMPACT_RULE, 0);
  let frames = 0;
  while (sender.wantsToSend && frames < MANY) {
    const sent = sender.nextFrame(frameBytes);
    ok(sent > 0 && sent <= frameBytes);
    frames++;
    if (isLast(sender, sent)) break;
    sender.sent(0, false);
  }
  sender.confirmed();
  return frames;
}

/** A token in one frame, or an All-1. */
function isLast({ port, frame }: FragmentSender, length: number): boolean {
  return port === 30 || (port === 20 && length > 1 && (frame[0] & 63) === 63);
}

describe("frame budget", () => {
  it("tokenBytesIn is the longest token that the fragment sender puts into so many frames, whatever their length", () => {
    const sender = new FragmentSender({ downlinks: true });
    for (let frameBytes = SHORTEST; frameBytes <= LONGEST; frameBytes++) {
      let frames = 1;
      for (let length = 1; length <= MAX_SLOT_BYTES; length++) {
        const needed = framesOf(sender, length, frameBytes);
        ok(needed >= frames, `${length} bytes in frames of ${frameBytes}`);
        for (; frames < needed; frames++)
          equal(tokenBytesIn(frames, frameBytes), length - 1, `${frames} frames of ${frameBytes}`);
      }
      equal(tokenBytesIn(frames, frameBytes), MAX_SLOT_BYTES, `${frames} frames of ${frameBytes}`);
    }
  });
});
