/** All outputs of a receiver together: hands each accepted token to those that are current, and lets the others read on from the store. */
import { parseToken, type TokenClaims } from "../../../firmware/wire/eat-token.ts";
import { placementsAt } from "../placements.ts";
import type { OutputPosition, SqliteStore } from "../sqlite-store.ts";
import type { AcceptedToken } from "../store.ts";
import type { Output } from "./output.ts";

type Accounts = Parameters<SqliteStore["keep"]>[1];
type Outcomes = Parameters<SqliteStore["keep"]>[2];

/** Tokens read from the store in one go: some 10 ms of work, after which messages are heard again. */
const CHUNK = 64;

export class Outputs {
  readonly #store: SqliteStore;
  readonly #report: (text: string) => void;
  #outputs: Output[] = [];
  #problems = new Map<string, string>();

  /** `report` gets what an operator should know: an output that cannot write, and its recovery. */
  constructor(store: SqliteStore, report: (text: string) => void) {
    this.#store = store;
    this.#report = report;
  }

  /** Adds an output, and notes where it begins. */
  add(output: Output): void {
    this.#outputs.push(output);
    this.checkpoint();
  }

  handOn(token: AcceptedToken, claims: TokenClaims): void {
    if (this.#outputs.every(({ behind }) => behind)) return;
    const placements = placementsAt(token, claims, this.#store);
    for (const output of this.#outputs) if (!output.behind) output.add(token, claims, placements);
  }

  endBatch(): void {
    for (const output of this.#outputs) if (!output.behind) output.endBatch(this.#store.lastId);
    this.#reportProblems();
  }

  /** One step for those that are behind. Returns true when there is more to do at once. */
  catchUp(): boolean {
    let more = false;
    for (const output of this.#outputs) {
      if (!output.behind || !output.ready) continue;
      const tokens = this.#store.tokensAfter(output.taken, CHUNK);
      if (tokens.length === 0) {
        output.caughtUp();
        continue;
      }
      for (const token of tokens) {
        const parsed = parseToken(token.token);
        // Accepted by an earlier version that knew another form: nothing that this one could say of it.
        if (parsed.ok) output.add(token, parsed.claims, placementsAt(token, parsed.claims, this.#store));
      }
      output.endBatch(tokens[tokens.length - 1].id);
      more ||= output.problem === undefined && output.ready;
    }
    this.#reportProblems();
    return more;
  }

  /** Keeps in the store where the outputs have got to, counters of nodes, and what came of digest tokens. */
  checkpoint(accounts: Accounts = [], outcomes: Outcomes = []): void {
    this.#keep((output) => output.position(), accounts, outcomes);
  }

  /** The same for the last time. */
  close(accounts: Accounts, outcomes: Outcomes = []): void {
    this.#keep((output) => output.finalPosition(), accounts, outcomes);
    for (const output of this.#outputs) output.close();
  }

  /** How many tokens each output lacks. */
  backlog(): { name: string; tokens: number }[] {
    return this.#outputs.map(({ name, taken }) => ({ name, tokens: Math.max(0, this.#store.lastId - taken) }));
  }

  #keep(positionOf: (output: Output) => OutputPosition | undefined, accounts: Accounts, outcomes: Outcomes): void {
    const positions = new Map<string, OutputPosition>();
    for (const output of this.#outputs) {
      const position = positionOf(output);
      if (position !== undefined) positions.set(output.name, position);
    }
    const failure = this.#store.keep(positions, accounts, outcomes);
    if (failure !== undefined) this.#report(`the store cannot be written: ${failure}`);
  }

  #reportProblems(): void {
    for (const { name, problem } of this.#outputs) {
      if (problem === this.#problems.get(name)) continue;
      if (problem === undefined) {
        this.#problems.delete(name);
        this.#report(`${name}: can be written again; what it lacks follows from the store`);
      } else {
        this.#problems.set(name, problem);
        this.#report(`${name}: cannot be written (${problem}); tokens are kept in the store until it can`);
      }
    }
  }
}
