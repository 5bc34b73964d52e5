/**
 * Wires the parts of a gateway together.
 *
 * @module
 */
import { connectedRoom } from "../contract/mod.ts";
import {
  type BaseConfig,
  clock,
  observeValue,
  type ServiceContext,
  SlowMessages,
  StreamPublisher,
} from "../kit/mod.ts";
import type { GatewayConfig } from "./config.ts";
import { createHistoryReader } from "./room/history_reader.ts";
import { DeliveryHops } from "./room/delivery_hops.ts";
import { followErasures } from "./room/erased.ts";
import { followLogs } from "./room/logs.ts";
import { originalSeq } from "./room/original_seq.ts";
import { createLookups } from "./room/lookups.ts";
import { Presence } from "./room/presence.ts";
import { RoomTable } from "./room/room_table.ts";
import { createCalls } from "./session/commands/calls.ts";
import { createCommands } from "./session/commands/commands.ts";
import { createGrants } from "./session/commands/grants.ts";
import type { Peer } from "./session/peer.ts";
import { shareUsage } from "./session/quotas/shared_usage.ts";
import { Quotas } from "./session/quotas/quotas.ts";
import { TraceBudget } from "./session/quotas/trace_budget.ts";
import { createInboxBudget } from "./session/reading/inbox.ts";
import { PublishPressure } from "./session/reading/publish_pressure.ts";
import { Session, type SessionDeps } from "./session/session.ts";
import { createAccess } from "./session/identity/access.ts";
import { RefusedAuthentications } from "./session/identity/refused_authentications.ts";
import { TokenCache } from "./session/identity/token_cache.ts";
import { createVerifier } from "./session/identity/verifier.ts";
import { serveUserConnections } from "./session/identity/user_connections.ts";
import { UserTable } from "./session/identity/user_table.ts";
import { createStats, exportState } from "./stats.ts";
import { Connections } from "./transport/connections.ts";
import { AcceptRate } from "./transport/drain/accept_rate.ts";
import { planDrain } from "./transport/drain/drain_plan.ts";
import { followOtherGateways } from "./transport/drain/other_gateways.ts";
import type { HttpServer } from "./transport/http_server.ts";
import { HttpTransport } from "./transport/http_transport.ts";
import { serveWebSocket } from "./transport/websocket.ts";
import { FlushSchedule } from "./wire/flush_schedule.ts";
import { MemoryBudget } from "./wire/memory_budget.ts";

/** How long a draining gateway waits at a time for the acks of publishes under way, milliseconds. */
const DRAIN_ACKS_MS = 3_000;

/** How long a gateway that shares its port waits for the log before it listens anyway, milliseconds. */
const FIND_LOG_MS = 5_000;

