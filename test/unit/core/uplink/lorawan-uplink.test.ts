import assert from "node:assert/strict";
import { REFUSAL_PAUSE_MS, TIME_REFRESH_MS, TIME_RETRY_FIRST_MS } from "../../../../firmware/core/bounds.ts";
import { LorawanUplink, type LorawanUplinkEvent } from "../../../../firmware/core/uplink/lorawan-uplink.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../../firmware/wire/control-message.ts";
import { NO_PORT } from "../../../../firmware/wire/lorawan-frame.ts";
import { TOKEN_FPORT } from "../../../../firmware/wire/schc-fragment.ts";
import { throughSavedState } from "../saved-state.ts";
import { acknowledgement, CIPHERS, UEID } from "./control.ts";

const TOKEN = Uint8Array.from({ length: 60 }, (_, i) => i);

/** An uplink, saved and restored after every event, on a MAC that does what the test says. */
class Bench {
  uplink = new LorawanUplink(UEID, CIPHERS);
  nowMs = 0;
  maxPayload = 51;
  sent: { port: number; length: number }[] = [];
  acknowledged: number[] = [];
  notDelivered: number[] = [];
  tokenReads = 0;
  tokenThere = true;

  handle(event: LorawanUplinkEvent): void {
    this.uplink.handle(event, this.nowMs);
    this.run();
  }

  deliver(seq: number): void {
    this.handle({ kind: "token", seq, bytes: TOKEN, length: TOKEN.length });
  }

  downlink(port: number, payload: Uint8Array): void {
    this.handle({ kind: "downlink", port, payload, length: payload.length });
  }

  /** Offers one opportunity; returns the frame that was sent, if any. The MAC then says that it is over. */
  offer(outcome: LorawanUplinkEvent | undefined = { kind: "sent", more: false }): string | undefined {
    if (!this.uplink.wantsToSend(this.nowMs)) return undefined;
    const before = this.sent.length;
    this.handle({ kind: "opportunity", maxPayload: this.maxPayload });
    assert.equal(this.sent.length, before + 1, "an opportunity that was wanted is used");
    assert.equal(this.uplink.wantsToSend(this.nowMs), false, "one frame at a time");
    if (outcome !== undefined) this.handle(outcome);
    const { port, length } = this.sent[before];
    return `${port}:${length}`;
  }

  run(): void {
    this.#commands();
    this.uplink = throughSavedState(this.uplink, () => new LorawanUplink(UEID, CIPHERS));
    this.#commands();
  }

  #commands(): void {
    for (let command = this.uplink.pollCommand(); command !== undefined; command = this.uplink.pollCommand()) {
      if (command.kind === "send") this.sent.push({ port: command.port, length: command.length });
      else if (command.kind === "readToken") {
        this.tokenReads++;
        const length = this.tokenThere ? TOKEN.length : -1;
        this.uplink.handle({ kind: "token", seq: command.seq, bytes: TOKEN, length }, this.nowMs);
      } else this[command.kind].push(command.seq);
    }
  }

  /** As a node whose time is known. */
  learnTime(): void {
    this.handle({ kind: "timeLearned" });
  }
}

