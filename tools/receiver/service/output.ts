/**
 * Where accepted tokens go, each in a form of its own. An output never keeps tokens for itself: it notes up to which it has got, and one that
 * falls behind (a full disk, a broker that is away) reads on from the store when it can again. So memory is bounded, nothing is left out, and a
 * receiver that was killed goes on where its outputs stood.
 *
 *      +---------+  cannot write, or too much is under way   +--------+
 *      | current | ----------------------------------------> | behind |
 *      +---------+ <---------------------------------------- +--------+
 *                    the store has nothing that it lacks
 */
import type { Claims, TokenClaims } from "../../../firmware/wire/eat-token.ts";
import type { Placement } from "../placements.ts";
import type { OutputPosition } from "../sqlite-store.ts";
import type { AcceptedToken } from "../store.ts";

/** ASCII for one token, bytes being good until the next call; undefined when there is nothing to say of it in this form. */
export type TokenFormat = (
  claims: TokenClaims,
  devEui: string,
  tokenDigestHex: string,
  placements: readonly Placement[],
) => string | Uint8Array | undefined;

/** A form that has readings only. */
export function ofReadings(
  format: (claims: Claims, devEui: string, tokenDigestHex: string) => string | Uint8Array | undefined,
): TokenFormat {
  return (claims, devEui, digestHex) => (claims.kind === "batch" ? format(claims, devEui, digestHex) : undefined);
}

export interface Output {
  readonly name: string;
  /** Id of the last token that this output has taken. */
  readonly taken: number;
  /** True while it wants tokens from the store instead of new ones. */
  readonly behind: boolean;
  /** True when it can take tokens from the store now. */
  readonly ready: boolean;
  /** Why it cannot write, for people; undefined while it can. */
  readonly problem: string | undefined;
  /** An accepted token, and what it places in time; a new one only while not behind. */
  add(token: AcceptedToken, claims: TokenClaims, placements: readonly Placement[]): void;
  /** All tokens up to `lastId` have been added. */
  endBatch(lastId: number): void;
  /** It has everything that the store has. */
  caughtUp(): void;
  /** Up to where everything would survive a crash, to be kept in the store; undefined when that has not changed. */
  position(): OutputPosition | undefined;
  /** The same at the end, when there is time to wait for the disk; undefined for an output that has no place to go on from. */
  finalPosition(): OutputPosition | undefined;
  /** After the position was kept. */
  close(): void;
}
