/** A receiver whose every word is kept, for tests. */
import assert from "node:assert/strict";
import type { TokenClaims } from "../../../../firmware/wire/eat-token.ts";
import { TOKEN_FPORT } from "../../../../firmware/wire/schc-fragment.ts";
import { decodeBase64 } from "../../../../tools/receiver/base64.ts";
import type { Challenge } from "../../../../tools/receiver/challenges.ts";
import { WHOLE_COMPACT_FPORT } from "../../../../tools/receiver/fragment-ports.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import type { Placement } from "../../../../tools/receiver/placements.ts";
import type { VerifiedReading } from "../../../../tools/receiver/reading-output.ts";
import { Receiver, type Refused } from "../../../../tools/receiver/receiver.ts";
import {
  type AcceptedToken,
  type DigestOutcome,
  MemoryStore,
  type ReceiverStore,
} from "../../../../tools/receiver/store.ts";
import { APPLICATION, fragmentsOf, RECEIVER_KEY, T0_S, type TestNode, uplink } from "./fixture.ts";

export const NOW_MS = (T0_S + 3600) * 1000;

/** A receiver with everything it says kept. */
export class Bench {
  readonly tokens: AcceptedToken[] = [];
  readonly readings: VerifiedReading[] = [];
  readonly refused: Refused[] = [];
  readonly statements: TokenClaims[] = [];
  readonly placements: Placement[] = [];
  readonly digests: DigestOutcome[] = [];
  readonly challenges: Challenge[] = [];
  readonly downlinks: { topic: string; body: string | Uint8Array }[] = [];
  readonly receiver: Receiver;

  constructor(
    nodes: TestNode[],
    store: ReceiverStore = new MemoryStore(),
    receiverKey: Uint8Array | undefined = RECEIVER_KEY,
  ) {
    this.receiver = new Receiver({
      nodes: nodes.map(({ record }) => ({ record, receiverKey })),
      crypto: NODE_CRYPTO,
      store,
      output: {
        onToken: (token, claims) => {
          this.tokens.push(token);
          if (claims.kind !== "batch") this.statements.push(claims);
        },
        onPlaced: (placement) => this.placements.push(placement),
        onDigest: (outcome) => this.digests.push(outcome),
        onChallenge: (_devEui, challenge) => this.challenges.push(challenge),
        onReading: (reading) => this.readings.push(reading),
        onRefused: (refused) => this.refused.push(refused),
        onDownlink: (topic, body) => this.downlinks.push({ topic, body }),
      },
    });
  }

  /** A token by MQTT. */
  mqtt(node: TestNode, token: Uint8Array, nowMs = NOW_MS): void {
    this.receiver.handleMqttToken(`groundtruth/${node.devEui}/token`, token, nowMs);
  }

  /** Frames by LoRaWAN. */
  lora(node: TestNode, frames: readonly Uint8Array[], port = TOKEN_FPORT, nowMs = NOW_MS): void {
    for (const frame of frames) {
      const { topic, json } = uplink(node.devEui, port, frame);
      this.receiver.handleChirpstackEvent(topic, json, nowMs);
    }
  }

  /** A compact token in one frame. */
  compact(node: TestNode, token: Uint8Array, nowMs = NOW_MS): void {
    this.lora(node, [token], WHOLE_COMPACT_FPORT, nowMs);
  }

  /** A whole token in fragments. */
  whole(node: TestNode, token: Uint8Array, nowMs = NOW_MS): void {
    this.lora(node, fragmentsOf(token), TOKEN_FPORT, nowMs);
  }

  /** Numbers accepted, in the order of acceptance. */
  get seqs(): number[] {
    return this.tokens.map(({ seq }) => seq);
  }

  get reasons(): string[] {
    return this.refused.map(({ reason }) => reason);
  }

  /** The downlinks to the network server, decoded. */
  get loraDownlinks(): { fPort: number; frame: Uint8Array }[] {
    return this.downlinks.map(({ topic, body }) => {
      const { devEui, confirmed, fPort, data } = JSON.parse(body as string);
      assert.equal(topic, `application/${APPLICATION}/device/${devEui}/command/down`);
      assert.equal(confirmed, false);
      return { fPort, frame: decodeBase64(data, 242) as Uint8Array };
    });
  }
}
