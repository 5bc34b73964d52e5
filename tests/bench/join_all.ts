/**
 * Clients that have joined and will come and go.
 *
 * @module
 */
import { Joiners } from "./joiners.ts";
import { OPENING_AT_A_TIME } from "./open_all.ts";
import { Swarm } from "./swarm.ts";
import type { Target } from "./target.ts";
import type { Ticket } from "./wire.ts";

/** How long joining may take, milliseconds. */
const JOIN_MS = 120_000;

/** Joined clients and their event loop. */
export interface Joined extends Disposable {
  swarm: Swarm;
  joiners: Joiners;
}

/**
 * Joins a client for each ticket, in rooms of `members`, a limited number at a time. Clients with
 * the tickets of `later` are not joined, and have a room of their own each.
 */
export async function joinAll(
  target: Target,
  tickets: Ticket[],
  members: number,
  later: Ticket[] = [],
): Promise<Joined> {
  const count = tickets.length;
  const rooms = Math.max(1, Math.floor(count / members));
  const swarm = new Swarm(target.wire);
  const joiners = new Joiners(
    swarm,
    target,
    [
      ...tickets.map((ticket, index) => ({ ticket, room: `bench.room-${index % rooms}` })),
      ...later.map((ticket, index) => ({ ticket, room: `bench.later-${index}` })),
    ],
  );
  let started = 0;
  try {
    await swarm.run("joining", () => joiners.joined === count, JOIN_MS, () => {
      joiners.work();
      while (started < count && joiners.joining < OPENING_AT_A_TIME) {
        joiners.join(joiners.joiners[started++]!);
      }
      return 1;
    });
  } catch (error) {
    swarm[Symbol.dispose]();
    throw error;
  }
  return { swarm, joiners, [Symbol.dispose]: () => swarm[Symbol.dispose]() };
}
