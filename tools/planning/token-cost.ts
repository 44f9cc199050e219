/**
 * What one token costs on the way from node to receiver, at a link and a chance of loss: frames and their time on air, data credits, listening,
 * the processor's time, downlinks, and how long the delivery takes. Expectations where there is loss.
 */
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import { type NodeFrame, nodeFrames } from "../../host-sim/node-frames.ts";
import { NODE_HABITS, type NodeLink, windowMs } from "../../host-sim/node-link.ts";
import { deliveryChance, type Repair, repairWithAnswers } from "./loss.ts";

/** LoRaWAN around the application's bytes: MHDR 1, DevAddr 4, FCtrl 1, FCnt 2, FPort 1, MIC 4. */
export const FRAME_BYTES = 13;

/** What the network does beside the region's rules. */
export interface Path {
  link: NodeLink;
  /** From the end of an uplink to RX1, in seconds. */
  rx1DelayS: number;
  /** Chance that a frame is lost, up and down alike. */
  loss: number;
  /** False: no acknowledgement ever comes. */
  downlinks: boolean;
  /** Copies of each frame that are bought. */
  copies: number;
}

export interface Cost {
  /** Frames that go out when nothing is lost. */
  frames: number;
  /** The same as they are on the average with parity, repair and questions. */
  transmissions: number;
  airtimeS: number;
  /** Bytes on the air, LoRaWAN's own included. */
  airBytes: number;
  credits: number;
  downlinks: number;
  /** Receiver on, processor on for the frames and their windows. */
  receiveS: number;
  awakeS: number;
  /** From the first frame's start until all of it is at the receiver, without waiting for another token. */
  deliveryS: number;
  /** How often it waits until the next token is answered. */
  waits: number;
  /** The chance that it arrives at all. */
  delivered: number;
}

/** Helium bills each started 24 bytes of application payload, an empty frame as one. */
const CREDIT_BYTES = 24;
const RX2_AFTER_RX1_S = 1;
/** A final acknowledgement: type, seq, the tokens before it, and tag (firmware/wire/control-message.ts). */
const ACKNOWLEDGEMENT_BYTES = 10;
/** FHDR with one MAC command and no port. */
const TIME_REQUEST_BYTES = 13;
/** DeviceTimeAns in FOpts. */
const TIME_ANSWER_BYTES = 18;

/** Seconds on the air of a frame of `bytes`, LoRaWAN's own included. */
export function airtimeS(link: NodeLink, bytes: number): number {
  return timeOnAirUs(link.modulation, bytes) / 1e6;
}

export function creditsOf(payload: number): number {
  return Math.max(1, Math.ceil(payload / CREDIT_BYTES));
}

/** A token of `bytes`; undefined where no frame can carry it. */
export function tokenCost(bytes: number, compact: boolean, path: Path): Cost | undefined {
  const { link, loss } = path;
  const frames = nodeFrames(bytes, link.maxPayload, compact, path.downlinks);
  if (frames.length === 0) return undefined;
  const cost = newCost(frames.filter(({ kind }) => kind !== "parity").length);
  if (!path.downlinks) {
    for (const { payload } of frames) addFrames(cost, path, payload, 1);
    cost.deliveryS = sendingS(frames, path);
    cost.delivered = deliveryChance(frames, loss);
    return cost;
  }
  const repair = repairWithAnswers(frames.length, loss, compact);
  for (const { payload } of frames) addFrames(cost, path, payload, repair.transmissions);
  addFrames(cost, path, compact ? frames[frames.length - 1].payload : 1, repair.questions);
  addAnswers(cost, path, repair, FRAME_BYTES + ACKNOWLEDGEMENT_BYTES);
  cost.deliveryS = repair.transmissions * sendingS(frames, path);
  if (compact) cost.waits = repair.waits;
  else cost.deliveryS += (repair.waits * NODE_HABITS.ackRequestMs) / 1000;
  return cost;
}

/** A request for the time, repeated until it is answered. */
export function timeRequestCost(path: Path): Cost {
  const cost = newCost(1);
  const attempts = 1 / (1 - path.loss) ** 2;
  addFrame(cost, path, TIME_REQUEST_BYTES, 0, attempts);
  addAnswers(cost, path, { downlinks: attempts * (1 - path.loss), heard: 1 }, TIME_ANSWER_BYTES);
  return cost;
}

function newCost(frames: number): Cost {
  return {
    frames,
    transmissions: 0,
    airtimeS: 0,
    airBytes: 0,
    credits: 0,
    downlinks: 0,
    receiveS: 0,
    awakeS: 0,
    deliveryS: 0,
    waits: 0,
    delivered: 1,
  };
}

/** Seconds that the frames take one after the other, each with its windows. */
function sendingS(frames: readonly NodeFrame[], path: Path): number {
  let sum = 0;
  for (const { payload } of frames) sum += airtimeS(path.link, FRAME_BYTES + payload) + quietS(path);
  return sum;
}

/** From the end of a frame to the end of its second window. */
function quietS({ link, rx1DelayS }: Path): number {
  const rx2S = rx1DelayS + RX2_AFTER_RX1_S;
  return rx2S + windowMs(link.rx2, rx2S * 1000) / 1000;
}

function addFrames(cost: Cost, path: Path, payload: number, times: number): void {
  addFrame(cost, path, FRAME_BYTES + payload, payload, times);
}

function addFrame(cost: Cost, path: Path, bytes: number, payload: number, times: number): void {
  const { link, rx1DelayS } = path;
  const airS = airtimeS(link, bytes);
  const rx2DelayS = rx1DelayS + RX2_AFTER_RX1_S;
  cost.transmissions += times;
  cost.airtimeS += times * airS;
  cost.airBytes += times * bytes;
  // Only what the network delivers is billed.
  cost.credits += times * (1 - path.loss) * creditsOf(payload) * path.copies;
  cost.receiveS += (times * (windowMs(link.rx1, rx1DelayS * 1000) + windowMs(link.rx2, rx2DelayS * 1000))) / 1000;
  cost.awakeS += times * (airS + quietS(path));
}

/** Where a downlink comes in RX1 the node listens for as long as it lasts, and does not wait for RX2. */
function addAnswers(cost: Cost, path: Path, repair: Pick<Repair, "downlinks" | "heard">, bytes: number): void {
  const { link, rx1DelayS } = path;
  const answerS = timeOnAirUs(link.rx1, bytes) / 1e6;
  const windowsS =
    (windowMs(link.rx1, rx1DelayS * 1000) + windowMs(link.rx2, (rx1DelayS + RX2_AFTER_RX1_S) * 1000)) / 1000;
  cost.downlinks += repair.downlinks;
  cost.receiveS += repair.heard * (answerS - windowsS);
  cost.awakeS += repair.heard * (rx1DelayS + answerS - quietS(path));
}
