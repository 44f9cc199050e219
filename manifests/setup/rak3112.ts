/** RAK3112: GPIO4 gates the supply of the radio inside the module. Runs before the node starts (the SDK's "setup/target"). */
import Digital from "embedded:io/digital";

const RADIO_SUPPLY = 4;

export default function setup(done?: () => void): void {
  // Never closed: that would let the pin float.
  new Digital({ pin: RADIO_SUPPLY, mode: Digital.Output, initialValue: 1 }).write(1);
  done?.();
}
