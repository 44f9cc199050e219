/** `groundtruth plan`: how many readings a token should carry, by what a day of it costs and which limits it keeps. */
import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { MAX_BATCH_READINGS, MAX_STEP_S } from "../../firmware/wire/batch.ts";
import { REGION_NAMES } from "../../host-sim/network/network-plan.ts";
import { hasLiftableDwell, NODE_HABITS, type NodeLink, nodeLink, uplinkDataRates } from "../../host-sim/node-link.ts";
import { NETWORK_NAMES, NETWORKS, type NetworkName } from "../planning/networks.ts";
import { planBatches } from "../planning/plan.ts";
import { planChart } from "../planning/plan-chart.ts";
import { type Asked, headText, planAllText, planText } from "../planning/plan-report.ts";
import type { Plan, PlanInput } from "../planning/plan-types.ts";
import { bootTokenBytes, digestTokenBytes } from "../planning/statement-lengths.ts";
import { PROFILE_NAMES, profileOfName } from "../planning/streams.ts";
import { tokenLengths } from "../planning/token-lengths.ts";
import { span } from "../planning/wording.ts";
import { CommandError, EXIT } from "./command-error.ts";
import { readingsOf } from "./plan-readings.ts";

interface Flags {
  region: string;
  dataRate?: number;
  allDr?: boolean;
  dwell: boolean;
  sampleInterval: number;
  profile: string;
  replay?: string;
  columns?: string;
  readings?: number;
  frames?: number;
  latency?: number;
  network: NetworkName;
  copies: number;
  credits?: number;
  loss: number;
  downlinks: boolean;
  digest: boolean;
  boots: number;
  sleep: boolean;
  power?: number;
  battery?: number;
  standby: number;
  years?: number;
  svg?: string;
  json?: boolean;
}

const MONTH_DAYS = 365.25 / 12;

export function registerPlan(program: Command): void {
  program
    .command("plan")
    .description("plan a LoRaWAN node's batches: airtime, energy, data credits and latency against their limits")
    .addOption(new Option("--region <name>", "LoRaWAN region").choices(REGION_NAMES).default("EU868"))
    .option("--dr, --data-rate <dr>", "data rate, 0 to 6 (default: the slowest that can carry a token)", integer(0, 6))
    .option("--all-dr", "every data rate of the region, a line each")
    .option("--no-dwell", "the network has lifted the limit of 400 ms a frame (AS923, AU915)")
    .option("--interval, --sample-interval <s>", "seconds between readings", integer(1, MAX_STEP_S), 300)
    .addOption(new Option("--profile <name>", "what the node measures").choices(PROFILE_NAMES).default("weather"))
    .option("--replay <file>", "readings from a CSV file with weather instead of generated ones")
    .option("--columns <map>", "the file's columns, as temperature=air_temp,humidity=rh,...")
    .addOption(
      new Option("--readings <n>", "only tokens with so many readings")
        .argParser(integer(1, MAX_BATCH_READINGS))
        .conflicts("frames"),
    )
    .option("--frames <n>", "only tokens that are closed when so many frames are full", integer(1, 64))
    .option("--latency <s>", "limit: the age of a reading when it arrives, in seconds", integer(1, 8_640_000))
    .addOption(new Option("--network <name>", "whose limits and prices").choices(NETWORK_NAMES).default("own"))
    .option("--copies <n>", "with --network helium: copies of each frame that are bought", integer(1, 99), 1)
    .option("--credits <n>", "with --network helium: limit of data credits a day", decimal(1, 1e9))
    .option("--loss <p>", "chance that a frame is lost, up and down alike, 0 to 0.9", decimal(0, 0.9), 0)
    .option("--no-downlinks", "no acknowledgement reaches the node: parity goes ahead, nothing is repeated")
    .option("--no-digest", "the node sends no daily digest")
    .option("--boots <n>", "boot tokens a month", decimal(0, 3000), 1)
    .option("--no-sleep", "the node never sleeps")
    .option("--power <dbm>", "what the radio puts out (default: as much as the region allows)", integer(-9, 22))
    .option("--battery <mah>", "the battery's usable charge, to reckon its life", decimal(1, 1e7))
    .option("--standby <ua>", "what board and sensors draw all the time, in microamperes", decimal(0, 1e6), 0)
    .option("--years <y>", "limit: how long the battery is to last", decimal(0.01, 100))
    .option("--svg <file>", "draw the chart into this file")
    .option("--json", "print the figures as JSON, and nothing else")
    .addHelpText(
      "after",
      "\nExit code 0 when a batch keeps all limits, 1 when none does, 2 when it cannot be reckoned as asked. docs/planning.md says what is in the figures.",
    )
    .action(plan);
}

