/** The wall clock of this process. Node.js only. */
import { setTimeout } from "node:timers/promises";
import type { WallClock } from "../simulation/pacer.ts";

export const NODE_CLOCK: WallClock = Object.freeze({
  nowMs: () => performance.now(),
  sleep: async (ms: number): Promise<void> => {
    await setTimeout(ms);
  },
});
