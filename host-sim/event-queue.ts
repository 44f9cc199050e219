/** What is to happen, in the order of time and, at the same time, in the order of asking. A binary heap. */

export interface PendingEvent {
  readonly atUs: number;
  readonly serial: number;
  /** Cleared when the event is cancelled or has happened. */
  action: (() => void) | undefined;
}

function isBefore(a: PendingEvent, b: PendingEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.serial < b.serial);
}

export class EventQueue {
  #heap: PendingEvent[] = [];
  #serial = 0;

  push(atUs: number, action: () => void): PendingEvent {
    const event: PendingEvent = { atUs, serial: this.#serial++, action };
    const heap = this.#heap;
    let hole = heap.length;
    heap.push(event);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[hole] = heap[parent];
      hole = parent;
    }
    heap[hole] = event;
    return event;
  }

  /** The next event that was not cancelled, without taking it. */
  peek(): PendingEvent | undefined {
    while (this.#heap.length > 0 && this.#heap[0].action === undefined) this.#takeTop();
    return this.#heap[0];
  }

  /** Takes the event that `peek` showed. */
  pop(): PendingEvent | undefined {
    const top = this.peek();
    if (top !== undefined) this.#takeTop();
    return top;
  }

  #takeTop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const length = heap.length;
    if (length === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[hole] = heap[child];
      hole = child;
    }
    heap[hole] = last;
  }
}
