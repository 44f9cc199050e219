import assert from "node:assert/strict";
import { PUBLISH_ANSWER_FIRST_MS, PUBLISH_TRIES_MAX } from "../../../../firmware/core/bounds.ts";
import { Router } from "../../../../firmware/core/uplink/router.ts";
import { WifiUplink, type WifiUplinkEvent } from "../../../../firmware/core/uplink/wifi-uplink.ts";
import { LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { toHex } from "../../wire/token-fixture.ts";
import { throughSavedState } from "../saved-state.ts";
import { acknowledgement, CIPHERS, challenge, control, UEID } from "./control.ts";

class Bench {
  #downlinks: boolean;
  uplink: WifiUplink;
  nowMs = 0;
  done: string[] = [];

  constructor(downlinks = true) {
    this.#downlinks = downlinks;
    this.uplink = this.#new();
  }

  #new(): WifiUplink {
    return new WifiUplink(UEID, CIPHERS, this.#downlinks);
  }

  handle(event: WifiUplinkEvent): void {
    this.uplink.handle(event, this.nowMs);
    this.#run();
  }

  wait(): number {
    const at = this.uplink.pollTimeout() as number;
    const waited = at - this.nowMs;
    this.nowMs = at;
    this.uplink.handleTimeout(at);
    this.#run();
    return waited;
  }

  #run(): void {
    for (let command = this.uplink.pollCommand(); command !== undefined; command = this.uplink.pollCommand()) {
      if (command.kind === "challenged") this.done.push(`challenged ${toHex(command.nonce.slice(0, command.length))}`);
      else if (command.kind === "bootRequested") this.done.push(`bootRequested ${command.bootCount}`);
      else this.done.push(`${command.kind} ${command.seq}`);
    }
    this.uplink = throughSavedState(this.uplink, () => this.#new());
  }
}

describe("Wi-Fi uplink", () => {
  it("publishes a token and waits for the receiver's own acknowledgement", () => {
    const bench = new Bench();
    bench.handle({ kind: "online" });
    assert.equal(bench.uplink.available, true);
    bench.handle({ kind: "token", seq: 4 });
    assert.equal(bench.uplink.busy, true);
    bench.handle({ kind: "control", payload: acknowledgement(4, LORAWAN_TAG_BYTES) });
    bench.handle({ kind: "control", payload: acknowledgement(4, MQTT_TAG_BYTES, UEID.slice().reverse()) });
    assert.deepEqual(bench.done, ["publish 4"]);
    bench.handle({ kind: "control", payload: acknowledgement(4, MQTT_TAG_BYTES) });
    assert.deepEqual(bench.done, ["publish 4", "acknowledged 4"]);
    assert.equal(bench.uplink.busy, false);
    assert.equal(bench.uplink.pollTimeout(), undefined);
  });

  it("publishes again when no answer comes, later each time, then gives the token back", () => {
    const bench = new Bench();
    bench.handle({ kind: "online" });
    bench.handle({ kind: "token", seq: 4 });
    const waits: number[] = [];
    while (bench.uplink.busy) waits.push(bench.wait() / PUBLISH_ANSWER_FIRST_MS);
    assert.deepEqual(waits, [1, 2, 4, 8]);
    assert.deepEqual(bench.done, [...Array<string>(PUBLISH_TRIES_MAX).fill("publish 4"), "notDelivered 4"]);
  });

  it("rests while offline and publishes again on the new connection", () => {
    const bench = new Bench();
    bench.handle({ kind: "token", seq: 4 });
    assert.deepEqual(bench.done, []);
    assert.equal(bench.uplink.pollTimeout(), undefined);
    bench.handle({ kind: "online" });
    bench.handle({ kind: "offline" });
    assert.equal(bench.uplink.available, false);
    assert.equal(bench.uplink.pollTimeout(), undefined);
    bench.nowMs = 1_000_000;
    bench.handle({ kind: "online" });
    assert.deepEqual(bench.done, ["publish 4", "publish 4"]);
    assert.equal(bench.uplink.pollTimeout(), bench.nowMs + PUBLISH_ANSWER_FIRST_MS);
  });

  it("hands requests for the boot token and challenges on, under a tag of 16 bytes only", () => {
    const bench = new Bench();
    const nonce = Uint8Array.from({ length: 64 }, (_, i) => i);
    bench.handle({ kind: "control", payload: challenge(nonce, MQTT_TAG_BYTES) });
    bench.handle({ kind: "control", payload: control({ kind: "boot", bootCount: 7 }, MQTT_TAG_BYTES) });
    assert.deepEqual(bench.done, [`challenged ${toHex(nonce)}`, "bootRequested 7"]);
    bench.handle({ kind: "control", payload: challenge(nonce.subarray(0, 8), LORAWAN_TAG_BYTES) });
    const forged = control({ kind: "boot", bootCount: 7 }, MQTT_TAG_BYTES);
    forged[4] ^= 1;
    bench.handle({ kind: "control", payload: forged });
    assert.deepEqual([bench.done.length, bench.uplink.refusedControl], [2, 2]);
  });

  it("without downlinks a token counts as sent when it is published, and is published where there is a network", () => {
    const bench = new Bench(false);
    bench.handle({ kind: "token", seq: 4 });
    assert.deepEqual([bench.done, bench.uplink.busy], [[], true]);
    bench.handle({ kind: "online" });
    assert.deepEqual([bench.done, bench.uplink.busy], [["publish 4", "sent 4"], false]);
    assert.equal(bench.uplink.pollTimeout(), undefined);
  });

  it("counts control messages that are not authentic", () => {
    const uplink = new WifiUplink(UEID, CIPHERS);
    uplink.handle({ kind: "control", payload: new Uint8Array(21).fill(1) }, 0);
    assert.equal(uplink.refusedControl, 1);
  });
});

describe("router", () => {
  it("prefers the first uplink that is there and carries no token", () => {
    let router = new Router(2);
    assert.equal(router.free, -1);
    router.report(0, false, false);
    router.report(1, true, false);
    assert.equal(router.free, 1);
    router.report(0, true, false);
    assert.equal(router.free, 0);
    router.report(0, true, true);
    router = throughSavedState(router, () => new Router(2));
    assert.equal(router.free, 1);
    router.report(1, true, true);
    assert.equal(router.free, -1);
  });
});
