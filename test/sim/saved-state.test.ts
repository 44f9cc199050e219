import assert from "node:assert/strict";
import { counts } from "../counts.ts";
import { dayOf, runOnNode } from "../engines/scenarios.ts";

describe("every machine saved, thrown away and restored after every event of a day", () => {
  const seeds = Array.from({ length: counts(1, 5) }, (_, i) => i + 1);

  for (const [title, changes] of [
    ["LoRaWAN", {}],
    ["LoRaWAN with a fifth of the frames lost", { lossProbability: 0.2 }],
    ["point to point with a fifth of the frames lost", { uplink: "p2p", lossProbability: 0.2 }],
    ["Wi-Fi with a fifth of the messages lost", { uplink: "wifi", lossProbability: 0.2 }],
  ] as const) {
    it(`${title}: same event hash`, () => {
      for (const seed of seeds) {
        const options = dayOf(seed, changes);
        const plain = runOnNode(options);
        const cycled = runOnNode({ ...options, cycleSavedState: true });
        assert.ok(plain.complete && plain.readingsVerified > 0);
        assert.deepEqual(cycled, plain, `seed ${seed}`);
      }
    });
  }
});