function plan(flags: Flags): void {
  refuseContradictions(flags);
  const links = linksOf(flags);
  const profile = profileOfName(flags.profile)!;
  const { stretches, source } = readingsOf(flags);
  const timeQuality = flags.sleep ? NODE_HABITS.sleepingTimeQuality : NODE_HABITS.timeQuality;
  const lengths = tokenLengths(profile, flags.sampleInterval, timeQuality, stretches);
  const digestBytes = digestTokenBytes();
  const bootBytes = bootTokenBytes(profile);
  const planAt: Planning = (link, changed) =>
    planBatches({
      link,
      network: flags.network,
      intervalS: flags.sampleInterval,
      lengths,
      loss: flags.loss,
      downlinks: flags.downlinks,
      sleeps: flags.sleep,
      copies: flags.copies,
      statements: [
        { bytes: digestBytes, perDay: flags.digest ? 1 : 0 },
        { bytes: bootBytes, perDay: flags.boots / MONTH_DAYS },
      ],
      standbyUa: flags.standby,
      powerDbm: flags.power ?? link.powerDbm,
      batteryMah: flags.battery,
      maxAgeS: flags.latency,
      maxCredits: flags.credits,
      minYears: flags.years,
      onlyReadings: flags.readings,
      onlyFrames: flags.frames,
      ...changed,
    });
  const plans = links.map((link) => planAt(link)).filter(({ batches }) => batches.length > 0);
  if (plans.length === 0) refuseEmpty(flags, links);
  const asked = askedOf(flags, source.text, digestBytes, bootBytes);
  if (flags.svg !== undefined) writeChart(flags.svg, plans, asked);
  if (flags.json) {
    const statements = { digestBytes, bootBytes };
    console.log(
      JSON.stringify({ asked: flags, tokenLengths: source, statements, plans: plans.map(planRecord) }, undefined, 2),
    );
  } else if (flags.allDr) {
    process.stdout.write(planAllText(plans, asked));
  } else {
    process.stdout.write(planText(plans[0], asked));
    process.stdout.write(
      `\nNext:\n${nextSteps(flags, plans[0], planAt)
        .map((step) => `  ${step}\n`)
        .join("")}`,
    );
  }
  if (plans.every(({ recommended }) => recommended === undefined)) process.exitCode = EXIT.failed;
}

/** A plan as JSON has it: what was recommended is named by its place. */
function planRecord({ link, limits, batches, recommended, leastAirtime, unkept }: Plan): object {
  const placeOf = (batch: Plan["recommended"]): number | null => (batch === undefined ? null : batches.indexOf(batch));
  return { link, limits, recommended: placeOf(recommended), leastAirtime: placeOf(leastAirtime), unkept, batches };
}

function refuseContradictions(flags: Flags): void {
  const refuse = (what: string, where: string, next: string): never => {
    throw new CommandError(what, where, next);
  };
  if (flags.allDr && flags.dataRate !== undefined)
    refuse("--all-dr is every data rate", "--dr", "leave one of the two out");
  if (flags.network !== "helium" && (flags.credits !== undefined || flags.copies !== 1)) {
    refuse("data credits are Helium's", flags.credits === undefined ? "--copies" : "--credits", "add --network helium");
  }
  if (flags.years !== undefined && flags.battery === undefined) {
    refuse("--years needs to know the battery", "--years", "add --battery MAH");
  }
  if (flags.columns !== undefined && flags.replay === undefined) {
    refuse("--columns says how to read a replayed file", "--columns", "add --replay FILE");
  }
  if (flags.replay !== undefined && flags.profile !== "weather") {
    refuse("a replayed file has weather", "--replay", "leave --profile out");
  }
  if (!flags.dwell && !hasLiftableDwell(flags.region)) {
    refuse(`${flags.region} has no limit of 400 ms that a network could lift`, "--no-dwell", "leave it out");
  }
}

/** Not one token is possible as asked. */
function refuseEmpty({ frames, readings }: Flags, links: readonly NodeLink[]): never {
  const most = Math.max(...links.map(({ maxPayload }) => maxPayload));
  if (frames !== undefined) {
    const what = `not even one reading fits ${frames} frame${frames === 1 ? "" : "s"} of ${most} bytes`;
    throw new CommandError(what, `--frames ${frames}`, "name more frames, or a faster data rate: --dr, --all-dr");
  }
  throw new CommandError(
    `tokens with so many readings are too long`,
    `--readings ${readings ?? ""}`.trim(),
    "name fewer readings",
  );
}

function linksOf(flags: Flags): NodeLink[] {
  const rates = uplinkDataRates(flags.region);
  const links = rates.map((dataRate) => nodeLink(flags.region, dataRate, !flags.dwell)!);
  const usable = links.filter(({ maxPayload }) => maxPayload > 0);
  if (flags.allDr) return usable;
  if (flags.dataRate === undefined) return usable.slice(0, 1);
  const link = links.find(({ dataRate }) => dataRate === flags.dataRate);
  const where = `--dr ${flags.dataRate}`;
  if (link === undefined) {
    throw new CommandError(
      `${flags.region} has no uplinks at that data rate`,
      where,
      `name one of ${rates.join(", ")}, or --all-dr`,
    );
  }
  if (link.maxPayload <= 0) {
    throw new CommandError(
      `no frame is over within 400 ms at DR${link.dataRate}, as ${flags.region} asks until its network lifts that`,
      where,
      `name one of ${usable.map(({ dataRate }) => dataRate).join(", ")}, or add --no-dwell if the network lifts the limit`,
    );
  }
  return [link];
}

