/**
 * A crowd of clients in rooms, which most scenarios start with.
 *
 * @module
 */
import type { Drive } from "../rate.ts";
import { stamp } from "../clock.ts";
import type { Connection } from "../connection.ts";
import { openAll } from "../open_all.ts";
import { Swarm } from "../swarm.ts";
import { type Target, ticketsFor } from "../target.ts";

/** How long connecting may take, milliseconds. */
export const CONNECT_MS = 120_000;

/** Connected clients, each in one room. */
export interface Crowd extends Disposable {
  swarm: Swarm;
  target: Target;
  connections: Connection[];
  roomOf(connection: Connection): string;
  /** The `subscribed` frame of each client, by its index. */
  subscribed: string[];
}

/** Connects `rooms` times `members` clients. Each enters its room. */
export async function connectCrowd(target: Target, rooms: number, members: number): Promise<Crowd> {
  const { wire, ports } = target;
  const swarm = new Swarm(wire);
  const count = rooms * members;
  const tickets = await ticketsFor(wire, "user", count);
  const roomOf = ({ index }: Connection) => `bench.room-${index % rooms}`;
  const subscribed: string[] = [];
  swarm.onText = (connection, text) => {
    const { kind } = wire.read(text);
    if (kind === "authenticated") swarm.send(connection, wire.subscribe(roomOf(connection)));
    else if (kind === "subscribed") subscribed[connection.index] = text;
    else if (kind === "error") throw new Error(`the server refused: ${text}`);
  };
  try {
    await openAll(
      swarm,
      count,
      (index) => swarm.open(ports[index % ports.length]!, tickets[index]!),
      ({ index }) => subscribed[index] !== undefined,
      CONNECT_MS,
    );
  } catch (error) {
    swarm[Symbol.dispose]();
    throw error;
  }
  swarm.onText = () => {};
  return {
    swarm,
    target,
    connections: [...swarm.connections],
    roomOf,
    subscribed,
    [Symbol.dispose]: () => swarm[Symbol.dispose](),
  };
}

/** Creates a load in which the first `senders` clients publish in turn. */
export function sendInTurn(crowd: Crowd, senders: number, acks: boolean, seconds: number): Drive {
  const { swarm, target, connections } = crowd;
  const rooms = new Set(connections.map(crowd.roomOf)).size;
  const names = connections.map(crowd.roomOf);
  return {
    target,
    swarm,
    fanOut: connections.length / rooms,
    seconds,
    send(n, due) {
      const connection = connections[n % senders]!;
      const time = stamp(due);
      const id = acks ? `${time}-${n.toString(36)}` : undefined;
      // About as long as a typical chat message.
      const content = `the quick brown fox jumps over the lazy dog, and so on ${time}`;
      swarm.send(connection, target.wire.message(names[connection.index]!, id, content));
    },
  };
}
