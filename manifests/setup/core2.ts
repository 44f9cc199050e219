/**
 * M5Stack Core2: turns the 5 V of the M-Bus on, from which the LoRa module lives. On the AXP192 (Core2) that is its EXTEN output with the
 * bus's own supply held off; on the AXP2101 (Core2 v1.1) its BLDO2. Display and card are on the radio's SPI bus, so their chip selects are held
 * high. Runs before the node starts (the SDK's "setup/target").
 */
import Digital from "embedded:io/digital";
import SMBus from "embedded:io/smbus";
import { AXP_ADDRESS, AXP2101_BLDO2, axpModel, change, type Registers, switchOn } from "../power/axp.ts";

const DISPLAY_SELECT = 5;
const CARD_SELECT = 4;

export default function setup(done?: () => void): void {
  // Never closed: that would let the pins float.
  for (const pin of [DISPLAY_SELECT, CARD_SELECT]) new Digital({ pin, mode: Digital.Output, initialValue: 1 }).write(1);
  try {
    const power: Registers & { close(): void } = new SMBus({ data: 21, clock: 22, hz: 100_000, address: AXP_ADDRESS });
    const model = axpModel(power);
    if (model === "AXP192") {
      // GPIO0 as an output of 3.3 V keeps the bus from feeding the board; then the boost converter.
      change(power, 0x91, 0xf0, 0xf0);
      change(power, 0x90, 0x07, 0x02);
      change(power, 0x12, 0x40, 0x40);
    } else if (model === "AXP2101") {
      switchOn(power, AXP2101_BLDO2, 3.3);
    }
    power.close();
  } catch {
    // Without its power chip the radio is dead, and says so when the node starts it.
  }
  done?.();
}
