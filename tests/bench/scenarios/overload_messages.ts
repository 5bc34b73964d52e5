/**
 * Messages as work: clients in rooms of five speak in turn, and each message is acked.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import type { Joined } from "../join_all.ts";
import type { Target } from "../target.ts";
import type { Work } from "./overload.ts";

/** Returns the work of the first `clients` clients. */
export function messageWork({ wire }: Target, { swarm, joiners }: Joined, clients: number): Work {
  const work: Work = {
    start(n, due) {
      const { connection, room } = joiners.joiners[n % clients]!;
      const time = stamp(due);
      const id = `${time}-${n.toString(36)}`;
      const frame = wire.message(room, id, `more than anybody can carry ${time}`);
      if (connection === null || !swarm.send(connection, frame)) work.refused++;
    },
    done: 0,
    refused: 0,
    took: new Histogram(),
  };
  swarm.onAck = (_, due) => {
    work.done++;
    work.took.add(clock() - due);
  };
  const others = swarm.onText;
  swarm.onText = (connection, text) => {
    if (joiners.of(connection)?.state === "joined" && wire.read(text).kind === "error") {
      work.refused++;
    } else others(connection, text);
  };
  return work;
}
