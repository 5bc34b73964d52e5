/**
 * Joins as work: connected clients subscribe to rooms of five, and leave them as soon as they are in.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import type { Joined } from "../join_all.ts";
import type { Target } from "../target.ts";
import type { Work } from "./overload.ts";

/** Rooms that one client joins in turn. A connection may be in 100. */
const ROOMS_EACH = 90;

/** Returns the work of the first `clients` clients. */
export function joinWork({ wire }: Target, { swarm, joiners }: Joined, clients: number): Work {
  /** The rooms that each client waits for, and since when; oldest first. */
  const waiting = Array.from({ length: clients }, () => new Map<string, number>());
  const work: Work = {
    start(n, due) {
      const index = n % clients;
      const room = `load.${Math.floor(index / 5)}-${Math.floor(n / clients) % ROOMS_EACH}`;
      const { connection } = joiners.joiners[index]!;
      // The client is about to return, still waits for this room, or cannot send.
      const can = connection !== null && !waiting[index]!.has(room);
      if (can && swarm.send(connection, wire.subscribe(room))) waiting[index]!.set(room, due);
      else work.refused++;
    },
    done: 0,
    refused: 0,
    took: new Histogram(),
  };
  const others = swarm.onText;
  swarm.onText = (connection, text) => {
    const joiner = joiners.of(connection);
    const rooms = joiner && waiting[joiner.index];
    const { kind, room } = wire.read(text);
    // A protocol that does not name the room answers in order.
    const answered = room ?? rooms?.keys().next().value;
    const due = answered === undefined ? undefined : rooms?.get(answered);
    if (joiner?.state !== "joined" || due === undefined || kind === "other") {
      return others(connection, text);
    }
    rooms!.delete(answered!);
    if (kind === "subscribed") {
      work.done++;
      work.took.add(clock() - due);
      swarm.send(connection, wire.unsubscribe(answered!));
    } else work.refused++;
  };
  const ended = swarm.onEnd;
  swarm.onEnd = (connection, code, refusal) => {
    const joiner = joiners.of(connection);
    const rooms = joiner && waiting[joiner.index];
    work.refused += rooms?.size ?? 0;
    rooms?.clear();
    ended?.(connection, code, refusal);
  };
  return work;
}
