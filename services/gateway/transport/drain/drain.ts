/**
 * Moves the clients of a stopping gateway to the others, a few at a time.
 *
 * @module
 */
import type { Session } from "../../session/session.ts";
import type { DrainPlan } from "./drain_plan.ts";

/** The time between two groups of clients, milliseconds. */
const STEP_MS = 50;

/** What has been accepted from a group must be stored before the group leaves, so that it gets its acks. */
export type Settle = () => Promise<void>;

/**
 * Asks each client to reconnect, and closes its session, when its turn has come. Resolves when all
 * sessions are closed.
 */
export async function moveClients(
  connections: Iterable<{ readonly session: Session }>,
  { window, stay }: DrainPlan,
  settle: Settle,
): Promise<void> {
  const waiting = shuffled([...connections]);
  const began = performance.now();
  for (let next = 0; next < waiting.length;) {
    const elapsed = performance.now() - began;
    const due = elapsed >= stay
      ? waiting.length
      : Math.max(next + 1, Math.ceil(waiting.length * elapsed / window));
    const group = waiting.slice(next, due);
    for (const { session } of group) session.reading.pause("drain");
    await settle();
    const now = performance.now() - began;
    for (const [index, { session }] of group.entries()) {
      const turn = (next + index) / waiting.length * window;
      // Those of a group whose turn has come do not reconnect in the same moment.
      const after = Math.round(Math.max(turn - now, Math.random() * Math.min(STEP_MS, window)));
      session.send({ type: "reconnect", after });
      session.close("draining");
    }
    next = due;
    if (next < waiting.length) await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** In random order: clients that came together, from one place, do not leave together. */
function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
