/**
 * The simulation's own account of every reading: what each node took, which token it went into, and whether the receiver verified just that.
 * The receiver knows nothing of it.
 */
import { type Claims, parseToken, readingTimeS, type TokenClaims } from "../../firmware/wire/eat-token.ts";
import { missingFlag } from "../../firmware/wire/profile.ts";
import type { Reading } from "../../firmware/wire/reading-record.ts";
import type { Gap } from "./summary.ts";

interface NodeLedger {
  name: string;
  /** Readings taken and not verified yet: flags and values, by boot and time. */
  open: Map<string, Int32Array>;
  /** Readings in each token that is not verified yet, by seq. */
  tokens: Map<number, number>;
  /** Tokens that the node gave up. */
  givenUp: Set<number>;
}

/** What a node can show of what is not verified. */
export interface Holdings {
  holdsToken(seq: number): boolean;
  journalledReadings: number;
  /** Readings that found no room on flash. */
  readingsLost: number;
}

export class Ledger {
  readingsTaken = 0;
  readingsVerified = 0;
  /** Tokens with readings. */
  tokensSent = 0;
  tokensVerified = 0;
  /** Tokens without: of boots, days, times and keys. */
  statementsSent = 0;
  statementsVerified = 0;
  /** Verified readings that no node took as they are: there must be none. */
  readingsWrong = 0;
  #nodes: NodeLedger[];

  constructor(names: readonly string[]) {
    this.#nodes = names.map((name) => ({ name, open: new Map(), tokens: new Map(), givenUp: new Set() }));
  }

  taken(node: number, reading: Reading): void {
    const { bootCount, wallS, uptimeS, flags, values } = reading;
    const record = new Int32Array(values.length + 1);
    record[0] = flags;
    record.set(values, 1);
    this.#nodes[node].open.set(key(bootCount, wallS > 0, wallS > 0 ? wallS : uptimeS), record);
    this.readingsTaken++;
  }

  signed(node: number, seq: number, token: Uint8Array): void {
    const parsed = parseToken(token);
    if (!parsed.ok) throw new Error(`${this.#nodes[node].name}: token ${seq} cannot be read: ${parsed.reason}`);
    if (parsed.claims.kind !== "batch") {
      this.statementsSent++;
      return;
    }
    this.tokensSent++;
    this.#nodes[node].tokens.set(seq, parsed.claims.count);
  }

  verified(node: number, claims: TokenClaims): void {
    if (claims.kind !== "batch") {
      this.statementsVerified++;
      return;
    }
    const { open, tokens } = this.#nodes[node];
    this.tokensVerified++;
    tokens.delete(claims.seq);
    for (let i = 0; i < claims.count; i++) {
      const at = key(claims.bootCount, claims.wallTime, readingTimeS(claims, i));
      const record = open.get(at);
      if (record !== undefined && isSame(record, claims, i)) {
        open.delete(at);
        this.readingsVerified++;
      } else {
        this.readingsWrong++;
      }
    }
  }

  /** The node has given up a token, by its own policy. */
  givenUp(node: number, seq: number): void {
    this.#nodes[node].givenUp.add(seq);
  }

  /**
   * What was taken and is not verified, by node and token, as far as the nodes can show where it is. A reading that nobody can show is in no
   * gap: then the account does not add up.
   */
  gaps(holdings: (node: number) => Holdings): Gap[] {
    const gaps: Gap[] = [];
    this.#nodes.forEach(({ name, open, tokens, givenUp }, node) => {
      const held = holdings(node);
      let unsigned = open.size;
      for (const [seq, readings] of tokens) {
        unsigned -= readings;
        const reason = held.holdsToken(seq) ? "in-outbox" : givenUp.has(seq) ? "given-up" : undefined;
        if (reason !== undefined) gaps.push({ node: name, seq, readings, reason });
      }
      const journalled = Math.min(unsigned, held.journalledReadings);
      if (journalled > 0) gaps.push({ node: name, seq: null, readings: journalled, reason: "in-journal" });
      const refused = Math.min(unsigned - journalled, held.readingsLost);
      if (refused > 0) gaps.push({ node: name, seq: null, readings: refused, reason: "journal-full" });
    });
    return gaps;
  }
}

/** Flags and values agree; of a missing value only the flag counts. */
function isSame(record: Int32Array, claims: Claims, index: number): boolean {
  const flags = record[0];
  if (claims.columns[0][index] !== flags) return false;
  for (let field = 0; field < record.length - 1; field++) {
    const missing = (flags & missingFlag(field)) !== 0;
    if (!missing && claims.columns[field + 1][index] !== record[field + 1]) return false;
  }
  return true;
}

function key(bootCount: number, wallTime: boolean, seconds: number): string {
  return `${bootCount}${wallTime ? "@" : "+"}${seconds}`;
}
