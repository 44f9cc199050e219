/** What a loader (the ROM's or the stub) has of the board that it runs on. */
import type { ChipIdentity } from "./chip-identity.ts";
import type { ChipRegisters } from "./chip-registers.ts";
import type { SpiFlash } from "./spi-flash.ts";

export interface LoaderHost {
  readonly chip: ChipIdentity;
  readonly registers: ChipRegisters;
  readonly flash: SpiFlash;
  /** eFuse: only the few commands of Secure Download Mode are left. */
  readonly secureDownload: boolean;
  /** Sends a packet, in SLIP. */
  send(packet: Uint8Array): void;
  /** The UART's rate from the next byte on. */
  setBaudRate(baudRate: number): void;
  /** Jumps to a program in memory. */
  runProgram(entry: number): void;
  /** Leaves the loader for what is in flash. */
  runFlash(): void;
  /** The MD5 of a range of flash, as the chip computes it. */
  digest(offset: number, length: number): Uint8Array;
}

export interface Loader {
  /** Takes a packet from the host. */
  handle(packet: Uint8Array): void;
}

/** GET_SECURITY_INFO: flags, crypt count, purposes of seven keys, chip ID, version of the interface. */
export function securityInfo(chip: ChipIdentity, secureDownload: boolean): Uint8Array {
  const info = new Uint8Array(20);
  info[0] = secureDownload ? 1 << 2 : 0;
  // The last of the key purposes reads 12 on chips as they leave the factory.
  info[11] = 12;
  info[12] = chip.imageChipId;
  return info;
}
