/** Time for a modelled board that people and programs outside talk to. */
import type { BoardTimer } from "../../host-sim/board/auto-reset.ts";

export class WallTimer implements BoardTimer {
  after(delayUs: number, action: () => void): object {
    return setTimeout(action, delayUs / 1000);
  }

  cancel(event: object | undefined): void {
    clearTimeout(event as NodeJS.Timeout | undefined);
  }
}
