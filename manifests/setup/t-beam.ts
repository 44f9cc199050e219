/**
 * LilyGO T-Beam V1.0 to V1.2: the radio hangs on a supply of the power chip, LDO2 of the AXP192 (V1.0, V1.1) or ALDO2 of the AXP2101 (V1.2). The
 * GNSS receiver's supply is switched off: nothing in this firmware uses it, and it takes tens of milliamperes. Runs before the node starts (the
 * SDK's "setup/target").
 */
import SMBus from "embedded:io/smbus";
import {
  AXP_ADDRESS,
  AXP192_LDO2,
  AXP192_LDO3,
  AXP2101_ALDO2,
  AXP2101_ALDO3,
  axpModel,
  type Registers,
  switchOff,
  switchOn,
} from "../power/axp.ts";

export default function setup(done?: () => void): void {
  try {
    const power: Registers & { close(): void } = new SMBus({ data: 21, clock: 22, hz: 100_000, address: AXP_ADDRESS });
    const model = axpModel(power);
    if (model === "AXP192") {
      switchOn(power, AXP192_LDO2, 3.3);
      switchOff(power, AXP192_LDO3);
    } else if (model === "AXP2101") {
      switchOn(power, AXP2101_ALDO2, 3.3);
      switchOff(power, AXP2101_ALDO3);
    }
    power.close();
  } catch {
    // Without its power chip the radio is dead, and says so when the node starts it.
  }
  done?.();
}
