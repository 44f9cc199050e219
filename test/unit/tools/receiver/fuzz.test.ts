/** Whatever comes in, nothing throws, nothing false is accepted, and every refusal has a name. Half random, half mutated valid input. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { crc32 } from "../../../../firmware/wire/crc32.ts";
import { COMPACT_RULE, PARITY_FPORT } from "../../../../firmware/wire/parity-frame.ts";
import {
  newFragment,
  parseFragment,
  TOKEN_FPORT,
  writeAckReq,
  writeSenderAbort,
} from "../../../../firmware/wire/schc-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { parseChirpstackEvent } from "../../../../tools/receiver/chirpstack-source.ts";
import { CompactExpander, MAX_CHECKS } from "../../../../tools/receiver/compact-expander.ts";
import { WHOLE_COMPACT_FPORT } from "../../../../tools/receiver/fragment-ports.ts";
import { bytesToHex } from "../../../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import { nodeFileContent, parseNodeRecord } from "../../../../tools/receiver/node-registry.ts";
import { NodeState } from "../../../../tools/receiver/node-state.ts";
import { Reassembler } from "../../../../tools/receiver/reassembler.ts";
import { Receiver, type Refused } from "../../../../tools/receiver/receiver.ts";
import { MemoryStore } from "../../../../tools/receiver/store.ts";
import { verifyToken } from "../../../../tools/receiver/token-verifier.ts";
import { counts } from "../../../counts.ts";
import { bootOf, fragmentsOf, RECEIVER_KEY, T0_S, TestNode, uplink } from "./fixture.ts";

const NOW_MS = (T0_S + 3600) * 1000;
const INPUTS_A_RUN = 100;
const node = new TestNode(1);

function randomBytes(dice: RandomStream, most: number): Uint8Array {
  const bytes = new Uint8Array(dice.below(most + 1));
  dice.fill(bytes);
  return bytes;
}

/** One to four changes: a bit, a byte, a cut, a piece doubled. */
function mutated(dice: RandomStream, valid: Uint8Array): Uint8Array {
  let bytes = valid.slice();
  for (let i = dice.below(4); i >= 0; i--) {
    const at = dice.below(bytes.length + 1);
    const kind = dice.below(4);
    if (kind === 0) bytes[at] ^= 1 << dice.below(8);
    else if (kind === 1) bytes[at] = dice.below(256);
    else if (kind === 2) bytes = bytes.slice(0, at);
    else bytes = new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(Math.max(0, at - dice.below(12)))]);
  }
  return bytes;
}

function anyBytes(dice: RandomStream, valid: readonly Uint8Array[]): Uint8Array {
  return dice.below(2) === 0 ? randomBytes(dice, 260) : mutated(dice, valid[dice.below(valid.length)]);
}

/** Text from bytes, one character each: mutations of JSON text. */
function anyText(dice: RandomStream, valid: string): string {
  const bytes = anyBytes(dice, [Uint8Array.from(valid, (character) => character.charCodeAt(0))]);
  return String.fromCharCode(...bytes);
}

/** Runs `once` on so many inputs; fast-check names the seed of a run that fails. */
function fuzz(inputs: number, once: (dice: RandomStream) => void): void {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const dice = new RandomStream(seed, "fuzz");
      for (let i = 0; i < INPUTS_A_RUN; i++) once(dice);
    }),
    { seed: 1, numRuns: inputs / INPUTS_A_RUN },
  );
}

/** FPorts that a node sends on, whole tokens more often than the others. */
const PORTS = [TOKEN_FPORT, TOKEN_FPORT, TOKEN_FPORT, COMPACT_RULE, WHOLE_COMPACT_FPORT, PARITY_FPORT];

