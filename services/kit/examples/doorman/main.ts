/**
 * A presence notifier: tells one user who came to some rooms and who left them, wherever that user is
 * connected. Run one instance: each would tell.
 *
 * @module
 */
import { type App, runApp } from "../../mod.ts";
import { declaration } from "./declaration.ts";

/** Returns the ids of everybody in a room. */
async function everybodyIn(app: App, room: string): Promise<Set<string>> {
  const ids = new Set<string>();
  let after: string | undefined;
  for (;;) {
    const { members, more } = await app.presence(room, { after });
    for (const { userId } of members) ids.add(userId);
    after = members.at(-1)?.userId;
    if (!more || after === undefined) return ids;
  }
}

await runApp(declaration, {
  start(app, { DOORMAN_ROOMS, DOORMAN_TELLS, DOORMAN_MS }) {
    const known = new Map<string, Set<string>>();
    const look = async (room: string) => {
      const now = await everybodyIn(app, room);
      const before = known.get(room);
      known.set(room, now);
      // Who was there before the doorman did not come.
      if (before === undefined) return;
      const came = [...now.difference(before)];
      const left = [...before.difference(now)];
      if (came.length + left.length === 0) return;
      app.event(DOORMAN_TELLS, "doorman.changed", { room, came, left });
    };
    let busy = false;
    const timer = setInterval(async () => {
      if (busy) return;
      busy = true;
      const results = await Promise.allSettled(DOORMAN_ROOMS.map(look));
      for (const result of results) {
        if (result.status === "rejected") {
          app.log.warn("cannot look", { error: `${result.reason}` });
        }
      }
      busy = false;
    }, DOORMAN_MS);
    app.onDrain(() => clearInterval(timer));
  },
});
