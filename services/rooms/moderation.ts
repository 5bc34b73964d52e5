/**
 * Takes users out of rooms: kicks, which gateways carry out, and bans, which are stored and keep a user
 * out until they end.
 *
 * @module
 */
import {
  type Denied,
  ROOM_KICKED,
  RoomsBan,
  RoomsBans,
  RoomsKick,
  RoomsUnban,
} from "../contract/mod.ts";
import {
  type Bus,
  createDenialStore,
  denialPage,
  type Denials,
  FaultError,
  publish,
  serve,
} from "../kit/mod.ts";

/** Serves the endpoints. Returns a function that stops: requests under way are still answered. */
export function serveModeration(bus: Bus, denials: Denials): () => Promise<void> {
  const store = createDenialStore(bus, denials);
  const ban = (userId: string, room: string): Denied => ({ kind: "ban", userId, room });
  const subscriptions = [
    serve(bus, RoomsKick, "rooms", (kick, { context }) => {
      publish(bus, ROOM_KICKED, kick, context);
      return {};
    }),

    serve(bus, RoomsBan, "rooms", async ({ userId, room, until = null, reason }) => {
      const at = Date.now();
      if (until !== null && until <= at) {
        throw new FaultError("invalid_format", "until: this time has passed");
      }
      const banned = await store.write(
        ban(userId, room),
        // Always another one: the last word about a ban counts.
        () => ({ kind: "ban", userId, room, at, expiresAt: until, reason }),
      );
      return { banned: banned! };
    }),

    serve(bus, RoomsUnban, "rooms", async ({ userId, room }) => {
      return { lifted: await store.lift(ban(userId, room)) };
    }),

    serve(bus, RoomsBans, "rooms", async ({ room, userId, ...query }) => {
      await denials.sync().catch(() => {
        throw new FaultError("unavailable", "the bans cannot be read", 1_000);
      });
      const page = denialPage(
        denials.list,
        (denial) =>
          denial.kind === "ban" && (room === undefined || denial.room === room) &&
          (userId === undefined || denial.userId === userId),
        query,
      );
      return { ...page, count: denials.list.size };
    }),
  ];
  return async () => {
    await Promise.all(subscriptions.map((subscription) => subscription.drain()));
  };
}
