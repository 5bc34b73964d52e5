/**
 * A storm of clients: many connect at once, each joins a room, and all vanish again without a word.
 *
 * @module
 */
import { tokenFor } from "../harness/system.ts";
import type { Random } from "./random.ts";

/** How long the clients stay, milliseconds, counted from the first. */
const STAY_MS = [500, 3_000] as const;

/** Where a storm goes, and how large it is. */
export interface StormOptions {
  urls: readonly string[];
  rooms: readonly string[];
  clients: number;
  /** A prefix of the users' ids that no other storm has. */
  name: string;
  random: Random;
}

/** Runs a storm. Resolves once all of its clients are gone. Refusals are part of it. */
export async function storm({ urls, rooms, clients, name, random }: StormOptions): Promise<void> {
  const sockets: WebSocket[] = [];
  const opening = Array.from({ length: clients }, async (_, i) => {
    const token = await tokenFor(`${name}-${i % (clients / 2)}`);
    const socket = new WebSocket(random.pick(urls));
    sockets.push(socket);
    const room = random.pick(rooms);
    socket.onerror = () => {};
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "auth", token }));
      socket.send(JSON.stringify({ type: "subscribe", room, presence: { storm: name } }));
    };
  });
  await Promise.all(opening);
  await new Promise((resolve) => setTimeout(resolve, random.between(...STAY_MS)));
  await Promise.all(sockets.map((socket) => {
    if (socket.readyState === WebSocket.CLOSED) return;
    return new Promise<void>((resolve) => {
      socket.onclose = () => resolve();
      // A gateway that is stopped answers no close.
      setTimeout(resolve, STAY_MS[1]);
      socket.close();
    });
  }));
}
