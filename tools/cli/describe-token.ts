/** What a token says, in a few words for people. */
import type { TokenClaims } from "../../firmware/wire/eat-token.ts";
import { timeSourceName, timeUncertaintyMs } from "../../firmware/wire/time-quality.ts";
import { bytesToHex } from "../receiver/hex.ts";
import { protectionName } from "../receiver/protection.ts";
import { isoSeconds } from "../receiver/reading-output.ts";

export function describeToken(claims: TokenClaims): string {
  switch (claims.kind) {
    case "batch":
      return `${claims.count} readings`;
    case "boot":
      return `boot ${claims.bootCount} of ${claims.swname} ${claims.swversion}, key in ${protectionName(claims.protection)}`;
    case "digest":
      return `digest of ${claims.firstSeq} to ${claims.lastSeq}`;
    case "anchor": {
      const { wallS, uptimeS, bootCount, timeQuality, nonce } = claims;
      const time =
        wallS === 0
          ? "time not known"
          : `${isoSeconds(wallS)} by ${timeSourceName(timeQuality)} within ${timeUncertaintyMs(timeQuality) / 1000} s`;
      const asked = nonce === undefined ? "" : `, asked by ${bytesToHex(nonce)}`;
      return `uptime ${uptimeS} s of boot ${bootCount}: ${time}${asked}`;
    }
    case "key":
      return `a new key from seq ${claims.seq + 1} on`;
  }
}
