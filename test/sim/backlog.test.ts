/**
 * Thirty days of backlog: a node is heard once, then for thirty days it is not, while its power fails three times, its firmware is updated and its key
 * changed. Then all of it comes in, newest and oldest interleaved, and every token is verified in its own context, whatever becomes of the boot tokens.
 */
import { deepEqual, equal, notDeepEqual, ok } from "node:assert/strict";
import { parseToken, type Token } from "../../firmware/wire/eat-token.ts";
import { toHex } from "../../host-sim/network/text-encoding.ts";
import type { VirtualNode } from "../../host-sim/virtual-node.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import type { NodeState } from "../../tools/receiver/node-state.ts";
import type { Incoming } from "../../tools/receiver/token-intake.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";
import type { Summary } from "../../tools/simulation/summary.ts";

const HOUR_US = 3_600_000_000;
const MINUTE_US = 60_000_000;
const DAY_S = 86_400;
/** Hours after the world's beginning: the outage, what happens in it, and how long samples are taken. */
const AWAY_H = 4;
const BACK_H = AWAY_H + 30 * 24;
const CUTS_H = [100.3, 300.7, 500.2];
const NEW_KEY_H = 400.5;
const DAYS = 35;
/** The firmware is another one from the boot after this cut on. */
const UPDATE_AT = 1;
const OLD_VERSION = "1.0.0";
const NEW_VERSION = "1.1.0";
const OLD_IMAGE = new Uint8Array(32).fill(0x0a);
const NEW_IMAGE = new Uint8Array(32).fill(0x0b);
/** RFC 9711 4.2.9: disabled permanently. */
const NEW_DBGSTAT = 3;

interface Story {
  options?: Partial<SimulationOptions>;
  /** Nobody hears the node, or the network does and the receiver is away. */
  away?: "gateways" | "receiver";
  /** The new firmware has another dbgstat. */
  debugging?: boolean;
  /** No boot token comes through until there is nothing else left. */
  withheld?: boolean;
  /** Boot tokens of the outage are damaged on flash. */
  destroyed?: boolean;
}

interface Outcome {
  summary: Summary;
  node: VirtualNode;
  state: NodeState;
  /** Every token that the node signed, by seq. */
  signed: Map<number, Uint8Array>;
  /** Numbers in the order in which the receiver accepted them, from the outage's end on. */
  order: number[];
  accepted: Map<number, Uint8Array>;
  destroyed: number[];
  /** How many tokens had been signed when the outage ended. */
  backlog: number;
  bootRequests: number;
  /** Tokens accepted before the first boot token was let through. */
  beforeRelease: number;
}

function parsed(bytes: Uint8Array): Token {
  const token = parseToken(bytes);
  ok(token.ok);
  return token;
}

/** Turns a bit in each of those tokens on flash. */
function damage({ outboxFlash }: VirtualNode, tokens: readonly Uint8Array[]): void {
  const flash = new Uint8Array(outboxFlash.size);
  outboxFlash.read(0, flash);
  for (const token of tokens) {
    const at = Buffer.from(flash.buffer).indexOf(token);
    ok(at >= 0);
    outboxFlash.turnBit(at + 100, 3);
  }
}