function askedOf(flags: Flags, source: string, digestBytes: number, bootBytes: number): Asked {
  const { network, battery, sampleInterval, loss, downlinks, sleep, digest, boots } = flags;
  const answers = downlinks ? "" : ", no downlinks";
  const { timeRefreshMs, sleepingTimeRefreshMs } = NODE_HABITS;
  const requests = 86_400_000 / (sleep ? sleepingTimeRefreshMs : timeRefreshMs);
  const besides = [
    ...(digest ? [`a digest a day (${digestBytes} bytes)`] : []),
    ...(boots > 0 ? [`${boots} boot token${boots === 1 ? "" : "s"} a month (${bootBytes} bytes)`] : []),
    `${requests} requests for the time a day`,
  ].join(", ");
  return {
    network,
    batteryMah: battery,
    lossy: loss > 0 && !downlinks,
    node: `, ${flags.profile} every ${span(sampleInterval)}, network ${network}${answers}, loss ${Math.round(loss * 1000) / 10} %, ${sleep ? "deep sleep" : "always awake"}`,
    source,
    besides,
  };
}

function writeChart(path: string, plans: readonly Plan[], asked: Asked): void {
  const { link } = plans[0];
  const title =
    plans.length > 1
      ? `${link.region}: batches at every data rate`
      : `${link.region} DR${link.dataRate}: how many readings in a token?`;
  const subtitle = plans.length > 1 ? asked.node.slice(2) : headText(plans[0], asked);
  const footer = `In it: ${asked.besides}. Token lengths: ${asked.source}.`;
  const options = { batteryMah: asked.batteryMah, credits: NETWORKS[asked.network].credits };
  try {
    writeFileSync(path, planChart(plans, { title, subtitle, footer }, options));
  } catch (error) {
    throw new CommandError(`cannot write the chart: ${(error as Error).message}`, `--svg ${path}`, "name another file");
  }
}

/** Makes a plan at a link, with some of what was asked changed. */
type Planning = (link: NodeLink, changed?: Partial<PlanInput>) => Plan;

function nextSteps(flags: Flags, { link, limits, recommended }: Plan, planAt: Planning): string[] {
  const { region, sampleInterval } = flags;
  if (recommended === undefined) return waysOut(flags, link, planAt);
  const readings = recommended.closes === "readings" ? recommended.at : Math.floor(recommended.readings);
  const simulate = `npx groundtruth simulate --region ${region} --data-rate ${link.dataRate} --sample-interval ${sampleInterval} --batch ${readings}`;
  return [
    ...(limits.length === 0
      ? ["nothing limits this plan: add --latency S, --credits N, or --battery MAH --years Y"]
      : []),
    // The simulator's data rates are those that every region has.
    ...(link.dataRate <= 5 && flags.profile === "weather" ? [simulate] : []),
    ...(flags.svg === undefined ? ["add --svg plan.svg for the chart, --all-dr for the other data rates"] : []),
  ];
}

/** What would keep the limits, tried out: another data rate, then a node that sends or asks less. */
function waysOut(flags: Flags, link: NodeLink, planAt: Planning): string[] {
  const faster = uplinkDataRates(flags.region)
    .filter((dataRate) => dataRate >= link.dataRate)
    .map((dataRate) => nodeLink(flags.region, dataRate, !flags.dwell)!);
  const first = (changed: Partial<PlanInput>): number | undefined =>
    faster.find((candidate) => planAt(candidate, changed).recommended !== undefined)?.dataRate;
  const rate = first({});
  if (rate !== undefined) return [`DR${rate} keeps them: --dr ${rate}; all data rates: --all-dr`];
  const ways = [
    { option: "--no-digest", wanted: flags.digest, changed: { statements: [] } },
    { option: "--no-downlinks", wanted: flags.downlinks, changed: { downlinks: false } },
    { option: "--no-sleep", wanted: flags.sleep, changed: { sleeps: false } },
  ].flatMap(({ option, wanted, changed }) => {
    const dataRate = wanted ? first(changed) : undefined;
    return dataRate === undefined ? [] : [`${option} keeps them at DR${dataRate}`];
  });
  return ways.length > 0 ? ways : ["no data rate keeps them: a longer --interval, or fewer limits"];
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`A whole number from ${min} to ${max} is needed.`);
    return value;
  };
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`A number from ${min} to ${max} is needed.`);
    return value;
  };
}
