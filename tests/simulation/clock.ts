/**
 * Virtual time for simulations: events run in order of their times, and nothing waits.
 *
 * @module
 */

/** A clock whose time passes only in {@link VirtualClock.run}. Milliseconds from 0. */
export class VirtualClock {
  now = 0;
  #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  /** Runs `run` after `delay` milliseconds. Events of the same time run in the order they were set. */
  after(delay: number, run: () => void): void {
    const event = { at: this.now + delay, order: this.#order++, run };
    const events = this.#events;
    // A binary heap, the earliest event first.
    let i = events.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, events[parent]!)) break;
      events[i] = events[parent]!;
      i = parent;
    }
    events[i] = event;
  }

  /**
   * Lets time pass until `until`. What awaits the result of an event goes on before the next one;
   * `settled` waits for that.
   */
  async run(until: number, settled: () => Promise<void> | null = () => null): Promise<void> {
    while (this.#events.length > 0 && this.#events[0]!.at <= until) {
      const event = this.#pop();
      this.now = event.at;
      event.run();
      await settled();
    }
    this.now = until;
  }

  #pop() {
    const events = this.#events;
    const first = events[0]!;
    const last = events.pop()!;
    if (events.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
      if (!before(events[child]!, last)) break;
      events[i] = events[child]!;
      i = child;
    }
    events[i] = last;
    return first;
  }
}

function before(a: { at: number; order: number }, b: { at: number; order: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
