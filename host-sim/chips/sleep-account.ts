/** How long a radio chip sent, listened and slept: what the energy account asks it. */
import type { RadioCurrents, RadioTimes } from "../energy.ts";
import type { World } from "../world.ts";
import type { LoraModem } from "./lora-modem.ts";

export class SleepAccount {
  #world: World;
  #sleptUs = 0;
  /** Asleep since then; undefined while awake. */
  #sinceUs: number | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  begin(): void {
    this.end();
    this.#sinceUs = this.#world.nowUs;
  }

  end(): void {
    this.#sleptUs = this.sleptUs;
    this.#sinceUs = undefined;
  }

  /** Up to now. */
  get sleptUs(): number {
    return this.#sleptUs + (this.#sinceUs === undefined ? 0 : this.#world.nowUs - this.#sinceUs);
  }

  times(modem: LoraModem, currents?: RadioCurrents): RadioTimes {
    const { transmittedUs: transmitUs, transmittedMaUs: transmitMaUs, listenedUs: receiveUs } = modem;
    return { transmitUs, transmitMaUs, receiveUs, sleepUs: this.sleptUs, currents };
  }
}
