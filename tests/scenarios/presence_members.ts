/**
 * What the presence scenarios share: joining, and what a client was told of others.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { PresenceState, ServerFrameOf } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { until } from "../harness/wait.ts";

/** Joins a room. */
export async function join(
  client: TestClient,
  room: string,
  presence?: PresenceState,
): Promise<ServerFrameOf<"subscribed">> {
  client.send({ type: "subscribe", room, presence });
  return await client.take("subscribed", (frame) => frame.room === room);
}

/** What a client was told of others in a room: `+ann`, `-ann`, `~ann` (updated), in order. */
export function told(client: TestClient, room: string): string[] {
  const signs = { "user-joined": "+", "user-left": "-", "user-updated": "~" };
  return client.frames.flatMap((frame) =>
    (frame.type === "user-joined" || frame.type === "user-left" || frame.type === "user-updated") &&
      frame.room === room
      ? [signs[frame.type] + frame.userId]
      : []
  );
}

/** Asserts that joins and leaves of each user alternate, as one client was told of them. */
export function assertAlternating(client: TestClient, room: string): void {
  const last = new Map<string, string>();
  for (const one of told(client, room)) {
    const [sign, user] = [one[0]!, one.slice(1)];
    if (sign === "~") continue;
    assert.notEqual(last.get(user), sign, `${one} twice in ${told(client, room)}`);
    last.set(user, sign);
  }
}

let pages = 0;

/** The members that a client's gateway lists, in order. */
export async function members(
  client: TestClient,
  room: string,
): Promise<ServerFrameOf<"presence">["members"]> {
  const id = `page-${pages++}`;
  client.send({ type: "presence", room, id });
  return (await client.take("presence", (frame) => frame.id === id)).members;
}

/** Waits until a client's gateway lists exactly these users. */
export async function untilListed(client: TestClient, room: string, users: string): Promise<void> {
  await until(`${users} in ${room}`, async () => {
    const listed = (await members(client, room)).map(({ userId }) => userId).join();
    if (listed !== users) throw new Error(listed);
    return true;
  });
}

/**
 * Waits for a user who joins now: whatever was stated before has arrived when the watchers are told.
 */
export async function passBy(
  visitor: TestClient,
  room: string,
  watchers: readonly TestClient[],
  name: string,
): Promise<void> {
  await join(visitor, room);
  for (const watcher of watchers) {
    await watcher.take("user-joined", ({ userId }) => userId === name);
  }
}
