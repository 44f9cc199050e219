/**
 * Captures for tshark of what many tests sent, and the counts of what became of it. A capture has one session to a DevAddr and one AppKey to a JoinEUI, as
 * tshark.ts needs it; the next key begins another capture. What tshark cannot judge (said there) is counted by its reason.
 */
import { Capture } from "../../host-sim/network/capture.ts";
import type { AirTransmission } from "../../host-sim/radio/channel.ts";
import { dissect, tsharkProblem } from "./tshark.ts";

/** Hexadecimal, as written. */
export interface Device {
  devEui: string;
  joinEui: string;
  appKey: Buffer;
}

export interface Session {
  devAddr: string;
  nwkSKey: Buffer;
  appSKey: Buffer;
  /** Upper halves of the counters, up and down. */
  high: [number, number];
  last: [number, number];
}

export type Key = { session: Session } | { device: Device };

/** What tshark should say of a frame of a capture. */
export interface Expected {
  test: string;
  /** Why tshark cannot judge it. */
  limit: Limit | undefined;
  devAddr: string | undefined;
  fCnt16: number | undefined;
}

export type Limit =
  | "join accepts"
  | "without FPort"
  | "FCnt over 65,535"
  | "over 239 bytes"
  | "FPort 0 taken for a cut command";

export class Tally {
  joinRequests = 0;
  joinAccepts = 0;
  data = 0;
  /** By tshark. */
  good = 0;
  readonly limits = new Map<Limit, number>();

  limited(limit: Limit): void {
    this.limits.set(limit, (this.limits.get(limit) ?? 0) + 1);
  }

  toString(): string {
    const { joinRequests, joinAccepts, data, good, limits } = this;
    const all = joinRequests + joinAccepts + data;
    const beyond = [...limits].map(([limit, count]) => `${count} ${limit}`).join(", ");
    const shark = problem === undefined ? `tshark: ${good} MICs correct; not its to judge: ${beyond || "none"}` : "";
    return `lora-packet: ${all} MICs correct (${joinRequests} join requests, ${joinAccepts} accepts, ${data} data); ${shark}`;
  }
}

/** Why tshark judges nothing here; undefined when it does. */
export const problem = tsharkProblem();
/** What was found wrong, by anybody. */
export const faults: string[] = [];
/** By region. */
export const tallies = new Map<string, Tally>();

/** One file for tshark; written until its keys would become ambiguous, then the next one is. */
class SharkCapture {
  readonly #names = new Map<string, string>();
  readonly #sessions = new Map<string, Session>();
  readonly #devices = new Map<string, Device>();
  #pieces: Buffer[] = [];
  #file: Capture | undefined;
  #expected: Expected[] = [];

  /** False: this key cannot stand beside those that are here. */
  takes(key: Key): boolean {
    const [name, value] =
      "session" in key
        ? [`DevAddr ${key.session.devAddr}`, key.session.nwkSKey.toString("hex")]
        : [`JoinEUI ${key.device.joinEui}`, key.device.appKey.toString("hex")];
    const here = this.#names.get(name);
    if (here !== undefined) return here === value;
    this.#names.set(name, value);
    if ("session" in key) this.#sessions.set(name, key.session);
    else this.#devices.set(name, key.device);
    return true;
  }

  add({ modulation, frame, startUs }: AirTransmission, expected: Expected): void {
    this.#file ??= new Capture((bytes) => this.#pieces.push(Buffer.from(bytes)));
    this.#file.add(startUs / 1000, modulation, frame);
    this.#expected.push(expected);
  }

  get frames(): number {
    return this.#expected.length;
  }

  /** Shows what is in it to tshark, and empties it. */
  judge(tally: Tally): void {
    const expected = this.#expected;
    if (expected.length === 0) return;
    const hex = ({ devAddr, nwkSKey, appSKey }: Session) => {
      return { devAddr, nwkSKey: nwkSKey.toString("hex"), appSKey: appSKey.toString("hex") };
    };
    const roots = [...this.#devices.values()].map((device) => ({ ...device, appKey: device.appKey.toString("hex") }));
    const frames = dissect(Buffer.concat(this.#pieces), [...this.#sessions.values()].map(hex), roots);
    this.#pieces = [];
    this.#file = undefined;
    this.#expected = [];
    if (frames.length !== expected.length) faults.push(`tshark saw ${frames.length} of ${expected.length} frames`);
    for (const [i, { mic, malformed, devAddr, fCnt16, fPort }] of frames.entries()) {
      const { limit, ...wanted } = expected[i];
      if (limit !== undefined) tally.limited(limit);
      else if (mic === "good" && !malformed && devAddr === wanted.devAddr && fCnt16 === wanted.fCnt16) tally.good++;
      else if (fPort === 0 && malformed && mic === "unverified") tally.limited("FPort 0 taken for a cut command");
      else
        faults.push(
          `tshark: MIC ${mic}, DevAddr ${devAddr}, FCnt ${fCnt16}${malformed ? ", malformed" : ""} (${wanted.test})`,
        );
    }
  }
}

const captures = new Map<string, SharkCapture[]>();

/** The first capture of the region whose keys go with this one. */
export function captureFor(region: string, key: Key): SharkCapture {
  const list = captures.get(region) ?? [];
  captures.set(region, list);
  let capture = list.find((candidate) => candidate.takes(key));
  if (capture === undefined) {
    capture = new SharkCapture();
    capture.takes(key);
    list.push(capture);
  }
  return capture;
}

/** Shows what is left to tshark. */
export function judgeCaptures(): void {
  for (const [region, list] of captures) for (const capture of list) capture.judge(tallies.get(region)!);
}