describe("LoRaWAN uplink", () => {
  it("asks for the time at once with an empty frame, later each time, then twice a day", () => {
    const bench = new Bench();
    assert.equal(bench.uplink.timeDue(0), true);
    assert.equal(bench.offer(), `${NO_PORT}:0`);
    assert.equal(bench.offer(), undefined);
    assert.equal(bench.uplink.pollTimeout(), TIME_RETRY_FIRST_MS);
    bench.nowMs = TIME_RETRY_FIRST_MS;
    assert.equal(bench.offer(), `${NO_PORT}:0`);
    assert.equal(bench.uplink.pollTimeout(), 3 * TIME_RETRY_FIRST_MS);
    bench.learnTime();
    assert.equal(bench.uplink.pollTimeout(), bench.nowMs + TIME_REFRESH_MS);
    bench.nowMs += TIME_REFRESH_MS;
    assert.equal(bench.offer(), `${NO_PORT}:0`);
  });

  it("an answer in the frame's own windows counts", () => {
    const bench = new Bench();
    bench.offer(undefined);
    bench.learnTime();
    bench.handle({ kind: "sent", more: false });
    assert.equal(bench.uplink.timeDue(TIME_REFRESH_MS - 1), false);
  });

  it("the request rides on a token's fragment when there is one", () => {
    const bench = new Bench();
    bench.deliver(5);
    assert.equal(bench.uplink.timeDue(0), true);
    assert.equal(bench.offer(), `${TOKEN_FPORT}:51`);
    assert.equal(bench.uplink.timeDue(0), false);
  });

  it("delivers a token; only the authentic final acknowledgement ends it", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(5);
    assert.equal(bench.uplink.busy, true);
    assert.deepEqual([bench.offer(), bench.offer(), bench.offer()], ["32:51", "32:15", undefined]);
    const right = acknowledgement(5, LORAWAN_TAG_BYTES);
    const wrong = right.slice();
    wrong[8] ^= 1;
    for (const bytes of [
      wrong,
      right.subarray(0, 8),
      acknowledgement(5, MQTT_TAG_BYTES),
      acknowledgement(5, LORAWAN_TAG_BYTES, UEID.slice().reverse()),
      new Uint8Array(0),
    ]) {
      bench.downlink(CONTROL_FPORT, bytes);
    }
    bench.downlink(99, right);
    bench.downlink(TOKEN_FPORT, right);
    assert.deepEqual(bench.acknowledged, []);
    bench.downlink(CONTROL_FPORT, right);
    assert.deepEqual(bench.acknowledged, [5]);
    assert.equal(bench.uplink.busy, false);
    bench.deliver(6);
    assert.equal(bench.offer(), "32:51");
  });

  it("counts control messages that are not authentic", () => {
    const uplink = new LorawanUplink(UEID, CIPHERS);
    const payload = new Uint8Array(9).fill(1);
    uplink.handle({ kind: "downlink", port: CONTROL_FPORT, payload, length: 9 }, 0);
    assert.equal(uplink.refusedControl, 1);
  });

  it("passes on the acknowledgement of another token and goes on with its own", () => {
    const bench = new Bench();
    bench.deliver(6);
    bench.offer();
    bench.downlink(CONTROL_FPORT, acknowledgement(5, LORAWAN_TAG_BYTES));
    assert.deepEqual(bench.acknowledged, [5]);
    assert.equal(bench.uplink.busy, true);
  });

  it("waits as long as the MAC says when it refuses, then sends the same", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(1);
    assert.equal(bench.offer({ kind: "refused", untilMs: 250_000 }), "32:51");
    assert.equal(bench.offer(), undefined);
    assert.equal(bench.uplink.pollTimeout(), 250_000);
    bench.nowMs = 250_000;
    assert.deepEqual([bench.offer({ kind: "refused", untilMs: 0 }), bench.offer()], ["32:51", undefined]);
    assert.equal(bench.uplink.pollTimeout(), bench.nowMs + REFUSAL_PAUSE_MS, "no loop on a refusal until now");
    bench.nowMs += REFUSAL_PAUSE_MS;
    assert.deepEqual([bench.offer(), bench.offer()], ["32:51", "32:15"]);
  });

  it("empties the MAC's answers once when no fragment fits, then gives the token back", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.maxPayload = 9;
    bench.deliver(1);
    const frames: (string | undefined)[] = [];
    for (let frame = bench.offer(); frame !== undefined; frame = bench.offer()) frames.push(frame);
    assert.deepEqual(frames, [`${NO_PORT}:0`, `${NO_PORT}:0`, "32:1"]);
    assert.deepEqual(bench.notDelivered, [1]);
    assert.equal(bench.uplink.busy, false);
  });

  it("reports a token that nobody acknowledges, after its requests", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.deliver(3);
    for (let i = 0; i < 100 && bench.uplink.busy; i++) {
      if (bench.offer() !== undefined) continue;
      bench.nowMs = bench.uplink.pollTimeout() as number;
      bench.uplink.handleTimeout(bench.nowMs);
      bench.run();
    }
    assert.deepEqual(bench.notDelivered, [3]);
    assert.deepEqual(bench.acknowledged, []);
  });

  it("gives a token back that the outbox no longer has after a sleep", () => {
    const bench = new Bench();
    bench.learnTime();
    bench.tokenThere = false;
    bench.deliver(3);
    assert.equal(bench.offer(), "32:1");
    assert.deepEqual(bench.notDelivered, [3]);
    assert.ok(bench.tokenReads > 0);
  });
});
