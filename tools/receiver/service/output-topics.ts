/**
 * Verified readings as MQTT messages: `{prefix}/{devEui}/reading`, a JSON object each, at QoS 1; and what else nodes state: `{prefix}/{devEui}/statement`.
 * A token counts as taken when the broker has acknowledged all its messages, so each is published at least once; after a restart the last ones may
 * come a second time.
 */
import type { TokenClaims } from "../../../firmware/wire/eat-token.ts";
import { bytesToHex } from "../hex.ts";
import type { Placement } from "../placements.ts";
import { ReadingLines } from "../reading-lines.ts";
import type { OutputPosition } from "../sqlite-store.ts";
import { statementLines } from "../statement-lines.ts";
import type { AcceptedToken } from "../store.ts";
import type { Output } from "./output.ts";

/** Publishes at QoS 1; `done` when the broker has it, with an error when it will not be known. */
export type Publish = (topic: string, payload: string, done: (error?: Error) => void) => void;

/** Messages that the broker has not acknowledged yet: 57 tokens of 36 readings, a megabyte. */
const MAX_UNDER_WAY = 2048;

interface UnderWay {
  messages: number;
  /** Set at the end of the batch of which it is the last. */
  id: number | undefined;
}

export class OutputTopics implements Output {
  readonly name: string;
  taken: number;
  behind: boolean;
  problem: string | undefined;
  readonly #lines = new ReadingLines();
  readonly #prefix: string;
  readonly #publish: Publish;
  readonly #connected: () => boolean;
  /** Batches in order. */
  #queue: UnderWay[] = [];
  #batch: UnderWay = { messages: 0, id: undefined };
  #underWay = 0;
  /** Counts up when what is under way is given up. */
  #generation = 0;
  #kept: number;

  constructor(
    prefix: string,
    publish: Publish,
    connected: () => boolean,
    known: OutputPosition | undefined,
    lastId: number,
  ) {
    this.name = "publish";
    this.#prefix = prefix;
    this.#publish = publish;
    this.#connected = connected;
    this.taken = known?.token ?? lastId;
    this.#kept = known?.token ?? -1;
    this.behind = this.taken < lastId;
  }

  /** What was given out before must have arrived first: `taken` is where the store is read from. */
  get ready(): boolean {
    return this.#connected() && this.#queue.length === 0;
  }

  add(token: AcceptedToken, claims: TokenClaims, placements: readonly Placement[]): void {
    const digestHex = bytesToHex(token.digest);
    if (claims.kind === "batch") {
      const bytes = this.#lines.of(claims, token.devEui, digestHex);
      const text = Buffer.from(bytes.buffer, 0, bytes.length).toString("latin1");
      this.#publishLines(`${this.#prefix}/${token.devEui}/reading`, text);
    }
    if (claims.kind === "batch" && placements.length === 0) return;
    this.#publishLines(
      `${this.#prefix}/${token.devEui}/statement`,
      statementLines(claims, token.devEui, digestHex, placements),
    );
  }

  endBatch(lastId: number): void {
    this.#batch.id = lastId;
    this.#queue.push(this.#batch);
    this.#batch = { messages: 0, id: undefined };
    this.#advance();
    if (this.#underWay > MAX_UNDER_WAY || !this.#connected()) this.behind = true;
  }

  caughtUp(): void {
    this.behind = false;
  }

  position(): OutputPosition | undefined {
    if (this.#kept === this.taken) return undefined;
    this.#kept = this.taken;
    return this.finalPosition();
  }

  finalPosition(): OutputPosition {
    return { token: this.taken, length: 0, tail: "" };
  }

  close(): void {}

  #publishLines(topic: string, text: string): void {
    const batch = this.#batch;
    const generation = this.#generation;
    for (const line of text.split("\n")) {
      if (line === "") continue;
      batch.messages++;
      this.#underWay++;
      this.#publish(topic, line, (error) => {
        if (generation !== this.#generation) return;
        if (error === undefined) this.#arrived(batch);
        else this.#giveUp(error.message);
      });
    }
  }

  #arrived(batch: UnderWay): void {
    batch.messages--;
    this.#underWay--;
    this.problem = undefined;
    this.#advance();
  }

  #advance(): void {
    while (this.#queue.length > 0 && this.#queue[0].messages === 0) this.taken = this.#queue.shift()!.id!;
  }

  /** All that is under way is read from the store again. */
  #giveUp(problem: string): void {
    this.problem = problem;
    this.#generation++;
    this.#queue = [];
    this.#batch = { messages: 0, id: undefined };
    this.#underWay = 0;
    this.behind = true;
  }
}
