/** What a plan is made of and what it says (plan.ts makes it). */
import type { NodeLink } from "../../host-sim/node-link.ts";
import type { NetworkName } from "./networks.ts";
import type { TokenLengths } from "./token-lengths.ts";

export interface PlanInput {
  link: NodeLink;
  network: NetworkName;
  /** Seconds from reading to reading. */
  intervalS: number;
  lengths: TokenLengths;
  /** Chance that a frame is lost, up and down alike. */
  loss: number;
  /** The receiver's acknowledgements reach the node. */
  downlinks: boolean;
  /** The node sleeps between events; its clock is then an RC oscillator and asks for the time each hour. */
  sleeps: boolean;
  /** Copies of each frame that are bought (Helium). */
  copies: number;
  /** Bytes of the tokens without readings, and how many a day of each; 0 of a kind: none. */
  statements: { bytes: number; perDay: number }[];
  /** What board and sensors draw all the time beside processor and radio, in microamperes. */
  standbyUa: number;
  /** Power of the transmitter in dBm. */
  powerDbm: number;
  batteryMah?: number;
  /** Asked for: the age of a reading at the receiver at most, credits a day, years with the battery. */
  maxAgeS?: number;
  maxCredits?: number;
  minYears?: number;
  /** Only this number of readings, or only batches that fill this number of frames. */
  onlyReadings?: number;
  onlyFrames?: number;
}

export type LimitName = "dutyCycle" | "fairUseAirtime" | "fairUseDownlinks" | "age" | "credits" | "years";

/** One limit. */
export interface Limit {
  name: LimitName;
  /** In the unit of its name: share of an hour's airtime, seconds a day, downlinks a day, seconds, credits a day, years. */
  value: number;
}

/** One way to close batches, and a day with it. */
export interface BatchPlan {
  /** "readings": always so many; "frames": when so many frames are full. */
  closes: "readings" | "frames";
  /** So many. */
  at: number;
  /** Readings in a batch: mean, and the most that one had. */
  readings: number;
  longest: number;
  tokenBytes: number;
  /** Frames of a token when nothing is lost. */
  frames: number;
  tokensPerDay: number;
  /** Of tokens with readings, statements and requests for the time, with loss. */
  framesPerDay: number;
  airtimeSPerDay: number;
  /** Of that, tokens with readings. */
  readingsAirtimeSPerDay: number;
  /** The chance that a token arrives: 1 where what is missing is sent again. */
  delivered: number;
  /** Bytes on the air a reading, tokens with readings alone. */
  airBytesPerReading: number;
  /** Share of what the busiest hour allows; undefined where there is no limit. */
  dutyCycleShare: number | undefined;
  downlinksPerDay: number;
  creditsPerDay: number;
  joulesPerDay: number;
  mahPerDay: number;
  batteryDays: number | undefined;
  /** From measuring to being whole at the receiver. */
  meanAgeS: number;
  worstAgeS: number;
  /** Limits that it breaks. */
  breaks: LimitName[];
}

export interface Plan {
  link: NodeLink;
  limits: Limit[];
  batches: BatchPlan[];
  /** Keeps all limits, with the freshest readings. */
  recommended: BatchPlan | undefined;
  /** Has the least airtime, limits or not. */
  leastAirtime: BatchPlan | undefined;
  /** Limits that no batch keeps. Empty, and nothing recommended: they cannot be kept together. */
  unkept: LimitName[];
}