describe("hostile input (architecture.md, rule 3: a parser never throws)", function () {
  this.timeout(600_000);
  const inputs = counts(10_000, 1_000_000);
  const named = /^[a-z0-9-]+$/;

  it("events of the network server", () => {
    const { topic, json } = uplink(node.devEui, TOKEN_FPORT, fragmentsOf(node.token())[0]);
    fuzz(inputs, (dice) => {
      const event = parseChirpstackEvent(dice.below(4) === 0 ? anyText(dice, topic) : topic, anyText(dice, json));
      if (event.kind === "refused") assert.match(event.reason, named);
    });
  });

  it("events of any JSON shape", () => {
    const { topic, json } = uplink(node.devEui, TOKEN_FPORT, new Uint8Array(1));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(JSON.parse(json))), fc.jsonValue()), (members) => {
        parseChirpstackEvent(topic, JSON.stringify({ ...JSON.parse(json), ...members }));
      }),
      { seed: 1, numRuns: counts(1000, 100_000) },
    );
  });

  it("identity files", () => {
    const text = JSON.stringify(nodeFileContent(node.record));
    fuzz(counts(2000, 1_000_000), (dice) => {
      const result = parseNodeRecord(anyText(dice, text), NODE_CRYPTO);
      if (!result.ok) assert.ok(result.reason !== "" && result.place !== "");
    });
  });

  it("tokens: only the one that the node made is accepted", () => {
    const token = node.token();
    const hex = bytesToHex(token);
    fuzz(inputs, (dice) => {
      const bytes = anyBytes(dice, [token]);
      const result = verifyToken(bytes, node.record, NODE_CRYPTO, NOW_MS);
      if (result.ok) assert.equal(bytesToHex(bytes), hex);
      else assert.match(result.reason, named);
    });
  });

  it("fragments: whatever is given out has the check that its All-1 named", () => {
    const into = new Uint8Array(1);
    const whole = [fragmentsOf(node.token()), fragmentsOf(new Uint8Array(100)), fragmentsOf(new Uint8Array(2520), 242)];
    const valid = [...whole.flat(), into.slice(0, writeAckReq(1, into)), into.slice(0, writeSenderAbort(into))];
    let machine = new Reassembler();
    let checks = new Set<number>();
    let datagrams = 0;
    const fragment = newFragment();
    const handle = (frame: Uint8Array): void => {
      if (parseFragment(frame, frame.length, fragment) && fragment.kind === "all-1") checks.add(fragment.check);
      machine.handle(frame, 0);
      for (let command = machine.pollCommand(); command !== undefined; command = machine.pollCommand()) {
        if (command.kind === "dropped") assert.match(command.reason, named);
        else if (command.kind === "datagram") {
          assert.ok(checks.has(crc32(command.bytes, 0, command.bytes.length)));
          datagrams++;
        } else {
          const frame = command.kind === "reply" ? command.frame : command.instead;
          assert.ok(frame.length >= 1 && frame.length <= 9);
        }
      }
    };
    fuzz(inputs, (dice) => {
      if (dice.below(50) === 0) {
        machine = new Reassembler();
        checks = new Set();
      }
      if (dice.below(50) === 0) for (const frame of whole[dice.below(whole.length)]) handle(frame);
      handle(dice.below(2) === 0 ? valid[dice.below(valid.length)] : anyBytes(dice, valid));
    });
    assert.ok(datagrams > 0);
  });

  it("compact tokens: only what the node signed is expanded, and no more than 16 signatures are checked", () => {
    const expander = new CompactExpander(NODE_CRYPTO);
    const state = new NodeState({ record: node.record }, new MemoryStore(), NODE_CRYPTO);
    const { ueid, oemid, hwmodel } = node.record;
    state.contexts.addBoot({ ...bootOf(), ueid, oemid, hwmodel });
    const valid = [
      node.compact({ seq: 0 }, { key: true }),
      node.compact({ seq: 1 }, { escape: true }),
      node.compact({ seq: 2, bootCount: 9 }),
    ];
    const genuine = [0, 1, 2].map((seq) => bytesToHex(node.token(seq === 2 ? { seq, bootCount: 9 } : { seq })));
    let expanded = 0;
    fuzz(inputs, (dice) => {
      const bytes = dice.below(20) === 0 ? valid[dice.below(3)] : anyBytes(dice, valid);
      const result = expander.expand(
        { bytes, receivedUnixMs: NOW_MS, nextSeq: 0 },
        {
          record: node.record,
          keys: state.keys,
          contexts: state.contexts,
          olderBoot: () => [],
          digestOf: () => undefined,
          nextSeq: dice.below(2),
        },
      );
      assert.ok(result.checks <= MAX_CHECKS);
      if (result.kind === "none") assert.match(result.reason, named);
      else {
        assert.ok(result.kind === "token" && genuine.includes(bytesToHex(result.token)));
        expanded++;
      }
    });
    assert.ok(expanded > 0);
  });

  it("the whole receiver: true tokens only come out, whatever else comes in", () => {
    const tokens = [node.boot({ seq: 9 }), ...[0, 1, 2, 3].map((seq) => node.token({ seq }))];
    const frames = tokens.flatMap((token) => fragmentsOf(token));
    const compact = [0, 1, 2, 3].map((seq) => node.compact({ seq }, { escape: seq === 3, key: seq === 0 }));
    const accepted: string[] = [];
    const refused: Refused[] = [];
    const receiver = new Receiver({
      nodes: [{ record: node.record, receiverKey: RECEIVER_KEY }],
      crypto: NODE_CRYPTO,
      store: new MemoryStore(),
      output: {
        onToken: ({ token }) => accepted.push(bytesToHex(token)),
        onRefused: (refusal) => refused.push(refusal),
        onDownlink: (topic, body) => assert.ok(topic.length > 0 && body.length > 0),
      },
    });
    fuzz(inputs, (dice) => {
      refused.length = 0;
      const kind = dice.below(3);
      if (kind === 0) receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, anyBytes(dice, tokens), NOW_MS);
      else {
        const frame = kind === 1 ? frames[dice.below(frames.length)] : anyBytes(dice, frames);
        const port = PORTS[dice.below(PORTS.length)];
        const isCompact = port === WHOLE_COMPACT_FPORT && dice.below(2) === 0;
        const { topic, json } = uplink(node.devEui, port, isCompact ? anyBytes(dice, compact) : frame);
        receiver.handleChirpstackEvent(topic, json, NOW_MS);
      }
      for (const { reason } of refused) assert.match(reason, named);
    });
    const genuine = tokens.map(bytesToHex);
    assert.equal(new Set(accepted).size, accepted.length);
    for (const token of accepted) assert.ok(genuine.includes(token));
  });
});
