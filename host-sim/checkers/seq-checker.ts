/**
 * Is a token's sequence number ever used for different contents? It looks at tokens as they travel: whole ones on Wi-Fi, and on LoRaWAN it puts them
 * together from the fragments in the air (RFC 8724, wire/schc-fragment.ts) as soon as their check is right.
 */
import { crc32 } from "../../firmware/wire/crc32.ts";
import { parseToken } from "../../firmware/wire/eat-token.ts";
import { newFragment, parseFragment, TILE_BYTES, TOKEN_FPORT } from "../../firmware/wire/schc-fragment.ts";
import { toHex } from "../network/text-encoding.ts";
import type { AirFrame } from "./air-sessions.ts";

export class SeqChecker {
  readonly violations: string[] = [];
  /** Tokens seen whole, repeats not counted. */
  tokens = 0;
  #bySeq = new Map<string, string>();
  /** Tiles of the datagram under way, by device. */
  #tiles = new Map<string, Uint8Array[]>();
  #fragment = newFragment();

  /** A data frame of a device. */
  sent({ kind, devEui, parsed, payload }: AirFrame): void {
    if (kind !== "up" || parsed.fPort !== TOKEN_FPORT) return;
    const fragment = this.#fragment;
    if (!parseFragment(payload, parsed.payloadLength, fragment)) return;
    const { payloadOffset, payloadLength, firstTile } = fragment;
    const content = payload.slice(payloadOffset, payloadOffset + payloadLength);
    if (fragment.kind === "all-1") this.#last(devEui, content, fragment.check);
    if (fragment.kind !== "regular") return;
    const tiles = this.#tiles.get(devEui) ?? [];
    this.#tiles.set(devEui, tiles);
    for (let at = 0; at < content.length; at += TILE_BYTES) {
      tiles[firstTile + at / TILE_BYTES] = content.subarray(at, at + TILE_BYTES);
    }
  }

  /** A whole token, as it travels on Wi-Fi. */
  token(devEui: string, bytes: Uint8Array): void {
    const parsed = parseToken(bytes);
    if (!parsed.ok) {
      this.violations.push(`${devEui}: a token that is none: ${parsed.reason}`);
      return;
    }
    const name = `${devEui} seq ${parsed.claims.seq}`;
    const contents = toHex(bytes);
    const before = this.#bySeq.get(name);
    if (before === undefined) this.tokens++;
    else if (before !== contents) this.violations.push(`${name} twice, with different contents`);
    this.#bySeq.set(name, contents);
  }

  /** The last tile says how long the datagram is only by its check: every length that is there is tried. */
  #last(devEui: string, lastTile: Uint8Array, check: number): void {
    const tiles = this.#tiles.get(devEui) ?? [];
    const datagram: number[] = [];
    for (let count = 0; ; count++) {
      const whole = new Uint8Array([...datagram, ...lastTile]);
      if (crc32(whole, 0, whole.length) === check) {
        this.token(devEui, whole);
        return;
      }
      if (tiles[count] === undefined) return;
      datagram.push(...tiles[count]);
    }
  }
}
