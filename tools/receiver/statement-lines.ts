/**
 * What nodes state beside readings, as JSON lines: one for each boot, digest, anchor and key token, and one for each batch that an anchor has placed in
 * time (placements.ts).
 *
 *   {"node":"…","seq":0,"statement":"boot","bootCount":3,"time":"2026-06-01T00:00:00Z","software":{"name":"weather","version":"1.4.0"},…,"token":"…"}
 *   {"node":"…","seq":9,"statement":"placement","bootCount":3,"readings":36,"step":300,"uptime":600,"time":"…","uncertaintyMs":2048,"token":"…","anchor":"…"}
 */
import type { BootClaims, TokenClaims } from "../../firmware/wire/eat-token.ts";
import { timeSourceName, timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import { bytesToHex } from "./hex.ts";
import { jwkOf } from "./jwk.ts";
import type { Placement } from "./placements.ts";
import { protectionName } from "./protection.ts";
import { isoSeconds } from "./reading-output.ts";

/** The lines of one accepted token, each ending with a line feed; "" for a batch that nothing places. */
export function statementLines(
  claims: TokenClaims,
  devEui: string,
  tokenDigestHex: string,
  placements: readonly Placement[],
): string {
  const statement = statementOf(claims);
  const all = placements.map(placementObject);
  if (statement !== undefined) all.unshift({ node: devEui, seq: claims.seq, ...statement, token: tokenDigestHex });
  return all.map((object) => `${JSON.stringify(object)}\n`).join("");
}

/** What a token states, as a plain object; undefined for a batch. */
export function statementOf(claims: TokenClaims): object | undefined {
  const { kind, bootCount } = claims;
  const head = { statement: kind, bootCount };
  switch (claims.kind) {
    case "batch":
      return undefined;
    case "boot":
      return { ...head, ...timeOf(claims.wallTime, claims.timeS), ...bootOf(claims) };
    case "digest": {
      const { firstSeq, lastSeq, digest } = claims;
      return { ...head, ...timeOf(claims.wallTime, claims.timeS), firstSeq, lastSeq, digest: bytesToHex(digest) };
    }
    case "anchor": {
      const { wallS, uptimeS, timeQuality, nonce } = claims;
      const uncertaintyMs = timeQuality === 0 ? null : timeUncertaintyMs(timeQuality);
      return {
        ...head,
        time: wallS === 0 ? null : isoSeconds(wallS),
        uptime: uptimeS,
        timeQuality: { source: timeSourceName(timeQuality), uncertaintyMs },
        ...(nonce === undefined ? {} : { nonce: bytesToHex(nonce) }),
      };
    }
    case "key": {
      const { wallS, newKey } = claims;
      return { ...head, time: wallS === 0 ? null : isoSeconds(wallS), newKey: jwkOf(newKey.alg, newKey.publicKey) };
    }
  }
}

function timeOf(wallTime: boolean, timeS: number): object {
  return wallTime ? { time: isoSeconds(timeS) } : { time: null, uptime: timeS };
}

function bootOf(claims: BootClaims): object {
  const { swname, swversion, imageDigest, location, sensors } = claims;
  const image = imageDigest === undefined ? {} : { image: bytesToHex(imageDigest) };
  return {
    software: { name: swname, version: swversion, ...image },
    maker: bytesToHex(claims.oemid),
    model: bytesToHex(claims.hwmodel),
    debug: claims.dbgstat,
    profile: claims.profile.uri,
    protection: protectionName(claims.protection),
    // Members that are undefined are left out.
    ...(location === undefined ? {} : { location }),
    sensors,
  };
}

function placementObject(placement: Placement): object {
  const { devEui, seq, bootCount, readings, stepS, uptimeS, placedUnixMs, uncertaintyMs, token, anchor } = placement;
  return {
    node: devEui,
    seq,
    statement: "placement",
    bootCount,
    readings,
    step: stepS,
    uptime: uptimeS,
    time: isoSeconds(Math.floor(placedUnixMs / 1000)),
    uncertaintyMs,
    token,
    anchor,
  };
}
