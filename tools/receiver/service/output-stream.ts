/** An output to whoever reads along, as on standard output: it gets what is accepted from now on, and nothing twice. */
import type { TokenClaims } from "../../../firmware/wire/eat-token.ts";
import { bytesToHex } from "../hex.ts";
import type { Placement } from "../placements.ts";
import type { AcceptedToken } from "../store.ts";
import type { Output, TokenFormat } from "./output.ts";

export class OutputStream implements Output {
  readonly name: string;
  taken: number;
  readonly behind = false;
  readonly ready = true;
  readonly problem = undefined;
  readonly #format: TokenFormat;
  readonly #write: (text: string) => void;
  #text = "";

  constructor(name: string, format: TokenFormat, write: (text: string) => void, lastId: number) {
    this.name = name;
    this.#format = format;
    this.#write = write;
    this.taken = lastId;
  }

  add(token: AcceptedToken, claims: TokenClaims, placements: readonly Placement[]): void {
    const text = this.#format(claims, token.devEui, bytesToHex(token.digest), placements) ?? "";
    this.#text += typeof text === "string" ? text : Buffer.from(text).toString("latin1");
  }

  endBatch(lastId: number): void {
    this.#write(this.#text);
    this.#text = "";
    this.taken = lastId;
  }

  caughtUp(): void {}

  position(): undefined {
    return undefined;
  }

  finalPosition(): undefined {
    return undefined;
  }

  close(): void {}
}