/** Wires a gateway to NATS and to its HTTP server. */
export async function startGateway(
  { bus, health, onDrain }: ServiceContext,
  config: GatewayConfig & Pick<BaseConfig, "SLOW_MESSAGE_MS">,
  http: HttpServer,
): Promise<void> {
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  let messages = 0;
  let sessions = 0;
  const stats = createStats();
  const flushes = new FlushSchedule(config.FLUSH_WINDOW_MS);
  const slow = new SlowMessages(config.SLOW_MESSAGE_MS);
  observeValue("hopwire.messages.slow", () => slow.count);
  const deliveries = new DeliveryHops(slow);
  flushes.onWritten((began, ended) => deliveries.written(clock.at(began), clock.at(ended)));
  const memory = new MemoryBudget(config.MEMORY_BUDGET_BYTES);
  const quotas = new Quotas(config);
  const publisher = new StreamPublisher(bus, {
    original: (stream, seq) => originalSeq(bus, stream, seq),
  });
  const logs = followLogs(bus);
  const history = createHistoryReader(bus, (room) => logs.of(room).epoch);
  const acceptRate = new AcceptRate();
  const seconds = setInterval(() => acceptRate.tick(), 1_000);
  const others = followOtherGateways(bus, id);
  let draining = false;
  const presence = new Presence(bus, {
    gateway: id,
    leaseMs: config.GATEWAY_LEASE_MS,
    lingerMs: config.PRESENCE_LINGER_MS,
    connections: config.STATE_CONNECTIONS,
    accepts: () => draining ? 0 : acceptRate.perSecond,
  });
  const lookups = createLookups(bus, id);
  const grants = createGrants(bus);
  const calls = createCalls(bus);
  const rooms: RoomTable = new RoomTable(
    { bus, history, stats, flushes, deliveries, presence, lookups },
    logs,
    config.MAX_ROOMS_SERVED,
  );

  const verifier = createVerifier(bus);
  const tokens = new TokenCache((token) => verifier.submit(token));
  const access = createAccess({
    bus,
    staleMs: config.REVOCATIONS_STALE_MS,
    verify: (token) => tokens.verify(token),
    stats,
    refused: new RefusedAuthentications(bus.log),
  });
  const users = new UserTable(bus, access.isRevoked);
  const commands = createCommands({
    limits: config,
    bus,
    publisher,
    pressure: new PublishPressure(publisher, config.USER_PENDING_PUBLISHES),
    logs,
    rooms,
    presence,
    grants,
    calls,
    history,
    access,
    memory,
    pages: quotas.pages,
    replays: quotas.replays,
    traces: new TraceBudget(config),
    stats,
    userIdsInTraces: config.TRACE_USER_IDS,
    slow,
    messageId: () => `${id}-${(messages++).toString(36)}`,
  });
  const sessionDeps: SessionDeps = {
    limits: config,
    inboxes: createInboxBudget(memory),
    quotas,
    stats,
    flushes,
    users: {
      add(session) {
        acceptRate.add();
        // Before the session may be closed again, because its token is revoked.
        if (config.STATE_CONNECTIONS) connected(session).enter();
        users.add(session);
      },
      remove(session) {
        users.remove(session);
        if (config.STATE_CONNECTIONS) connected(session).exit();
      },
    },
    verify: access.verify,
    commands,
  };
  const connected = ({ identity }: Session) => {
    const room = connectedRoom(identity!.userId);
    return {
      enter: () => presence.enter(room, identity!),
      exit: () => presence.exit(room, identity!, true),
    };
  };
  const openSession = (peer: Peer, now: number) =>
    new Session(`${id}-c${(sessions++).toString(36)}`, peer, sessionDeps, now);

  exportState(stats, {
    users: () => users.size,
    bytesOut: () => flushes.bytesWritten,
    memory,
    pending: () => publisher.pending,
  });
  const connections = new Connections(config, stats, memory, quotas, http.failures);
  const { addresses, failures } = http;
  const transportDeps = {
    id,
    bus,
    config,
    stats,
    flushes,
    connections,
    addresses,
    failures,
    memory,
    openSession,
  };
  serveWebSocket(http.server, http.direct, transportDeps);
  const httpTransport = http.transport = new HttpTransport(transportDeps);

  // Positions in the old log are void: clients reconnect and start over.
  logs.onReplaced((reason, { epoch }) => {
    bus.log.warn(reason, { epoch });
    connections.closeAll("unavailable");
    rooms.clear();
  });
  const stopErasing = followErasures(bus, (room, epoch, seqs) => {
    if (epoch === logs.of(room).epoch) rooms.erase(room, seqs);
  });
  access.start({
    closeRevoked: () => users.closeRevoked(),
    expel(userId, room, why, message) {
      for (const session of users.sessionsOf(userId)) commands.expel(session, room, why, message);
    },
    closeAll: () => connections.closeAll("unavailable"),
  });
  const stopAnswering = serveUserConnections(bus, id, users, () => ({
    connections: connections.size,
    users: users.size,
    rooms: stats.rooms,
  }));
  const stopSharing = shareUsage(bus, id, quotas);
  health.require("stream", () => logs.found);
  health.require("revocations", access.isFresh);
  health.require("files", () => http.hasFiles);
  onDrain(async () => {
    // On a shared port the other gateways accept new connections from now on. A gateway alone keeps
    // listening, so that health checks see that it drains.
    if (config.REUSE_PORT) http.close();
    stopErasing();
    stopSharing();
    stopAnswering();
    draining = true;
    const plan = planDrain({
      clients: connections.size,
      othersAccept: others.accepts(),
      ownAccept: acceptRate.perSecond,
      maxStay: config.DRAIN_WINDOW_MS,
    });
    bus.log.info("moving clients to other gateways", { clients: connections.size, ...plan });
    let acksArrive = true;
    await connections.drain(plan, async () => {
      if (acksArrive) acksArrive = await publisher.settled(DRAIN_ACKS_MS);
    });
    httpTransport.close();
    presence.stop(plan.window - plan.stay);
    others.close();
    clearInterval(seconds);
    grants.close();
    calls.close();
    lookups.close();
    verifier.close();
    rooms.close();
    access.stop();
    logs.stop();
    publisher.close();
  });
  if (!config.REUSE_PORT) return;
  await logs.waitUntilFound(FIND_LOG_MS);
  await http.listen();
}
