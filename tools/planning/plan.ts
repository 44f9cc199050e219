/**
 * Plans a node's batches: for each way to close a batch (at so many readings, or when so many frames are full) what a day costs in airtime,
 * data credits, energy and patience, which limits that keeps, and which way keeps all of them with the freshest readings.
 *
 * Lengths of tokens come from the real encoder over given readings, times on air from Semtech's formula, currents from the chips' data sheets
 * (host-sim/energy.ts). Loss and repair are expectations (loss.ts). docs/planning.md says what is in the figures and what is not.
 */
import { MAX_BATCH_READINGS } from "../../firmware/wire/batch.ts";
import { BOOT_US, CURRENT_MA, SUPPLY_V, transmitMa } from "../../host-sim/energy.ts";
import { tokenBytesIn } from "../../host-sim/node-frames.ts";
import { NODE_HABITS } from "../../host-sim/node-link.ts";
import { breaksLimit, DAY_S, limitsOf } from "./limits.ts";
import { NETWORKS } from "./networks.ts";
import type { BatchPlan, Limit, Plan, PlanInput } from "./plan-types.ts";
import { type Cost, type Path, timeRequestCost, tokenCost } from "./token-cost.ts";

const HOUR_S = 3600;
/** Batches of more frames than this come to 64 readings first. */
const FRAMES_MAX = 64;

/** One token of a batch plan, by its share of all. */
interface Token {
  bytes: number;
  readings: number;
  share: number;
}

export function planBatches(input: PlanInput): Plan {
  const planner = new Planner(input);
  const batches = planner.batches();
  const keeping = batches.filter(({ breaks }) => breaks.length === 0);
  const limits = planner.limits;
  return {
    link: input.link,
    limits,
    batches,
    recommended: least(keeping, (a, b) => a.worstAgeS - b.worstAgeS || a.airtimeSPerDay - b.airtimeSPerDay),
    leastAirtime: least(batches, (a, b) => a.airtimeSPerDay - b.airtimeSPerDay || a.worstAgeS - b.worstAgeS),
    unkept: limits.map(({ name }) => name).filter((name) => batches.every(({ breaks }) => breaks.includes(name))),
  };
}

class Planner {
  readonly limits: Limit[];
  readonly #input: PlanInput;
  readonly #path: Path;
  /** Token costs by length: few lengths differ. */
  readonly #costs = new Map<number, Cost | undefined>();
  readonly #timeRequest: Cost;
  readonly #timeRequestsPerDay: number;
  readonly #statements: { cost: Cost; perDay: number }[];

