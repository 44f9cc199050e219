/** A plan's figures against reckoning by hand. */
import assert from "node:assert/strict";
import { planBatches } from "../../../../tools/planning/plan.ts";
import { an120013, batchOf, lengthsOf, planInput } from "./planning.ts";

function near(actual: number, expected: number, relative = 1e-9): void {
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} is not ${expected}`);
}

/** FHDR 7, MHDR 1, MIC 4 and DeviceTimeReq. */
const TIME_REQUEST_BYTES = 13;

describe("planning: a day's figures", () => {
  it("AN1200.13: the examples of the application note, by the test's own formula", () => {
    assert.equal(Math.round(1000 * an120013(7, 125_000, 33)), 72);
    assert.equal(Math.round(1000 * an120013(10, 125_000, 33)), 453);
    assert.equal(Math.round(1000 * an120013(12, 125_000, 33)), 1810);
    assert.equal(Math.round(1000 * an120013(12, 125_000, 64)), 2793);
  });

  it("AN1200.13: airtime of tokens in one frame, and of four requests for the time", () => {
    const plan = batchOf(planBatches(planInput()).batches, 36);
    const token = an120013(12, 125_000, 13 + 40);
    near(plan.tokensPerDay, 8);
    near(plan.readingsAirtimeSPerDay, 8 * token);
    near(plan.airtimeSPerDay, 8 * token + 4 * an120013(12, 125_000, TIME_REQUEST_BYTES));
    near(plan.airBytesPerReading, 53 / 36);
    assert.equal(plan.frames, 1);
    near(plan.framesPerDay, 12);
  });

  it("a token of 180 bytes at EU868 DR0: four frames, three of them full, the fourth with the rest", () => {
    const plan = batchOf(planBatches(planInput({ lengths: lengthsOf(() => 180) })).batches, 36);
    assert.equal(plan.frames, 4);
    // 15 tiles of 10 bytes in three frames of 51; three tiles behind slot, length and check in the fourth.
    const token = 3 * an120013(12, 125_000, 13 + 51) + an120013(12, 125_000, 13 + 37);
    near(plan.readingsAirtimeSPerDay, 8 * token);
    near(plan.airBytesPerReading, (3 * 64 + 50) / 36);
  });

  it("the batch that holds midnight gives its first values in full: one of eight", () => {
    const lengths = lengthsOf(
      () => 30,
      () => 38,
    );
    near(batchOf(planBatches(planInput({ lengths })).batches, 36).tokenBytes, 31);
  });

  it("a step of a day: every batch holds a midnight", () => {
    const lengths = lengthsOf(
      () => 30,
      () => 38,
    );
    near(batchOf(planBatches(planInput({ lengths, intervalS: 86_400 })).batches, 2).tokenBytes, 38);
  });

  it("Helium: a credit for each started 24 bytes of each frame and copy, one for an empty frame, none for what is lost", () => {
    const token = lengthsOf(() => 180);
    const credits = (changed: object): number =>
      batchOf(planBatches(planInput({ network: "helium", lengths: token, ...changed })).batches, 36).creditsPerDay;
    // Payloads 51, 51, 51 and 37: 3 + 3 + 3 + 2.
    near(credits({}), 8 * 11 + 4);
    near(credits({ copies: 3 }), 3 * (8 * 11 + 4));
    // Without downlinks everything goes out once: the token, and as many parity tiles as its 18 tiles, in full frames: five payloads of 47.
    const once = 8 * (11 + 5 * 2);
    const requests = (loss: number): number => (4 * (1 - loss)) / (1 - loss) ** 2;
    near(credits({ downlinks: false }), once + requests(0));
    near(credits({ downlinks: false, loss: 0.2 }), 0.8 * once + requests(0.2));
  });

  it("statements: a digest a day and boot tokens by the month, whole, in fragments of RFC 9011", () => {
    const statements = [
      { bytes: 164, perDay: 1 },
      { bytes: 345, perDay: 0 },
    ];
    const bare = batchOf(planBatches(planInput()).batches, 36);
    const plan = batchOf(planBatches(planInput({ statements })).batches, 36);
    // 17 tiles: 16 in frames of 5, 5, 5 and 1; the last one of 4 bytes behind header and CRC-32.
    const digest = 3 * an120013(12, 125_000, 64) + an120013(12, 125_000, 24) + an120013(12, 125_000, 22);
    near(plan.airtimeSPerDay - bare.airtimeSPerDay, digest, 1e-6);
  });

  it("EN 300 220: the busiest hour has the tokens that begin in it, a request for the time and the digest", () => {
    const statements = [
      { bytes: 164, perDay: 1 },
      { bytes: 345, perDay: 0.03 },
    ];
    const { batches } = planBatches(planInput({ statements }));
    const token = an120013(12, 125_000, 53);
    const besides =
      an120013(12, 125_000, TIME_REQUEST_BYTES) +
      3 * an120013(12, 125_000, 64) +
      an120013(12, 125_000, 24) +
      an120013(12, 125_000, 22);
    near(batchOf(batches, 1).dutyCycleShare!, (12 * token + besides) / 36);
    near(batchOf(batches, 5).dutyCycleShare!, (3 * token + besides) / 36);
    near(batchOf(batches, 36).dutyCycleShare!, (token + besides) / 36);
  });

  it("regions without a duty cycle have no such limit", () => {
    const { limits, batches } = planBatches(planInput({ region: "US915", dataRate: 1 }));
    assert.deepEqual(limits, []);
    assert.equal(batches[0].dutyCycleShare, undefined);
    assert.equal(
      batches.every(({ breaks }) => breaks.length === 0),
      true,
    );
  });

  it("age: waiting for the batch, the random delay, the signature, and the frame with its windows", () => {
    const plan = batchOf(planBatches(planInput()).batches, 12);
    // 0.2621 s: eight symbols of SF12 (docs/radio-timing.md).
    const sent = 0.15 + an120013(12, 125_000, 53) + 2 + 0.262144;
    near(plan.worstAgeS, 11 * 300 + 900 + sent);
    near(plan.meanAgeS, 5.5 * 300 + 450 + sent);
    // A quarter of the batch's duration where that is less than 15 minutes.
    near(batchOf(planBatches(planInput()).batches, 2).worstAgeS, 300 + 150 + sent);
  });

  it("energy of a node that never sleeps: processor all day, transmitter and receiver by their times", () => {
    const plan = batchOf(planBatches(planInput()).batches, 36);
    const air = 8 * an120013(12, 125_000, 53) + 4 * an120013(12, 125_000, 13);
    // Each frame is answered in RX1: an acknowledgement of 10 bytes, DeviceTimeAns; neither has a CRC.
    const withoutCrc = (bytes: number): number => an120013(12, 125_000, bytes - 2);
    const listening = 8 * withoutCrc(13 + 10) + 4 * withoutCrc(18);
    const maS = 86_400 * (31.7 + 0.0006) + air * 90 + listening * 5.3;
    near(plan.mahPerDay, maS / 3600);
    near(plan.joulesPerDay, (maS * 3.3) / 1000);
    assert.equal(plan.batteryDays, undefined);
  });

  it("energy of a node that sleeps: boots, samples, signatures and frames awake; the rest asleep", () => {
    const plan = batchOf(planBatches(planInput({ sleeps: true, standbyUa: 20, batteryMah: 1000 })).batches, 36);
    const token = an120013(12, 125_000, 53);
    const request = an120013(12, 125_000, 13);
    const withoutCrc = (bytes: number): number => an120013(12, 125_000, bytes - 2);
    const heard = 8 * withoutCrc(23) + 24 * withoutCrc(18);
    // RX1 begins a second after the frame.
    const frames = 8 * (token + 1) + 24 * (request + 1) + heard;
    const awake = frames + 288 * 0.035 + 8 * 0.15 + (288 + 8 + 24) * 0.3;
    const maS =
      awake * 31.7 +
      (86_400 - awake) * 0.008 +
      (8 * token + 24 * request) * 90 +
      heard * 5.3 +
      86_400 * (0.0006 + 0.02);
    near(plan.mahPerDay, maS / 3600);
    near(plan.batteryDays!, 1000 / (maS / 3600));
  });

  it("The Things Network answers five seconds later: the processor waits for it", () => {
    const charge = (network: "own" | "ttn"): number =>
      batchOf(planBatches(planInput({ network, sleeps: true })).batches, 36).mahPerDay;
    near(charge("ttn") - charge("own"), (32 * 4 * (31.7 - 0.008)) / 3600, 1e-6);
  });
});

describe("planning: batches that close when their frames are full", () => {
  /** Two kinds of weather: 70 bytes and 3 or 6 more a reading. */
  const lengths = {
    plain: [3, 6].map((slope) => Array.from({ length: 64 }, (_, i) => 70 + slope * i)),
    key: [3, 6].map((slope) => Array.from({ length: 64 }, (_, i) => 70 + slope * i)),
  };

  it("each batch takes as many readings as fit, and the mean is over both", () => {
    // One frame of DR3 holds 115 bytes: 16 and 8 readings.
    const [plan] = planBatches(planInput({ dataRate: 3, lengths, onlyFrames: 1 })).batches;
    assert.deepEqual([plan.closes, plan.at, plan.readings, plan.longest], ["frames", 1, 12, 16]);
    near(plan.tokenBytes, (115 + 112) / 2);
    near(plan.tokensPerDay, 24);
    near(plan.airBytesPerReading, (128 + 125) / 24);
  });

  it("the mean age is that of readings, not of batches", () => {
    const [plan] = planBatches(planInput({ dataRate: 3, lengths, onlyFrames: 1 })).batches;
    const sent = (bytes: number): number => 0.15 + an120013(9, 125_000, 13 + bytes) + 2 + 0.262144;
    const long = 7.5 * 300 + 450 + sent(115);
    const short = 3.5 * 300 + 300 + sent(112);
    near(plan.meanAgeS, (16 * long + 8 * short) / 24);
    near(plan.worstAgeS, 15 * 300 + 900 + sent(115));
  });

  it("a limit of age closes them earlier", () => {
    const [plan] = planBatches(planInput({ dataRate: 3, lengths, onlyFrames: 1, maxAgeS: 3600 })).batches;
    // The tenth comes nine steps after the first, the delay is up to a quarter of ten; with an eleventh it would be 3,825 s.
    assert.equal(plan.longest, 10);
    near(plan.worstAgeS, 9 * 300 + 750 + 0.15 + an120013(9, 125_000, 13 + 97) + 2 + 0.262144);
    assert.deepEqual(plan.breaks, []);
  });

  it("where not one reading fits there is no such batch", () => {
    assert.deepEqual(planBatches(planInput({ lengths, onlyFrames: 1 })).batches, []);
  });
});

describe("planning: what is recommended", () => {
  it("the freshest readings among those that keep all limits", () => {
    const { recommended, batches } = planBatches(planInput({ lengths: lengthsOf((n) => 64 + 4 * n) }));
    const keeping = batches.filter(({ breaks }) => breaks.length === 0);
    assert.ok(recommended !== undefined && keeping.length < batches.length);
    for (const batch of batches) assert.equal(batch.dutyCycleShare! > 1, batch.breaks.includes("dutyCycle"));
    for (const { worstAgeS } of keeping) assert.ok(worstAgeS >= recommended.worstAgeS);
  });

  it("no batch keeps a limit: it is named, and nothing is recommended", () => {
    const plan = planBatches(planInput({ network: "ttn", sleeps: true, lengths: lengthsOf((n) => 64 + 4 * n) }));
    assert.equal(plan.recommended, undefined);
    assert.deepEqual(plan.unkept, ["fairUseAirtime", "fairUseDownlinks"]);
    assert.equal(
      plan.leastAirtime!.airtimeSPerDay,
      Math.min(...plan.batches.map(({ airtimeSPerDay }) => airtimeSPerDay)),
    );
  });

  it("each limit is kept by some batch and none keeps all: nothing is recommended, none is named", () => {
    const plan = planBatches(
      planInput({ network: "helium", maxAgeS: 600, maxCredits: 100, lengths: lengthsOf((n) => 64 + 4 * n) }),
    );
    assert.equal(plan.recommended, undefined);
    assert.deepEqual(plan.unkept, []);
  });

  it("battery: the days that its charge lasts, against the years asked for", () => {
    const plan = planBatches(planInput({ sleeps: true, batteryMah: 2000, minYears: 1 }));
    for (const { batteryDays, mahPerDay, breaks } of plan.batches) {
      near(batteryDays!, 2000 / mahPerDay);
      assert.equal(breaks.includes("years"), batteryDays! < 365.25);
    }
  });
});
