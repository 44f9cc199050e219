/** A base node listens until something comes: `receive` with a symbol timeout of 0. */
import assert from "node:assert/strict";
import { heltecStation, makeBench, UPLINK } from "./radio-bench.ts";

const HELLO = Uint8Array.from([0x48, 0x65, 0x6c, 0x6c, 0x6f]);
const P2P = { ...UPLINK, syncWord: 0x12 };

describe("receiving without a timeout", () => {
  it("DS.SX1261-2 13.1.5, 13.4.9: an SX126x listens for an hour, takes the frame, and is free again", () => {
    const bench = makeBench();
    const base = heltecStation(bench);
    const node = heltecStation(bench, 100);
    bench.run(30);
    base.radio.receive(P2P, 0);
    bench.run(3_600_000);
    assert.deepEqual(base.takeEvents(), []);
    node.radio.transmit(P2P, 14, HELLO, HELLO.length);
    bench.run(100);
    assert.deepEqual(base.takeKinds(), ["received"]);
    base.radio.receive(P2P, 0);
    bench.run(60_000);
    base.radio.sleep();
    bench.run(10);
    base.radio.transmit(P2P, 14, HELLO, HELLO.length);
    bench.run(100);
    assert.deepEqual(base.takeKinds(), ["transmitted"]);
    assert.deepEqual(base.chip.violations, []);
  });
});
