/** A node that the network does not answer any more joins anew: whatever was done to its session, it comes back. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { REJOIN_UPLINKS } from "../../firmware/core/bounds.ts";
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import type { AirTransmission } from "../../host-sim/radio/channel.ts";
import { Life } from "./life.ts";

const DAY_S = 86_400;
const JOIN_DELAY_US = 5_000_000;
const AHEAD_US = 1_500;
const JAM_AFTER_US = 20_000;

/**
 * Jams the first join accept, keeps it, and sends it in the window of the second join request, before the network does: TS001-1.0.4 6.2.4 has the accept
 * say nothing of the request that it answers, so the node takes it, and derives keys that nobody else has.
 */
class AcceptThief {
  replays = 0;

  constructor(life: Life) {
    const { world, field } = life.loop;
    const { position } = life.node.radioChip!.modem;
    const send = (modulation: LoraModulation, frame: Uint8Array): void => {
      const startUs = world.nowUs;
      const endUs = startUs + timeOnAirUs(modulation, frame.length);
      field.channel!.transmit({ modulation, frame, powerDbm: 20, startUs, endUs, from: this, position });
    };
    let stolen: AirTransmission | undefined;
    life.monitor!.onFrame = ({ kind }, transmission) => {
      if (transmission.from === this) return;
      const { modulation, endUs } = transmission;
      if (kind === "join-accept" && stolen === undefined) {
        stolen = transmission;
        world.after(JAM_AFTER_US, () => send(modulation, new Uint8Array(200)));
      } else if (kind === "join-request" && stolen !== undefined && this.replays === 0) {
        this.replays++;
        const { frame } = stolen;
        const { frequencyHz, spreadingFactor } = modulation;
        const window = { ...stolen.modulation, frequencyHz, spreadingFactor };
        // The receiver stays with the frame that it found first.
        world.at(endUs + JOIN_DELAY_US - AHEAD_US, () => send(window, frame));
      }
    };
  }
}

describe("a session that is worth nothing", () => {
  it("TS001-1.0.4 6.2.4: a join accept stolen and replayed leads the node astray, and it joins anew; no counter is used twice, all is delivered", () => {
    const life = new Life({ seed: 4, sampleIntervalS: 600, batchReadings: 6 }, "mocha test/sim/rejoin.test.ts");
    const thief = new AcceptThief(life);
    ok(life.live(2 * DAY_S, 10 * DAY_S));
    equal(thief.replays, 1);
    const refused = life.loop.field.network!.server.counters.refused;
    ok((refused["unknown-dev-addr"] ?? 0) + (refused["wrong-mic"] ?? 0) >= REJOIN_UPLINKS, JSON.stringify(refused));
    equal(life.monitor!.counters.joinRequests, 3);
    const { ledger } = life.loop;
    equal(ledger.readingsVerified, ledger.readingsTaken);
    deepEqual(life.monitor!.dutyCycle.violations, []);
    deepEqual([...life.node.complaints], []);
  });
});
