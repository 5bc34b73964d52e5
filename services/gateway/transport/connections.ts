/**
 * The registry of a gateway's connections, whatever their transport. It bounds their number, checks
 * their deadlines and heartbeats, and closes them when the gateway drains.
 *
 * @module
 */
import type { CloseName } from "../../contract/mod.ts";
import type { Session } from "../session/session.ts";
import { LOST, type TransportName } from "./connection_counts.ts";
import { moveClients, type Settle } from "./drain/drain.ts";
import type { DrainPlan } from "./drain/drain_plan.ts";
import type { HandshakeFailures } from "./handshake_failures.ts";
import type { Quotas } from "../session/quotas/quotas.ts";
import type { Debtor, MemoryBudget } from "../wire/memory_budget.ts";
import type { TransportConfig, TransportStats } from "./transport_config.ts";

/** One client's connection, as the registry sees it. */
export interface Connection extends Debtor {
  readonly session: Session;
  readonly transport: TransportName;
  /** The code with which the connection closes or has closed; undefined while it is open or if it was lost. */
  readonly closeCode: number | undefined;
  /** The client's address, in canonical form. Proxies that are not trusted count as clients. */
  readonly address: string;
  /** Whether the client has been pinged since its last sign of life. */
  pinged: boolean;
  /**
   * Returns how long the client has been silent while the gateway was reading, milliseconds. `now` is
   * a monotonic time in milliseconds.
   */
  silence(now: number): number;
  /** Closes the connection without waiting for the client. */
  drop(name: CloseName): void;
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

/** See the module's doc. */
export class Connections {
  readonly #config: TransportConfig;
  readonly #stats: TransportStats;
  readonly #failures: HandshakeFailures;
  readonly #memory: MemoryBudget;
  readonly #quotas: Quotas;
  /** Connections that may not have authenticated yet, oldest first. */
  readonly #newcomers = new Set<Connection>();
  readonly #all = new Set<Connection>();
  readonly #timer: ReturnType<typeof setInterval>;
  #draining = false;

  /** The connections are what `memory` asks and evicts. */
  constructor(
    config: TransportConfig,
    stats: TransportStats,
    memory: MemoryBudget,
    quotas: Quotas,
    failures: HandshakeFailures,
  ) {
    this.#config = config;
    this.#stats = stats;
    this.#memory = memory;
    this.#quotas = quotas;
    this.#failures = failures;
    memory.debtors = this.#all;
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

  /**
   * Whether a new connection may be opened: `full`, or `address` if its address has too many. Where too many
   * have not authenticated, the oldest of them makes room: a client sends its token at once, so those that
   * never do keep it out of nothing.
   */
  admit(address: string): "full" | "address" | null {
    if (this.#quotas.addressIsFull(address)) return "address";
    if (this.#quotas.unauthenticated >= this.#config.MAX_UNAUTHENTICATED && !this.#dropNewcomer()) {
      return "full";
    }
    return this.full ? "full" : null;
  }

  #dropNewcomer(): boolean {
    for (const connection of this.#newcomers) {
      const { session } = connection;
      if (session.verifying) continue;
      this.#newcomers.delete(connection);
      if (session.closed || session.identity !== null) continue;
      connection.drop("unavailable");
      return true;
    }
    return false;
  }

  /** Registers a new connection. */
  add(connection: Connection): void {
    this.#all.add(connection);
    this.#newcomers.add(connection);
    this.#stats.connections.open(connection.transport);
  }

  /** Unregisters a closed connection and ends its session. Calling it twice does no harm. */
  remove(connection: Connection): void {
    connection.session.disconnected();
    connection.session.allowance.end();
    this.#newcomers.delete(connection);
    if (!this.#all.delete(connection)) return;
    this.#stats.connections.close(connection.transport, connection.closeCode ?? LOST);
    if (connection.session.identity === null) this.#failures.unauthenticated++;
  }

  /** Closes every session. The clients may reconnect at once. */
  closeAll(name: CloseName): void {
    for (const { session } of [...this.#all]) session.close(name);
  }

  /** How many connections are open. */
  get size(): number {
    return this.#all.size;
  }

  /**
   * Refuses new connections, then asks the clients to reconnect and closes their sessions, each when its
   * turn has come. Resolves when all connections have closed, at the latest {@link CLOSE_TIMEOUT_MS}
   * after the last session.
   */
  async drain(plan: DrainPlan, settle: Settle): Promise<void> {
    this.#draining = true;
    await moveClients(this.#all, plan, settle);
    clearInterval(this.#timer);
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
      if (session.identity !== null) this.#newcomers.delete(connection);
      const silence = connection.silence(now);
      if (session.closed || silence < PING_INTERVAL_MS) continue;
      if (silence >= PING_INTERVAL_MS + PONG_TIMEOUT_MS) session.close("no_pong");
      else if (!connection.pinged) {
        connection.pinged = true;
        connection.ping();
      }
    }
    // Small queues are not reported as they grow.
    this.#memory.settle();
  }
}
