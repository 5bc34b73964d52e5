/**
 * Opens many connections, a limited number at a time.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import type { Swarm } from "./swarm.ts";

/** Most connections that open concurrently. */
export const OPENING_AT_A_TIME = 128;

/** Opens connections, and runs the swarm until all are `ready`. */
export async function openAll(
  swarm: Swarm,
  count: number,
  make: (index: number) => Connection,
  ready: (connection: Connection) => boolean,
  deadline: number,
): Promise<void> {
  const opening = new Set<Connection>();
  let opened = 0;
  await swarm.run(
    `opening ${count} connections`,
    () => {
      for (const connection of opening) {
        if (connection.state === "closed") throw new Error("a connection was refused");
        if (ready(connection)) opening.delete(connection);
      }
      return opened === count && opening.size === 0;
    },
    deadline,
    () => {
      while (opened < count && opening.size < OPENING_AT_A_TIME) opening.add(make(opened++));
      return 1;
    },
  );
}