  constructor(input: PlanInput) {
    const { link, loss, downlinks, copies } = input;
    this.#input = input;
    this.#path = { link, rx1DelayS: NETWORKS[input.network].rx1DelayS, loss, downlinks, copies };
    this.#timeRequest = timeRequestCost(this.#path);
    const { timeRefreshMs, sleepingTimeRefreshMs } = NODE_HABITS;
    this.#timeRequestsPerDay = (DAY_S * 1000) / (input.sleeps ? sleepingTimeRefreshMs : timeRefreshMs);
    this.#statements = input.statements.flatMap(({ bytes, perDay }) => {
      const cost = tokenCost(bytes, false, this.#path);
      return cost === undefined ? [] : [{ cost, perDay }];
    });
    this.limits = limitsOf(input);
  }

  batches(): BatchPlan[] {
    const { onlyReadings, onlyFrames, link } = this.#input;
    const plans: (BatchPlan | undefined)[] = [];
    if (onlyFrames === undefined) {
      const all = Array.from({ length: MAX_BATCH_READINGS }, (_, i) => i + 1);
      for (const readings of onlyReadings === undefined ? all : [onlyReadings]) plans.push(this.#fixed(readings));
    }
    if (onlyReadings === undefined) {
      let before = 0;
      for (let count = onlyFrames ?? 1; count <= (onlyFrames ?? FRAMES_MAX); count++) {
        const plan = this.#full(count, tokenBytesIn(count, link.maxPayload));
        // Where frames are no longer what closes the batch, more of them are the same plan again.
        if (plan !== undefined && (onlyFrames !== undefined || plan.readings >= before + 1)) plans.push(plan);
        before = Math.max(before, plan?.readings ?? 0);
      }
    }
    return plans.filter((plan) => plan !== undefined);
  }

  #fixed(readings: number): BatchPlan | undefined {
    const { plain, key } = this.#input.lengths;
    const keyShare = this.#keyShare(readings);
    const tokens: Token[] = [];
    for (const [lengths, share] of [
      [plain, 1 - keyShare],
      [key, keyShare],
    ] as const) {
      for (const stretch of lengths) {
        if (stretch.length < readings) return undefined;
        tokens.push({ bytes: stretch[readings - 1], readings, share: share / lengths.length });
      }
    }
    return this.#plan("readings", readings, tokens);
  }

  #full(count: number, limitBytes: number): BatchPlan | undefined {
    const { plain, key } = this.#input.lengths;
    const most = this.#mostReadings(limitBytes);
    const fitting = (stretch: readonly number[]): number => {
      let readings = 0;
      while (readings < Math.min(most, stretch.length) && stretch[readings] <= limitBytes) readings++;
      return readings;
    };
    const usual = plain.reduce((sum, stretch) => sum + fitting(stretch), 0) / plain.length;
    const keyShare = this.#keyShare(usual);
    const tokens: Token[] = [];
    for (const [lengths, share] of [
      [plain, 1 - keyShare],
      [key, keyShare],
    ] as const) {
      for (const stretch of lengths) {
        const readings = fitting(stretch);
        if (readings === 0) return undefined;
        tokens.push({ bytes: stretch[readings - 1], readings, share: share / lengths.length });
      }
    }
    return this.#plan("frames", count, tokens);
  }

  /** A batch whose first reading would become too old closes before its frames are full. */
  #mostReadings(limitBytes: number): number {
    const { maxAgeS = Infinity } = this.#input;
    const cost = this.#cost(limitBytes);
    let most = MAX_BATCH_READINGS;
    while (cost !== undefined && most > 1 && this.#oldestS(most, cost) > maxAgeS) most--;
    return most;
  }

  /** Age of the first of so many readings when the token has arrived whole, in seconds; with loss, as it is on the average. */
  #oldestS(readings: number, { deliveryS, waits }: Cost): number {
    const { intervalS } = this.#input;
    const sentS = NODE_HABITS.signatureMs / 1000 + deliveryS;
    return (readings - 1) * intervalS + this.#spreadS(readings) + sentS + waits * readings * intervalS;
  }

  /** The longest that a token of so many readings waits for its random moment. */
  #spreadS(readings: number): number {
    return Math.min((readings * this.#input.intervalS) / NODE_HABITS.spreadFraction, NODE_HABITS.spreadMaxMs / 1000);
  }

  /** The batch that holds the first slot of a day gives its first values in full. */
  #keyShare(readings: number): number {
    return Math.min(1, (readings * this.#input.intervalS) / DAY_S);
  }

  #cost(bytes: number): Cost | undefined {
    if (!this.#costs.has(bytes)) this.#costs.set(bytes, tokenCost(bytes, true, this.#path));
    return this.#costs.get(bytes);
  }

  #plan(closes: BatchPlan["closes"], at: number, tokens: readonly Token[]): BatchPlan | undefined {
    const { intervalS, link } = this.#input;
    const mean = {
      readings: 0,
      tokenBytes: 0,
      frames: 0,
      transmissions: 0,
      airtimeS: 0,
      airBytes: 0,
      credits: 0,
      downlinks: 0,
      receiveS: 0,
      awakeS: 0,
      delivered: 0,
      /** Sum of the readings' mean waiting, for the mean over readings and not over tokens. */
      waitedS: 0,
    };
    let longest = 0;
    let shortest = Infinity;
    let worstAgeS = 0;
    for (const { bytes, readings, share } of tokens) {
      if (share === 0) continue;
      const cost = this.#cost(bytes);
      if (cost === undefined) return undefined;
      const { frames, transmissions, airtimeS, airBytes, credits, downlinks, receiveS, awakeS, delivered } = cost;
      const oldestS = this.#oldestS(readings, cost);
      mean.readings += share * readings;
      mean.tokenBytes += share * bytes;
      mean.frames += share * frames;
      mean.transmissions += share * transmissions;
      mean.airtimeS += share * airtimeS;
      mean.airBytes += share * airBytes;
      mean.credits += share * credits;
      mean.downlinks += share * downlinks;
      mean.receiveS += share * receiveS;
      mean.awakeS += share * awakeS;
      mean.delivered += share * delivered;
      mean.waitedS += share * readings * (oldestS - ((readings - 1) * intervalS + this.#spreadS(readings)) / 2);
      longest = Math.max(longest, readings);
      shortest = Math.min(shortest, readings);
      worstAgeS = Math.max(worstAgeS, oldestS);
    }
    // Shares do not add up to one exactly.
    if (shortest === longest) mean.readings = longest;
    const tokensPerDay = DAY_S / (mean.readings * intervalS);
    const day = this.#day(tokensPerDay, mean);
    const hourS = Math.ceil(HOUR_S / (mean.readings * intervalS)) * mean.airtimeS + this.#besidesInAnHourS();
    const { dutyCyclePermille } = link;
    const energy = this.#energy(tokensPerDay, day);
    const plan: BatchPlan = {
      closes,
      at,
      readings: mean.readings,
      longest,
      tokenBytes: mean.tokenBytes,
      frames: mean.frames,
      tokensPerDay,
      framesPerDay: day.transmissions,
      airtimeSPerDay: day.airtimeS,
      readingsAirtimeSPerDay: tokensPerDay * mean.airtimeS,
      delivered: mean.delivered,
      airBytesPerReading: mean.airBytes / mean.readings,
      dutyCycleShare: dutyCyclePermille === undefined ? undefined : hourS / ((HOUR_S * dutyCyclePermille) / 1000),
      downlinksPerDay: day.downlinks,
      creditsPerDay: day.credits,
      ...energy,
      meanAgeS: mean.waitedS / mean.readings,
      worstAgeS,
      breaks: [],
    };
    plan.breaks = this.limits.filter((limit) => breaksLimit(plan, limit)).map(({ name }) => name);
    return plan;
  }

  /** Everything that is sent in a day. */
  #day(tokensPerDay: number, token: Day): Day {
    const day: Day = { transmissions: 0, airtimeS: 0, credits: 0, downlinks: 0, receiveS: 0, awakeS: 0 };
    const add = (cost: Day, times: number): void => {
      for (const name of DAY_SUMS) day[name] += times * cost[name];
    };
    add(token, tokensPerDay);
    add(this.#timeRequest, this.#timeRequestsPerDay);
    for (const { cost, perDay } of this.#statements) add(cost, perDay);
    return day;
  }

  /** Seconds on the air beside tokens with readings, in an hour with a request for the time and the longest of the daily statements. */
  #besidesInAnHourS(): number {
    let longestS = 0;
    for (const { cost, perDay } of this.#statements) if (perDay >= 1) longestS = Math.max(longestS, cost.airtimeS);
    return this.#timeRequest.airtimeS + longestS;
  }

  #energy(tokensPerDay: number, day: Day): Pick<BatchPlan, "joulesPerDay" | "mahPerDay" | "batteryDays"> {
    const { intervalS, sleeps, standbyUa, powerDbm, batteryMah } = this.#input;
    const samples = DAY_S / intervalS;
    const signed = tokensPerDay + this.#statements.reduce((sum, { perDay }) => sum + perDay, 0);
    // A token's first frame waits for its random moment asleep, so that each is a boot of its own.
    const boots = samples + signed + this.#timeRequestsPerDay;
    const awakeS = sleeps
      ? Math.min(
          DAY_S,
          day.awakeS +
            (samples * NODE_HABITS.sampleMs + signed * NODE_HABITS.signatureMs) / 1000 +
            (boots * BOOT_US) / 1e6,
        )
      : DAY_S;
    const maS =
      awakeS * CURRENT_MA.cpuAwake +
      (DAY_S - awakeS) * CURRENT_MA.cpuAsleep +
      day.airtimeS * transmitMa(powerDbm) +
      day.receiveS * CURRENT_MA.radioReceive +
      DAY_S * CURRENT_MA.radioSleep +
      (DAY_S * standbyUa) / 1000;
    const mahPerDay = maS / HOUR_S;
    return {
      joulesPerDay: (maS * SUPPLY_V) / 1000,
      mahPerDay,
      batteryDays: batteryMah === undefined ? undefined : batteryMah / mahPerDay,
    };
  }
}

type Day = Pick<Cost, "transmissions" | "airtimeS" | "credits" | "downlinks" | "receiveS" | "awakeS">;
const DAY_SUMS = ["transmissions", "airtimeS", "credits", "downlinks", "receiveS", "awakeS"] as const;

function least(plans: readonly BatchPlan[], order: (a: BatchPlan, b: BatchPlan) => number): BatchPlan | undefined {
  return [...plans].sort(order)[0];
}