function liveThrough({ options, away = "gateways", debugging, withheld, destroyed }: Story): Outcome {
  const accepted = new Map<number, Uint8Array>();
  const signed = new Map<number, Uint8Array>();
  const order: number[] = [];
  const sink = {
    ...SILENT_SINK,
    token: (_devEui: string, seq: number, bytes: Uint8Array) => {
      ok(!accepted.has(seq), `token ${seq} is accepted once`);
      accepted.set(seq, bytes.slice());
      order.push(seq);
    },
  };
  const life = { ...ONE_DAY, durationS: DAYS * DAY_S, drainS: 20 * DAY_S, ...options };
  const loop = new ClosedLoop(life, sink, NODE_CRYPTO, "node");
  const { world, receiver, ledger, field } = loop;
  const [node] = field.nodes;
  const [gateway] = field.gateways;
  const outcome = { node, accepted, signed, destroyed: [] as number[], backlog: 0, beforeRelease: 0 };

  const noteSigned = ledger.signed.bind(ledger);
  ledger.signed = (index, seq, token) => {
    signed.set(seq, token.slice());
    noteSigned(index, seq, token);
  };
  let isAway = false;
  const hear = receiver.handleChirpstackEvent.bind(receiver);
  receiver.handleChirpstackEvent = (topic, json, nowUnixMs) => {
    if (!isAway || away === "gateways") hear(topic, json, nowUnixMs);
  };
  let isWithheld = withheld === true;
  const take = receiver.intake.take.bind(receiver.intake);
  receiver.intake.take = (state: NodeState, incoming: Incoming) => {
    if (isWithheld && !incoming.compact && parsed(incoming.bytes).claims.kind === "boot") return;
    take(state, incoming);
  };
  const isBoot = (seq: number): boolean => parsed(signed.get(seq)!).claims.kind === "boot";
  const release = (): void => {
    isWithheld = [...signed.keys()].some((seq) => !accepted.has(seq) && !isBoot(seq));
    if (isWithheld) world.after(MINUTE_US, release);
    else outcome.beforeRelease = accepted.size;
  };

  node.config.firmware = { name: "groundtruth", version: OLD_VERSION, imageDigest: OLD_IMAGE };
  const setAway = (value: boolean): void => {
    isAway = value;
    if (away === "gateways") gateway.deaf = value;
  };
  world.at(AWAY_H * HOUR_US, () => setAway(true));
  CUTS_H.forEach((hour, cut) => {
    world.at(Math.floor(hour * HOUR_US), () => {
      node.cutPower();
      if (cut === UPDATE_AT) {
        node.config.firmware = { name: "groundtruth", version: NEW_VERSION, imageDigest: NEW_IMAGE };
        if (debugging) node.config.dbgstat = NEW_DBGSTAT;
      }
      world.after(MINUTE_US, () => node.powerOn());
    });
  });
  world.at(Math.floor(NEW_KEY_H * HOUR_US), () => ok(node.app?.rotateKey()));
  world.at(BACK_H * HOUR_US, () => {
    outcome.backlog = signed.size;
    order.length = 0;
    if (destroyed) {
      outcome.destroyed = [...signed.keys()].filter((seq) => seq > 0 && isBoot(seq));
      damage(
        node,
        outcome.destroyed.map((seq) => signed.get(seq)!),
      );
    }
    setAway(false);
    if (withheld) release();
  });
  const summary = loop.run();
  const state = receiver.knownOf(toHex(node.config.devEui))!;
  return { ...outcome, summary, state, order, bootRequests: receiver.intake.counters.bootRequests };
}

/** All that was signed is there, byte for byte, each token with key, boot and software of its own; but for what flash has lost, which is named. */
function assertVerified({ summary, signed, accepted, destroyed, state, node }: Outcome, debugging = false): void {
  ok(summary.complete);
  deepEqual(summary.gaps, []);
  equal(summary.readingsVerified, summary.readingsTaken);
  deepEqual(
    [...signed.keys()].filter((seq) => !accepted.has(seq)),
    destroyed,
  );
  for (const [seq, token] of accepted) deepEqual(token, signed.get(seq));
  deepEqual(
    state.account.summary().ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
    destroyed,
    "the receiver names what it does not have",
  );
  for (const seq of destroyed) ok(node.complaints.has(`outbox: token ${seq} is given up`));

  const tokens = [...accepted].sort(([a], [b]) => a - b).map(([, bytes]) => parsed(bytes));
  const keys = tokens.flatMap(({ claims }) => (claims.kind === "key" ? [claims.seq] : []));
  equal(keys.length, 1);
  const kids = [tokens[0].kid, tokens[tokens.length - 1].kid];
  notDeepEqual(kids[0], kids[1]);
  const boots = new Set<number>();
  /** The boot in which a token was signed: readings that a power cut left unsigned are signed in the next one. */
  const signedIn = (seq: number): number => {
    const { claims } = parsed(signed.get(seq)!);
    return claims.kind === "boot" ? claims.bootCount : signedIn(seq - 1);
  };
  for (const { claims, kid } of tokens) {
    deepEqual(kid, kids[claims.seq > keys[0] ? 1 : 0], `token ${claims.seq} is of the key in force`);
    if (claims.kind !== "boot" && claims.kind !== "batch") continue;
    const isNew = signedIn(claims.seq) > 1 + UPDATE_AT;
    equal(claims.dbgstat, isNew && debugging ? NEW_DBGSTAT : 0, `dbgstat of boot ${claims.bootCount}`);
    if (claims.kind === "batch") boots.add(claims.bootCount);
    else {
      equal(claims.swversion, isNew ? NEW_VERSION : OLD_VERSION, `software of boot ${claims.bootCount}`);
      deepEqual(claims.imageDigest, isNew ? NEW_IMAGE : OLD_IMAGE);
    }
  }
  deepEqual([...boots].sort(), [1, 2, 3, 4]);
  ok(accepted.size > 300);
  equal(summary.statementsVerified + destroyed.length, summary.statementsSent);
}

