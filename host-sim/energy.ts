/**
 * Where a node's energy goes: how long its chips were in which state, at the currents that their data sheets give as typical at 3.3 V. Regulator,
 * sensors and the loss in the battery are the board's business and not in it.
 *
 *   SX1262    Semtech DS.SX1261-2.W.APP revision 2.1, tables 3-5 to 3-7 (DC-DC, LoRa 125 kHz, boosted receiver gain)
 *   SX1276    its own figures: chips/sx1276-settings.ts
 *   ESP32-S3  Espressif ESP32-S3 Series Datasheet, "Current Consumption in Low-Power Modes", and as measured awake on a DevKitM-1 at 3.3 V
 *             (https://lucidar.me/en/esp32/power-consumption-of-esp32-s3-devkitm-1/: 31.7 mA and 8 uA)
 */
import type { World } from "./world.ts";

export const SUPPLY_V = 3.3;

/** Milliamperes. */
export const CURRENT_MA = Object.freeze({
  radioSleep: 0.0006,
  radioStandby: 0.6,
  radioReceive: 5.3,
  cpuAwake: 31.7,
  cpuAsleep: 0.008,
});
/** Transmitter of an SX1262 by power: at most so many dBm, milliamperes. */
const TRANSMIT_MA: readonly (readonly [number, number])[] = Object.freeze([
  Object.freeze([14, 90] as const),
  Object.freeze([17, 95] as const),
  Object.freeze([20, 102] as const),
  Object.freeze([22, 118] as const),
]);
/** What a boot takes before the application runs, in microseconds at full current (core/bounds.ts, SLEEP_MIN_MS). */
export const BOOT_US = 300_000;
const DAY_US = 86_400_000_000;

/** What a radio chip's model tells: microseconds, and milliamperes of its transmitter times microseconds. */
export interface RadioTimes {
  transmitUs: number;
  transmitMaUs: number;
  receiveUs: number;
  sleepUs: number;
  /** Its currents in milliamperes, where it is no SX1262. */
  currents?: RadioCurrents;
}

export interface RadioCurrents {
  readonly radioReceive: number;
  readonly radioStandby: number;
  readonly radioSleep: number;
}

const NO_RADIO: RadioTimes = Object.freeze({ transmitUs: 0, receiveUs: 0, sleepUs: 0, transmitMaUs: 0 });

export type CpuState = "off" | "awake" | "asleep";

/** Microseconds and joules since the node was made. */
export interface EnergyReport {
  cpuAwakeUs: number;
  cpuAsleepUs: number;
  boots: number;
  radioTransmitUs: number;
  radioReceiveUs: number;
  radioStandbyUs: number;
  radioSleepUs: number;
  joules: number;
  /** By the time with power, a day's joules. */
  joulesPerDay: number;
  /** The same without the processor. */
  radioJoulesPerDay: number;
}

/** Current of the transmitter at `powerDbm`, in milliamperes. */
export function transmitMa(powerDbm: number): number {
  for (const [atMostDbm, ma] of TRANSMIT_MA) if (powerDbm <= atMostDbm) return ma;
  return TRANSMIT_MA[TRANSMIT_MA.length - 1][1];
}

export class EnergyAccount {
  /** Starts of the processor: power-on and waking. */
  boots = 0;
  #world: World;
  #radio: { times(): RadioTimes } | undefined;
  #state: CpuState = "off";
  #sinceUs: number;
  #bootUs: number;
  #us: Record<CpuState, number> = { off: 0, awake: 0, asleep: 0 };

  /** `bootUs`: what each boot takes beside the time that passes in the simulation. */
  constructor(world: World, radio: { times(): RadioTimes } | undefined, bootUs: number) {
    this.#world = world;
    this.#radio = radio;
    this.#bootUs = bootUs;
    this.#sinceUs = world.nowUs;
  }

  /** The processor is in this state from now on. */
  enter(state: CpuState): void {
    const { nowUs } = this.#world;
    this.#us[this.#state] += nowUs - this.#sinceUs;
    this.#sinceUs = nowUs;
    this.#state = state;
  }

  report(): EnergyReport {
    this.enter(this.#state);
    const cpuAwakeUs = this.#us.awake;
    const cpuAsleepUs = this.#us.asleep;
    const poweredUs = cpuAwakeUs + cpuAsleepUs;
    const times = this.#radio?.times() ?? NO_RADIO;
    const { transmitUs: radioTransmitUs, receiveUs: radioReceiveUs, sleepUs, currents = CURRENT_MA } = times;
    const radioSleepUs = Math.min(sleepUs, poweredUs);
    const radioStandbyUs =
      this.#radio === undefined ? 0 : Math.max(poweredUs - radioTransmitUs - radioReceiveUs - radioSleepUs, 0);
    const radioJoules =
      (times.transmitMaUs +
        radioReceiveUs * currents.radioReceive +
        radioStandbyUs * currents.radioStandby +
        radioSleepUs * currents.radioSleep) *
      JOULES_PER_MA_US;
    const cpuMaUs = (cpuAwakeUs + this.boots * this.#bootUs) * CURRENT_MA.cpuAwake + cpuAsleepUs * CURRENT_MA.cpuAsleep;
    const joules = radioJoules + cpuMaUs * JOULES_PER_MA_US;
    const perDay = poweredUs === 0 ? 0 : DAY_US / poweredUs;
    return {
      cpuAwakeUs,
      cpuAsleepUs,
      boots: this.boots,
      radioTransmitUs,
      radioReceiveUs,
      radioStandbyUs,
      radioSleepUs,
      joules,
      joulesPerDay: joules * perDay,
      radioJoulesPerDay: radioJoules * perDay,
    };
  }
}

const JOULES_PER_MA_US = (SUPPLY_V * 0.001) / 1_000_000;
