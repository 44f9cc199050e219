/** Boot tokens, digests, anchors, challenges and changes of key, in the closed loop: everything is verified, whatever happens to the node. */
import { deepEqual, equal, notDeepEqual, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseToken, type Token } from "../../firmware/wire/eat-token.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { ClosedLoop } from "../../tools/simulation/closed-loop.ts";
import { ONE_DAY, type SimulationOptions } from "../../tools/simulation/options.ts";
import { SILENT_SINK } from "../../tools/simulation/sink.ts";
import type { Summary } from "../../tools/simulation/summary.ts";

const HOUR_US = 3_600_000_000;
/** Hours after power-on at which the node gets another key, and at which its power fails for a minute. */
const NEW_KEYS_H = [20.01, 44.4];
const CUTS_H = [31.2, 50.7];

interface Outcome {
  summary: Summary;
  /** What the receiver accepted, by seq. */
  tokens: Token[];
  hashes: Uint8Array[];
}

/** Three days with two new keys and two power cuts. */
function liveThrough(options: Partial<SimulationOptions>): Outcome {
  const accepted = new Map<number, Uint8Array>();
  const sink = {
    ...SILENT_SINK,
    token: (_devEui: string, seq: number, bytes: Uint8Array) => accepted.set(seq, bytes.slice()),
  };
  const loop = new ClosedLoop({ ...ONE_DAY, durationS: 3 * 86_400, ...options }, sink, NODE_CRYPTO, "node");
  const [node] = loop.field.nodes;
  const { world } = loop;
  for (const hour of NEW_KEYS_H) {
    const rotate = (): void => {
      // Asleep, it is asked again a second later.
      if (node.app?.rotateKey() !== true) world.after(1_000_000, rotate);
    };
    world.at(Math.floor(hour * HOUR_US), rotate);
  }
  for (const hour of CUTS_H) {
    world.at(Math.floor(hour * HOUR_US), () => {
      node.cutPower();
      world.after(60_000_000, () => node.powerOn());
    });
  }
  const summary = loop.run();
  const bytes = [...accepted].sort(([a], [b]) => a - b).map(([, token]) => token);
  const tokens = bytes.map((one) => {
    const token = parseToken(one);
    ok(token.ok);
    return token;
  });
  return { summary, tokens, hashes: bytes.map((one) => new Uint8Array(createHash("sha256").update(one).digest())) };
}

function assertComplete({ summary, tokens, hashes }: Outcome): void {
  ok(summary.complete);
  deepEqual(summary.gaps, []);
  equal(summary.readingsVerified, summary.readingsTaken);
  equal(summary.statementsVerified, summary.statementsSent);
  tokens.forEach(({ claims }, i) => {
    equal(claims.seq, i, "no gap in seq");
  });
  const kinds = tokens.map(({ claims }) => claims.kind);
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  equal(count("key"), NEW_KEYS_H.length);
  equal(count("boot"), 1 + CUTS_H.length + NEW_KEYS_H.length, "one for each boot and each new key");
  equal(count("batch"), summary.tokensVerified);
  let kid = tokens[0].kid;
  tokens.forEach((token, i) => {
    deepEqual(token.kid, kid, `token ${i} is signed by the key in force`);
    if (token.claims.kind !== "key") return;
    equal(kinds[i + 1], "boot");
    kid = tokens[i + 1].kid;
    notDeepEqual(kid, token.kid);
  });
  const digests = tokens.flatMap(({ claims }) => (claims.kind === "digest" ? [claims] : []));
  // The simulation ends at a third one, which only a node that sleeps until then still sees.
  ok(digests.length === 2 || digests.length === 3, "one for each midnight with tokens before it");
  let next = 0;
  for (const { firstSeq, lastSeq, digest } of digests) {
    equal(firstSeq, next);
    const hash = createHash("sha256");
    for (const one of hashes.slice(firstSeq, lastSeq + 1)) hash.update(one);
    deepEqual(digest, new Uint8Array(hash.digest()));
    next = lastSeq + 1;
  }
}

describe("what a node states beside its readings", () => {
  for (const [title, changes] of [
    ["LoRaWAN", {}],
    ["LoRaWAN with a fifth of the frames lost", { lossProbability: 0.2 }],
    ["LoRaWAN, asleep between samples", { deepSleep: true, lossProbability: 0.1 }],
    ["LoRaWAN, batches of four full frames at DR0", { fixedDataRate: 0, frameBudget: 4, batchReadings: 64 }],
    ["Wi-Fi, EdDSA", { uplink: "wifi", algorithm: -8 }],
    ["point to point, ES256K", { uplink: "p2p", algorithm: -47 }],
  ] as [string, Partial<SimulationOptions>][]) {
    it(`${title}: three days, two new keys, two power cuts: every token verified, in its own context`, () => {
      assertComplete(liveThrough(changes));
    });
  }

  it("the same event hash when every machine is saved, thrown away and restored after every event", () => {
    const changes = { lossProbability: 0.2, frameBudget: 3, batchReadings: 64 };
    const plain = liveThrough(changes);
    const cycled = liveThrough({ ...changes, cycleSavedState: true });
    equal(cycled.summary.eventHash, plain.summary.eventHash);
  });
});
