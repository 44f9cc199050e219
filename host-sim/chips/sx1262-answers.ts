/** The commands of an SX126x that only tell (data sheet DS.SX1261-2.W.APP revision 2.1, 13.2, 13.3.3, 13.5 and 13.6): BUSY stays low. */
import type { LoraModem } from "./lora-modem.ts";
import type { Sx1262Interrupts } from "./sx1262-interrupts.ts";
import type { Sx1262Registers } from "./sx1262-registers.ts";
import type { Sx1262Settings } from "./sx1262-settings.ts";

/** What the chip holds besides modem and registers. */
export interface Tellable {
  readonly modem: LoraModem;
  readonly registers: Sx1262Registers;
  readonly interrupts: Sx1262Interrupts;
  readonly packetType: number;
  readonly settings: Sx1262Settings;
  readonly deviceErrors: number;
}

/** Puts the answer in the place of the command; whatever it does not fill in is the status. */
export function answer(bytes: Uint8Array, statusByte: number, chip: Tellable): void {
  const { modem, registers } = chip;
  const opcode = bytes[0];
  const address = (bytes[1] << 8) | bytes[2];
  const offset = bytes[1];
  bytes.fill(statusByte);
  switch (opcode) {
    case 0x1d:
      for (let i = 4; i < bytes.length; i++) bytes[i] = registers.read(address + i - 4);
      break;
    case 0x1e:
      for (let i = 3; i < bytes.length; i++) bytes[i] = modem.buffer[(offset + i - 3) & 0xff];
      break;
    case 0x12:
      bytes[2] = chip.interrupts.status >> 8;
      bytes[3] = chip.interrupts.status;
      break;
    case 0x11:
      bytes[2] = Math.max(chip.packetType, 0);
      break;
    case 0x13:
      bytes[2] = modem.rxLength;
      bytes[3] = chip.settings.rxBase;
      break;
    case 0x14:
      // The packet's RSSI cannot be less than the noise it is measured with; the signal's RSSI can.
      bytes[2] = clamp(-2 * (modem.rxRssiDbm - Math.min(modem.rxSnrDb, 0)), 0, 255);
      bytes[3] = clamp(4 * modem.rxSnrDb, -128, 127);
      bytes[4] = clamp(-2 * modem.rxRssiDbm, 0, 255);
      break;
    case 0x17:
      bytes[2] = chip.deviceErrors >> 8;
      bytes[3] = chip.deviceErrors;
      break;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(value + 0.5)));
}
