import type { Random, SymmetricCrypto } from "../../ports/crypto.ts";
import type { Region } from "./region/region.ts";

/** What makes a LoRaWAN machine. */
export interface MacOptions {
  /** As written, most significant byte first. */
  devEui: Uint8Array;
  joinEui: Uint8Array;
  region: Region;
  /** In US915 and AU915, 1 to 8: the network's bank of channels, where it is known. Sub-band 2 is channels 8 to 15 and 65. */
  subBand?: number;
  /** Activation by personalisation: the session's address; NwkSKey and AppSKey are in their slots. Without it the device joins. */
  abp?: { devAddr: number };
  crypto: SymmetricCrypto;
  random: Random;
  /** Sends everything at this data rate and switches ADR off. */
  fixedDataRate?: number;
  /** How wrong the clock may be; 40 for a crystal. */
  clockErrorPpm?: number;
  /** How late `handleTimeout` and the start of the radio behind it may be; 15. */
  latencyMs?: number;
  /** Gain of the antenna less the loss before it, 2: the region limits what is radiated. */
  antennaGainDb?: number;
}
