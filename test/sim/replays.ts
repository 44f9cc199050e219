/**
 * What would a node do with downlinks of earlier, sent again? Two MACs start from what is on its flash; one hears silence, the other every old downlink in
 * both windows. They must end in the same state, to the byte, and the application must hear of nothing.
 */
import { equal, ok } from "node:assert/strict";
import type { MacCommand } from "../../firmware/core/lorawan/events.ts";
import { Mac } from "../../firmware/core/lorawan/mac.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { NetworkCrypto, nobleAes } from "../../host-sim/network/network-crypto.ts";
import { RandomStream } from "../../host-sim/random-stream.ts";
import type { VirtualNode } from "../../host-sim/virtual-node.ts";

const STATE_BYTES = 4096;
const PAYLOAD = new Uint8Array(4);
/** The duty cycle is not the question here. */
const PAUSE_MS = 600_000;

class Bench {
  nowMs = 1_000;
  readonly mac: Mac;
  /** What the application heard of: downlinks, joins. */
  heard = 0;
  #node: VirtualNode;

  constructor(node: VirtualNode) {
    this.#node = node;
    const crypto = new NetworkCrypto(nobleAes);
    crypto.importKey(KEY_SLOT.appKey, node.crypto.sharedKey(KEY_SLOT.appKey)!);
    const { devEui, joinEui, region, fixedDataRate } = node.config;
    const random = new RandomStream(1, "replays");
    this.mac = new Mac({ devEui, joinEui, region, fixedDataRate, crypto, random });
    this.mac.loadPersistent((key, into) => this.#node.keyValue.read(key, into), this.nowMs);
    this.#drain();
  }

  #drain(): MacCommand["kind"][] {
    const kinds: MacCommand["kind"][] = [];
    for (let command = this.mac.pollCommand(); command !== undefined; command = this.mac.pollCommand()) {
      kinds.push(command.kind);
      if (command.kind === "downlink" || command.kind === "joined") this.heard++;
    }
    return kinds;
  }

  /** One uplink; `frames` come in its windows. Ends when the machine is idle again. */
  exchange(frames: readonly (Uint8Array | undefined)[]): void {
    const { mac } = this;
    this.nowMs += PAUSE_MS;
    mac.handle({ kind: "send", port: 1, payload: PAYLOAD, length: PAYLOAD.length, confirmed: false }, this.nowMs);
    let window = 0;
    for (let kinds = this.#drain(); !mac.idle; kinds = this.#drain()) {
      const atMs = this.nowMs;
      if (kinds.includes("transmit")) {
        this.nowMs += 100;
        window = 0;
        mac.handle({ kind: "transmitted", atMs: this.nowMs }, this.nowMs);
      } else if (kinds.includes("receive")) {
        this.nowMs += 50;
        const frame = frames[window++];
        if (frame === undefined) mac.handle({ kind: "receiveTimeout", atMs }, this.nowMs);
        else mac.handle({ kind: "received", frame, length: frame.length, rssiDbm: -50, snrDb: 9, atMs }, this.nowMs);
      } else {
        this.nowMs = Math.max(this.nowMs, mac.pollTimeout() ?? this.nowMs);
        mac.handleTimeout(this.nowMs);
      }
    }
  }

  state(): string {
    const bytes = new Uint8Array(STATE_BYTES);
    return Buffer.from(bytes.subarray(0, this.mac.save(bytes, 0))).toString("hex");
  }
}

/** Throws where an old downlink changed anything; returns how many were tried. */
export function assertReplaysChangeNothing(node: VirtualNode, downlinks: readonly Uint8Array[]): number {
  const silent = new Bench(node);
  if (!silent.mac.joined) return 0;
  const replayed = new Bench(node);
  for (let i = 0; i < downlinks.length; i += 2) {
    silent.exchange([]);
    replayed.exchange([downlinks[i], downlinks[i + 1]]);
    equal(replayed.heard, 0, `replayed downlink ${i} or ${i + 1} was taken`);
    ok(replayed.state() === silent.state(), `replayed downlink ${i} or ${i + 1} changed something`);
  }
  return downlinks.length;
}
