/**
 * Readings that know only the uptime of their boot, placed in wall time by a signed anchor of the same boot (attestation.md): an anchor says which
 * wall time an uptime was.
 *
 *   placed time of uptime u = anchor's wall time - (anchor's uptime - u), within the anchor's uncertainty and what the node's clock drifts meanwhile
 *
 * Each batch is placed once: by the first anchor of its boot that was accepted when the batch was, or else by the first one that is accepted after it.
 * None is placed later than it was received: uptime is what a node says, and is bounded like wall time.
 */
import { type AnchorClaims, type Claims, parseToken, type TokenClaims } from "../../firmware/wire/eat-token.ts";
import { timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import { bytesToHex } from "./hex.ts";
import { type AcceptedToken, type ReceiverStore, STORED_KIND } from "./store.ts";
import { latestWithinMs } from "./time-bound.ts";

/** Batches that one anchor places: four months at eight a day. Older ones keep their uptime, and the anchor is in the store. */
export const MAX_PLACED = 1024;
/** A node's crystal, over temperature and age: 100 ppm. */
const DRIFT = 1e-4;

/** One batch, placed. */
export interface Placement {
  devEui: string;
  seq: number;
  bootCount: number;
  readings: number;
  /** Seconds between readings. */
  stepS: number;
  /** Uptime of the first reading, seconds. */
  uptimeS: number;
  /** Unix time of the first reading, milliseconds. */
  placedUnixMs: number;
  uncertaintyMs: number;
  /** SHA-256 of the batch token and of the anchor, hexadecimal. */
  token: string;
  anchor: string;
}

/** What an accepted token places: nothing, itself, or batches that came before it. `store` is looked at as it was when the token was accepted. */
export function placementsAt(
  entry: AcceptedToken,
  claims: TokenClaims,
  store: Pick<ReceiverStore, "statements">,
): Placement[] {
  const { devEui, bootCount, id } = entry;
  if (claims.kind === "batch") {
    const anchor = claims.wallTime ? undefined : firstAnchor(devEui, bootCount, id, store);
    if (anchor === undefined) return [];
    const placement = placed(entry, claims, anchor.entry, anchor.claims, entry.receivedUnixMs);
    return placement === undefined ? [] : [placement];
  }
  if (claims.kind !== "anchor" || claims.wallS === 0) return [];
  if (firstAnchor(devEui, bootCount, id, store) !== undefined) return [];
  const placements: Placement[] = [];
  const query = { kind: STORED_KIND.uptimeBatch, bootCount, beforeId: id, limit: MAX_PLACED };
  for (const batch of store.statements(devEui, query).reverse()) {
    const parsed = parseToken(batch.token);
    if (!parsed.ok || parsed.claims.kind !== "batch") continue;
    const placement = placed(batch, parsed.claims, entry, claims, batch.receivedUnixMs);
    if (placement !== undefined) placements.push(placement);
  }
  return placements;
}

/** Anchors of one boot that are looked through for one with wall time: a node answers challenges without knowing the time. */
const MAX_ANCHORS = 64;

/** The anchor with the lowest number, of those that say a wall time. */
function firstAnchor(
  devEui: string,
  bootCount: number,
  beforeId: number | undefined,
  store: Pick<ReceiverStore, "statements">,
): { entry: AcceptedToken; claims: AnchorClaims } | undefined {
  const query = { kind: STORED_KIND.anchor, bootCount, beforeId, limit: MAX_ANCHORS };
  for (const entry of store.statements(devEui, query).reverse()) {
    const parsed = parseToken(entry.token);
    if (parsed.ok && parsed.claims.kind === "anchor" && parsed.claims.wallS !== 0)
      return { entry, claims: parsed.claims };
  }
  return undefined;
}

/** Where an anchor puts a batch of its boot; undefined where that is later than `receivedUnixMs`, when the batch had come. */
export function placed(
  batch: Pick<AcceptedToken, "devEui" | "digest">,
  claims: Claims,
  anchor: Pick<AcceptedToken, "digest">,
  said: AnchorClaims,
  receivedUnixMs: number,
): Placement | undefined {
  const { t0, dt, count, seq, bootCount } = claims;
  const apartS = said.uptimeS - t0;
  const placedUnixMs = (said.wallS - apartS) * 1000;
  // Both times are whole seconds of the same instant.
  const uncertaintyMs = timeUncertaintyMs(said.timeQuality) + 1000 + Math.ceil(Math.abs(apartS) * 1000 * DRIFT);
  if (placedUnixMs + (count - 1) * dt * 1000 > latestWithinMs(receivedUnixMs, uncertaintyMs)) return undefined;
  return {
    devEui: batch.devEui,
    seq,
    bootCount,
    readings: count,
    stepS: dt,
    uptimeS: t0,
    placedUnixMs,
    uncertaintyMs,
    token: bytesToHex(batch.digest),
    anchor: bytesToHex(anchor.digest),
  };
}
