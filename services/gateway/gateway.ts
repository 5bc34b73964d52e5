/**
 * Puts a gateway's parts together.
 *
 * @module
 */
import { AuthVerify } from "../contract/mod.ts";
import { request, type ServiceContext, StreamPublisher } from "../kit/mod.ts";
import type { GatewayConfig } from "./config.ts";
import { Connections } from "./transport/connections.ts";
import type { Edge } from "./edge.ts";
import { FlushSchedule } from "./wire/flush_schedule.ts";
import { createHistoryReader } from "./room/history_reader.ts";
import type { Front } from "./transport/http_server.ts";
import { HttpTransport } from "./transport/http_transport.ts";
import { followLog, type Log } from "./room/log_epoch.ts";
import { PresenceKeeper } from "./room/presence_keeper.ts";
import { RoomTable } from "./room/room_table.ts";
import { createStats } from "./stats.ts";
import { keepTidy } from "./tidy.ts";
import { TokenCache } from "./session/token_cache.ts";
import { UserTable } from "./session/user_table.ts";
import { serveWebSocket } from "./transport/websocket.ts";

/** How long publishes under way may take to be acked while the gateway drains, milliseconds. */
const DRAIN_ACKS_MS = 3_000;

/** How long a gateway that shares its port waits for the log before it listens all the same, milliseconds. */
const FIND_LOG_MS = 5_000;

/** Wires a gateway to NATS and to its HTTP server. */
export async function startGateway(
  { bus, health, onDrain }: ServiceContext,
  config: GatewayConfig,
  front: Front,
): Promise<void> {
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  const stats = createStats();
  const publisher = new StreamPublisher(bus);
  const log: Log = followLog(bus, () => rooms.head);
  const history = createHistoryReader(bus, () => log.epoch);
  const flushes = new FlushSchedule(config.FLUSH_WINDOW_MS);
  const rooms: RoomTable = new RoomTable(
    { bus, history, stats, flushes },
    log,
    config.MAX_ROOMS_SERVED,
  );
  const presence = new PresenceKeeper(bus, id, config.PRESENCE_LINGER_MS);
  const tokens = new TokenCache((token) => request(bus, AuthVerify, { token }));
  // What was revoked meanwhile was not heard of.
  bus.onReconnect(() => tokens.clear());
  const users = new UserTable(bus, (user) => tokens.revoke(user));
  let messages = 0;
  let connected = 0;
  const edge: Edge = {
    id,
    config,
    bus,
    publisher,
    log,
    rooms,
    presence,
    history,
    stats,
    flushes,
    users,
    sessions: new Set(),
    verify: (token) => tokens.verify(token),
    messageId: () => `${id}-${(messages++).toString(36)}`,
    leave(membership, linger) {
      const { session, room } = membership;
      if (session.rooms.get(room.name) !== membership) return;
      session.rooms.delete(room.name);
      room.remove(membership);
      rooms.release(room);
      presence.exit(room.name, session.identity!, linger);
    },
  };
  // Of another log nothing that a client knows is true any more: they come back and begin anew.
  log.onChange((why) => {
    bus.log.warn(why, { epoch: log.epoch });
    for (const session of [...edge.sessions]) session.close("unavailable");
    rooms.clear();
  });
  const endTidying = keepTidy(stats);
  const connections = new Connections(edge, () => `${id}-c${(connected++).toString(36)}`);
  serveWebSocket(front.server, edge, connections);
  const transport = front.transport = new HttpTransport(edge, connections);
  health.require("stream", () => log.epoch !== null);
  onDrain(async () => {
    // The others on this port take who comes from now on; alone, it goes on saying that it drains.
    if (config.REUSE_PORT) front.server.close();
    endTidying();
    connections.stopReading();
    await publisher.idle(DRAIN_ACKS_MS);
    await connections.drain();
    transport.close();
    presence.stop();
    rooms.close();
    users.close();
    log.stop();
    publisher.close();
  });
  if (!config.REUSE_PORT) return;
  await log.found(FIND_LOG_MS);
  await front.listen();
}
