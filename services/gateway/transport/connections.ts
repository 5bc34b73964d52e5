/**
 * The registry of a gateway's connections, whatever their transport. It bounds their number, checks
 * their deadlines and heartbeats, and closes them when the gateway drains.
 *
 * @module
 */
import type { CloseName } from "../../contract/mod.ts";
import type { Session } from "../session/session.ts";
import type { HandshakeFailures } from "./handshake_failures.ts";
import type { TransportConfig, TransportStats } from "./transport_config.ts";

/** One client's connection, as the registry sees it. */
export interface Connection {
  readonly session: Session;
  /** The client's address, in canonical form. Proxies that are not trusted count as clients. */
  readonly address: string;
  /** Whether the client has been pinged since its last sign of life. */
  pinged: boolean;
  /**
   * Returns how long the client has been silent while the gateway was reading, milliseconds. `now` is
   * a monotonic time in milliseconds.
   */
  silence(now: number): number;
  /** Sends a heartbeat: a live client answers it, or it keeps proxies from closing the connection. */
  ping(): void;
}

/** How often deadlines and heartbeats are checked, milliseconds. Shorter if a deadline is shorter. */
const TICK_MS = 1_000;

/**
 * How long a client may take to answer a close before its socket is destroyed, milliseconds. A reader
 * that has stopped reading never answers.
 */
export const CLOSE_TIMEOUT_MS = 5_000;

/** How often a drain checks whether all connections have closed, milliseconds. */
const DRAIN_CHECK_MS = 20;

/** Clients of a draining gateway reconnect after a random delay of up to this, milliseconds. */
const RECONNECT_SPREAD_MS = 1_500;

/** See the module's doc. */
export class Connections {
  readonly #config: TransportConfig;
  readonly #stats: TransportStats;
  readonly #failures: HandshakeFailures;
  readonly #all = new Set<Connection>();
  readonly #timer: ReturnType<typeof setInterval>;
  #draining = false;

  constructor(config: TransportConfig, stats: TransportStats, failures: HandshakeFailures) {
    this.#config = config;
    this.#stats = stats;
    this.#failures = failures;
    const { PING_INTERVAL_MS, AUTH_DEADLINE_MS } = config;
    this.#timer = setInterval(
      () => this.#tick(),
      Math.min(TICK_MS, PING_INTERVAL_MS, AUTH_DEADLINE_MS),
    );
  }

  /** Whether a new connection must be refused: the limit is reached, or the gateway is draining. */
  get full(): boolean {
    return this.#draining || this.#all.size >= this.#config.MAX_CONNECTIONS;
  }

  /** Registers a new connection. */
  add(connection: Connection): void {
    this.#all.add(connection);
    this.#stats.connected++;
    this.#stats.connections = this.#all.size;
  }

  /** Unregisters a closed connection and ends its session. Calling it twice does no harm. */
  remove(connection: Connection): void {
    connection.session.disconnected();
    if (this.#all.delete(connection) && connection.session.identity === null) {
      this.#failures.unauthenticated++;
    }
    this.#stats.connections = this.#all.size;
  }

  /** Closes every session. The clients may reconnect at once. */
  closeAll(name: CloseName): void {
    for (const { session } of [...this.#all]) session.close(name);
  }

  /** Refuses new connections and stops reading from the present ones, so that pending work can end. */
  stopReading(): void {
    this.#draining = true;
    for (const { session } of this.#all) session.reading.pause("drain");
  }

  /**
   * Tells every client to reconnect and closes all sessions. Resolves when all connections have closed,
   * at the latest after {@link CLOSE_TIMEOUT_MS}.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timer);
    for (const { session } of [...this.#all]) {
      // The delays are random, so that the clients do not reconnect all at once.
      session.send({ type: "reconnect", after: Math.floor(Math.random() * RECONNECT_SPREAD_MS) });
      session.close("draining");
    }
    const end = performance.now() + CLOSE_TIMEOUT_MS;
    while (this.#all.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
    }
  }

  #tick(): void {
    const { PING_INTERVAL_MS, PONG_TIMEOUT_MS } = this.#config;
    const now = performance.now();
    const wallClock = Date.now();
    for (const connection of this.#all) {
      const { session } = connection;
      session.tick(now, wallClock);
      const silence = connection.silence(now);
      if (session.closed || silence < PING_INTERVAL_MS) continue;
      if (silence >= PING_INTERVAL_MS + PONG_TIMEOUT_MS) session.close("no_pong");
      else if (!connection.pinged) {
        connection.pinged = true;
        connection.ping();
      }
    }
  }
}
