/**
 * Virtual time for tests of code that uses timers: nothing waits, and a slow machine changes nothing.
 *
 * @module
 */
import { VirtualClock } from "../simulation/clock.ts";

/** The time that the code under test sees. */
export interface VirtualTime {
  /** Milliseconds since the start. */
  readonly now: number;
  /** Lets so much time pass. What awaits the result of a timer goes on before the next timer. */
  pass(ms: number): Promise<void>;
}

/**
 * Runs `test` while `performance.now`, `setTimeout` and `setImmediate` follow virtual time. `test` must
 * await nothing that takes real time.
 */
export async function withVirtualTime(test: (time: VirtualTime) => Promise<void>): Promise<void> {
  const clock = new VirtualClock();
  const real = { setTimeout, clearTimeout, setImmediate };
  const cancelled = new Set<number>();
  const settled = () => new Promise<void>((resolve) => real.setImmediate(resolve));
  let ids = 0;
  const after = (run: () => void, ms = 0): number => {
    const id = ++ids;
    clock.after(Math.max(0, ms), () => cancelled.delete(id) || run());
    return id;
  };
  Object.assign(globalThis, {
    setTimeout: after,
    clearTimeout: (id?: number) => void (id !== undefined && cancelled.add(id)),
    setImmediate: (run: () => void) => after(run),
  });
  Object.defineProperty(performance, "now", { value: () => clock.now, configurable: true });
  try {
    await test({
      get now() {
        return clock.now;
      },
      async pass(ms) {
        await settled();
        await clock.run(clock.now + ms, settled);
      },
    });
  } finally {
    Object.assign(globalThis, real);
    // The method of the prototype is visible again.
    delete (performance as { now?: unknown }).now;
  }
}
