/** Application downlinks that wait for their device's next uplink: first in, first out, bounded. */

/** ChirpStack has no bound; a device of Class A that takes one downlink an hour has no use for more. */
const MAX_QUEUED = 16;

export interface DownlinkItem {
  /** UUID, names the item in the events about it. */
  id: string;
  confirmed: boolean;
  /** 1 to 223. */
  fPort: number;
  data: Uint8Array;
}

export class DownlinkQueue {
  #items: DownlinkItem[] = [];
  /** A confirmed downlink that was sent and whose acknowledgement the next uplink should carry. */
  awaiting: { id: string; fCntDown: number } | undefined;

  get length(): number {
    return this.#items.length;
  }

  get head(): DownlinkItem | undefined {
    return this.#items[0];
  }

  /** False when the queue is full. */
  push(item: DownlinkItem): boolean {
    if (this.#items.length >= MAX_QUEUED) return false;
    this.#items.push(item);
    return true;
  }

  shift(): DownlinkItem | undefined {
    return this.#items.shift();
  }
}
