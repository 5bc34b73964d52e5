/**
 * One more client that arrives: what a user sees who opens the page now.
 *
 * @module
 */
import { Joiners } from "./joiners.ts";
import { Swarm } from "./swarm.ts";
import { type Target, ticketsFor } from "./target.ts";

let arrived = 0;

/**
 * Connects one client with its own token to a room of its own and disconnects it. Returns how long
 * the join took, milliseconds, or null if it did not succeed within `deadline` milliseconds.
 */
export async function newcomer(target: Target, deadline: number): Promise<number | null> {
  const name = `newcomer-${arrived++}`;
  const [ticket] = await ticketsFor(target.wire, name, 1);
  using swarm = new Swarm(target.wire);
  const joiners = new Joiners(swarm, target, [{ ticket: ticket!, room: `bench.${name}` }]);
  joiners.join(joiners.joiners[0]!);
  try {
    await swarm.run("a newcomer", () => joiners.joined === 1, deadline, () => {
      joiners.work();
      return 1;
    });
  } catch {
    return null;
  }
  return joiners.took.quantile(0.5) / 1_000;
}