/** From the end of the outage on, fresh tokens and the oldest ones come in turn; what is lost on the way comes a little later. */
function assertInterleaved({ order, backlog }: Outcome, leastTurns = 25): void {
  const begin = order.slice(4, 44);
  const old = begin.filter((seq) => seq < backlog / 2);
  const fresh = begin.filter((seq) => seq >= backlog / 2);
  ok(old.length >= 15 && fresh.length >= 15, `${old.length} old ones and ${fresh.length} fresh ones`);
  ok(Math.max(...old) < backlog / 4, `the oldest of ${backlog}: ${old}`);
  ok(Math.min(...fresh) > (3 * backlog) / 4, `the newest of ${backlog}: ${fresh}`);
  let turns = 0;
  for (let i = 1; i < begin.length; i++) if (begin[i] < backlog / 2 !== begin[i - 1] < backlog / 2) turns++;
  ok(turns >= leastTurns, `${turns} turns: ${begin}`);
}

describe("30 days of backlog, three reboots, a firmware update and a new key in it", () => {
  it("newest and oldest interleaved: every token verified once, in its own context", () => {
    const outcome = liveThrough({});
    assertVerified(outcome);
    assertInterleaved(outcome);
  });

  it("with a fifth of the frames lost", () => {
    const outcome = liveThrough({ options: { lossProbability: 0.2 } });
    assertVerified(outcome);
    assertInterleaved(outcome, 18);
  });

  it("boot tokens last, another state of debugging after the update: all is verified before the first of them comes", () => {
    const outcome = liveThrough({ debugging: true, withheld: true });
    assertVerified(outcome, true);
    assertInterleaved(outcome);
    ok(outcome.beforeRelease >= outcome.backlog - 6, `${outcome.beforeRelease} of ${outcome.backlog}`);
  });

  it("boot tokens destroyed on the node's flash: what they alone said is a named gap, and the running boot's is asked for again", () => {
    const outcome = liveThrough({ debugging: true, destroyed: true, options: { lossProbability: 0.1 } });
    assertVerified(outcome, true);
    equal(outcome.destroyed.length, CUTS_H.length + 1, "each boot's, and the one after the new key");
    const { contexts } = outcome.state;
    const announced = (bootCount: number): boolean => contexts.of(bootCount).some((boot) => boot.announced);
    deepEqual([1, 2, 3, 4].map(announced), [true, false, false, true]);
    ok(outcome.bootRequests > 0);
  });

  it("the receiver away while the network hears the node, boot tokens last, a fifth of the frames lost", () => {
    const outcome = liveThrough({
      away: "receiver",
      debugging: true,
      withheld: true,
      options: { lossProbability: 0.2 },
    });
    assertVerified(outcome, true);
    assertInterleaved(outcome, 18);
  });
});
