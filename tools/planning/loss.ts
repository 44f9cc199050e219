/**
 * What loss costs, as expectations: each frame is lost with the same chance, up and down, independently of the others.
 *
 * With downlinks what is missing is sent again until all is there, so that n frames cost n / (1 - p) transmissions, in as many rounds as the unluckiest
 * of them needs. A question is answered, and the answer heard, with the chance (1 - p)^2. The last frame of a token is a question.
 *
 *   compact tokens (RuleID 20)  wait for what the answer to the next token says of them (core/uplink/set-aside.ts), so that no acknowledgement
 *                               is asked for by itself; only where something is missing and its first question failed, or in the rounds that
 *                               follow, the last frame is sent again as a question
 *   whole tokens (RuleID 32)    insist: an ACK REQ of one byte in each round until it is answered
 *
 * Without downlinks nothing is repeated; what goes out ahead of any request is fixed (AHEAD_PARITY_PERCENT), and the chance that a token arrives
 * follows.
 */
import type { NodeFrame } from "../../host-sim/node-frames.ts";

const NEGLIGIBLE = 1e-9;

export interface Repair {
  /** Times that each of the token's own frames is sent. */
  transmissions: number;
  /** Further questions. */
  questions: number;
  /** Downlinks that the network sends, and that the node hears. */
  downlinks: number;
  heard: number;
  /** How often the token waits for the next one's answer, or for the time of an ACK REQ. */
  waits: number;
}

/** Rounds until each of `frames` frames has come through once: the expectation of the largest of so many geometric numbers. */
export function expectedRounds(frames: number, loss: number): number {
  let rounds = 1;
  for (let missing = loss; missing > NEGLIGIBLE; missing *= loss) rounds += 1 - (1 - missing) ** frames;
  return rounds;
}

/** A token of `frames` frames whose receiver answers. */
export function repairWithAnswers(frames: number, loss: number, compact: boolean): Repair {
  const answered = (1 - loss) ** 2;
  const again = expectedRounds(frames, loss) - 1;
  if (!compact) {
    const questions = (1 + again) / answered - 1;
    return {
      transmissions: 1 / (1 - loss),
      questions,
      downlinks: (1 + again) / (1 - loss),
      heard: 1 + again,
      waits: again / answered,
    };
  }
  if (frames === 1) {
    // The next token's answer says that it is missing, and then it is sent again.
    return { transmissions: 1 / (1 - loss), questions: 0, downlinks: 1, heard: 1 - loss, waits: again };
  }
  const first = 1 - (1 - loss) ** frames;
  const later = again - first;
  return {
    transmissions: 1 / (1 - loss),
    questions: (first * (1 - answered) + later) / answered,
    downlinks: 1 + again / (1 - loss),
    heard: 1 - loss + again,
    waits: first * (1 - answered) + later,
  };
}

/** The chance that a token arrives whose frames go out once each: enough tiles, and one frame that says what they are of. */
export function deliveryChance(frames: readonly NodeFrame[], loss: number): number {
  const whole = frames.filter(({ kind }) => kind === "whole");
  if (whole.length > 0) return 1 - loss ** whole.length;
  const needed = frames.reduce((sum, { kind, tiles }) => sum + (kind === "parity" ? 0 : tiles), 0);
  // By whether length and check are known: the chance of so many tiles.
  let unknown = [1];
  let known: number[] = [0];
  for (const { kind, tiles, bare } of frames) {
    const names = kind === "all-1" || (kind === "parity" && !bare);
    const size = known.length + tiles;
    const nextUnknown = new Array<number>(size).fill(0);
    const nextKnown = new Array<number>(size).fill(0);
    for (let got = 0; got < known.length; got++) {
      nextUnknown[got] += loss * unknown[got];
      nextKnown[got] += loss * known[got];
      nextKnown[got + tiles] += (1 - loss) * known[got];
      (names ? nextKnown : nextUnknown)[got + tiles] += (1 - loss) * unknown[got];
    }
    unknown = nextUnknown;
    known = nextKnown;
  }
  return known.slice(needed).reduce((sum, chance) => sum + chance, 0);
}
