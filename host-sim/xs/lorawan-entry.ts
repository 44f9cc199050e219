/** An entry with the LoRaWAN machine and one region, and what they import: its linked image beside the empty one tells the flash they take. */
import { Mac } from "../../firmware/core/lorawan/mac.ts";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";

export default function hasLorawan(): number {
  return Mac.length > 0 && EU868.channelCount > 0 ? 0 : 1;
}
