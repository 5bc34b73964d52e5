/**
 * Every connection of a gateway, whatever its transport: how many there may be, what happens to them
 * by itself, and how they come to an end.
 *
 * @module
 */
import type { CloseName } from "../../contract/mod.ts";
import type { Session } from "../session/session.ts";
import type { TransportConfig, TransportStats } from "./transport_config.ts";

/** One client's connection, as the registry sees it. */
export interface Connection {
  readonly session: Session;
  /** Whether it has been pinged since something last came from it. */
  pinged: boolean;
  /** How long nothing has come from the client though we read, milliseconds. */
  silence(now: number): number;
  /** Sends something that a living client answers, or that keeps what lies between open. */
  ping(): void;
}

/** How often connections are looked at, milliseconds. */
const TICK_MS = 1_000;

/** How long a client may take to answer a close before its socket is destroyed, milliseconds. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** How far the times at which clients come back from a drain are spread, milliseconds. */
const COME_BACK_MS = 1_500;

/** See the module's doc. */
export class Connections {
  readonly #config: TransportConfig;
  readonly #stats: TransportStats;
  readonly #all = new Set<Connection>();
  readonly #timer: ReturnType<typeof setInterval>;
  #draining = false;

  constructor(config: TransportConfig, stats: TransportStats) {
    this.#config = config;
    this.#stats = stats;
    const { PING_INTERVAL_MS, AUTH_DEADLINE_MS } = config;
    this.#timer = setInterval(
      () => this.#tick(),
      Math.min(TICK_MS, PING_INTERVAL_MS, AUTH_DEADLINE_MS),
    );
  }

  /** Whether one more is refused: there are as many as may be, or the gateway is going away. */
  get full(): boolean {
    return this.#draining || this.#all.size >= this.#config.MAX_CONNECTIONS;
  }

  add(connection: Connection): void {
    this.#all.add(connection);
    this.#stats.connected++;
    this.#stats.connections = this.#all.size;
  }

  /** The connection is gone. */
  remove(connection: Connection): void {
    connection.session.disconnected();
    this.#all.delete(connection);
    this.#stats.connections = this.#all.size;
  }

  /** Closes every session. Its client may come back at once. */
  closeAll(name: CloseName): void {
    for (const { session } of [...this.#all]) session.close(name);
  }

  /** Takes nothing more from anybody, so that what is under way comes to an end. */
  stopReading(): void {
    this.#draining = true;
    for (const { session } of this.#all) session.peer.pause();
  }

  /** Takes no new connection, tells everybody to come back elsewhere, and closes them. */
  async drain(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timer);
    for (const { session } of [...this.#all]) {
      // Spread, so that not all come back at once.
      session.send({ type: "reconnect", after: Math.floor(Math.random() * COME_BACK_MS) });
      session.close("draining");
    }
    const end = performance.now() + CLOSE_TIMEOUT_MS;
    while (this.#all.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #tick(): void {
    const { PING_INTERVAL_MS, PONG_TIMEOUT_MS } = this.#config;
    const now = performance.now();
    const wallClock = Date.now();
    for (const connection of this.#all) {
      const { session } = connection;
      session.tick(now, wallClock);
      const silent = connection.silence(now);
      if (session.closed || silent < PING_INTERVAL_MS) continue;
      if (silent >= PING_INTERVAL_MS + PONG_TIMEOUT_MS) session.close("no_pong");
      else if (!connection.pinged) {
        connection.pinged = true;
        connection.ping();
      }
    }
  }
}
