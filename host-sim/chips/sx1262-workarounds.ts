/** What a careless driver forgets before it sends or receives: the chip goes on, but works badly (data sheet DS.SX1261-2.W.APP, chapter 15). */
import { REGISTER, type Sx1262Registers } from "./sx1262-registers.ts";
import type { Sx1262Settings } from "./sx1262-settings.ts";
import type { Sx126xVariant } from "./sx1262-variants.ts";

const NOTHING: readonly string[] = Object.freeze([]);
/** 6.1.1.4: symbols from 16.38 ms on. */
const SLOW_SYMBOL_US = 16_000;

/** Names of the rules that these settings break. */
export function neglected(
  settings: Sx1262Settings,
  registers: Sx1262Registers,
  variant: Sx126xVariant,
  transmitting: boolean,
): readonly string[] {
  const symbolUs = ((1 << settings.spreadingFactor) * 1e6) / settings.bandwidthHz;
  const lowDataRate = symbolUs > SLOW_SYMBOL_US === (settings.lowDataRate === 1);
  const iqPolarity = (registers.read(REGISTER.iqPolarity) & 4) === (settings.invertIq ? 0 : 4);
  const modulation = (registers.read(REGISTER.txModulation) & 4) === (settings.bandwidthHz === 500_000 ? 0 : 4);
  const clamp = variant.lowPower || (registers.read(REGISTER.txClamp) & 0x1e) === 0x1e;
  // 13.1.14: below 400 MHz a duty cycle above 4 harms the low-power amplifier too.
  const amplifier = settings.dutyCycle <= 4 || settings.frequencyHz >= 400e6;
  if (lowDataRate && iqPolarity && (!transmitting || (modulation && clamp && amplifier))) return NOTHING;
  const rules: string[] = [];
  if (!lowDataRate) rules.push("low-data-rate");
  if (!iqPolarity) rules.push("workaround 15.4");
  if (transmitting && !modulation) rules.push("workaround 15.1");
  if (transmitting && !clamp) rules.push("workaround 15.2");
  if (transmitting && !amplifier) rules.push("amplifier-duty-cycle");
  return rules;
}

/** 15.3: is this WriteRegister the last step of stopping the timer and clearing its event? */
export function stopsTimer(bytes: Uint8Array, registers: Sx1262Registers): boolean {
  const address = (bytes[1] << 8) | bytes[2];
  return address === REGISTER.eventMask && (bytes[3] & 2) !== 0 && registers.read(REGISTER.timerControl) === 0;
}
