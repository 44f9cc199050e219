/** One uplink heard by several gateways is one uplink: copies that arrive within the window of the first one are gathered. */
import type { World } from "../world.ts";
import type { GatewayUplink } from "./gateway.ts";

/** An uplink with all its receptions. */
export interface UplinkSet {
  frame: Uint8Array;
  /** In the order of arrival; never empty. */
  receptions: GatewayUplink[];
}

export class Deduplicator {
  #world: World;
  #windowUs: number;
  #open: UplinkSet[] = [];
  #onSet: (set: UplinkSet) => void;

  constructor(world: World, windowUs: number, onSet: (set: UplinkSet) => void) {
    this.#world = world;
    this.#windowUs = windowUs;
    this.#onSet = onSet;
  }

  add(uplink: GatewayUplink): void {
    const known = this.#open.find((set) => sameTransmission(set.receptions[0], uplink));
    if (known !== undefined) {
      known.receptions.push(uplink);
      return;
    }
    const set: UplinkSet = { frame: uplink.frame, receptions: [uplink] };
    this.#open.push(set);
    this.#world.after(this.#windowUs, () => {
      this.#open = this.#open.filter((other) => other !== set);
      this.#onSet(set);
    });
  }
}

/** The same bytes on the same channel. */
function sameTransmission(first: GatewayUplink, other: GatewayUplink): boolean {
  if (first.modulation.frequencyHz !== other.modulation.frequencyHz) return false;
  if (first.frame.length !== other.frame.length) return false;
  for (let i = 0; i < first.frame.length; i++) if (first.frame[i] !== other.frame[i]) return false;
  return true;
}

/** The reception with the best SNR, and of equal ones the stronger. */
export function bestReception(set: UplinkSet): GatewayUplink {
  return receptionsByQuality(set)[0];
}

/** The receptions, best first; at equal quality the order of arrival stays. */
export function receptionsByQuality(set: UplinkSet): GatewayUplink[] {
  return [...set.receptions].sort((a, b) => b.snrDb - a.snrDb || b.rssiDbm - a.rssiDbm);
}
