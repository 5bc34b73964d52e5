/**
 * Clients that connect and join a room, and that try again as a good client does: after the time
 * that the server asks for, otherwise with exponential backoff and full jitter.
 *
 * @module
 */
import { backoff, DEFAULT_RETRY_AFTER_MS } from "../../client/backoff.ts";
import { clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import type { Swarm } from "./swarm.ts";
import type { Target } from "./target.ts";
import { Timers } from "./timers.ts";
import type { Ticket } from "./wire.ts";

/** How long a client waits for `authenticated`, milliseconds; the same as in our client. */
const CONNECT_TIMEOUT_MS = 8_000;

/** Codes that tell a client to try again later. */
const LATER = new Set(["unavailable", "rate_limited", "temporary"]);

/** A client that wants to be in a room. */
export interface Joiner {
  readonly index: number;
  readonly ticket: Ticket;
  readonly room: string;
  state: "away" | "joining" | "joined";
  connection: Connection | null;
  /** When its first attempt was due, by {@link clock}. */
  due: number;
  /** The position to resume from. */
  since: unknown;
  /** The last `subscribed` frame. */
  subscribed: string;
  attempts: number;
  /** How long the server asked to wait before the next connection, milliseconds. */
  told: number;
}

/** Clients that share a swarm. Call {@link Joiners.work} from its loop. */
export class Joiners {
  readonly joiners: Joiner[];
  /** How many are in their room now, and how many are on the way. */
  joined = 0;
  joining = 0;
  /** How long joins took since they were due, microseconds. */
  took = new Histogram();
  /** How often clients were refused, by code. */
  readonly refused: Record<string, number> = {};
  /** Called when a client has joined. */
  onJoined: ((joiner: Joiner) => void) | null = null;
  /** The last bytes of the source addresses to use in turn. */
  sources: number[] = [];
  readonly timers = new Timers();
  readonly #swarm: Swarm;
  readonly #target: Pick<Target, "ports" | "wire">;
  readonly #byConnection: (Joiner | undefined)[] = [];

  constructor(
    swarm: Swarm,
    target: Pick<Target, "ports" | "wire">,
    clients: { ticket: Ticket; room: string }[],
  ) {
    this.#swarm = swarm;
    this.#target = target;
    this.joiners = clients.map(({ ticket, room }, index) => ({
      index,
      ticket,
      room,
      state: "away",
      connection: null,
      due: 0,
      since: undefined,
      subscribed: "",
      attempts: 0,
      told: 0,
    }));
    swarm.onText = (connection, text) => this.#text(connection, text);
    swarm.onEnd = (connection, code, refusal) => this.#ended(connection, code, refusal);
  }

  /** The number of refusals. */
  get refusals(): number {
    return Object.values(this.refused).reduce((sum, count) => sum + count, 0);
  }

  /** Returns the client of a connection. */
  of(connection: Connection): Joiner | undefined {
    return this.#byConnection[connection.index];
  }

  /** Starts to join. */
  join(joiner: Joiner, due = clock()): void {
    joiner.state = "joining";
    joiner.due = due;
    joiner.attempts = 0;
    this.joining++;
    this.#connect(joiner);
  }

  /** Disconnects a client. */
  leave(joiner: Joiner): void {
    if (joiner.state === "joined") this.joined--;
    if (joiner.state === "joining") this.joining--;
    joiner.state = "away";
    this.#drop(joiner);
  }

  /** Runs the timers that are due. */
  work(): void {
    this.timers.run();
  }

  #connect(joiner: Joiner): void {
    const { ports } = this.#target;
    joiner.attempts++;
    joiner.told = 0;
    const source = this.sources[joiner.index % this.sources.length];
    const port = ports[joiner.index % ports.length]!;
    const connection = joiner.connection = this.#swarm.open(port, joiner.ticket, source);
    this.#byConnection[connection.index] = joiner;
    this.timers.after(CONNECT_TIMEOUT_MS, () => {
      if (joiner.connection !== connection || connection.welcome) return;
      this.#count("timeout");
      this.#drop(joiner);
      this.#retry(joiner);
    });
  }

  #drop(joiner: Joiner): void {
    if (joiner.connection === null) return;
    this.#byConnection[joiner.connection.index] = undefined;
    this.#swarm.close(joiner.connection);
    joiner.connection = null;
  }

  #retry(joiner: Joiner): void {
    const wait = Math.max(joiner.told, backoff(joiner.attempts, Math.random));
    this.timers.after(wait, () => {
      if (joiner.state === "joining" && joiner.connection === null) this.#connect(joiner);
    });
  }

  #count(code: string): void {
    this.refused[code] = (this.refused[code] ?? 0) + 1;
  }

  #subscribe(joiner: Joiner, connection: Connection): void {
    this.#swarm.send(connection, this.#target.wire.subscribe(joiner.room, joiner.since));
  }

  #text(connection: Connection, text: string): void {
    const joiner = this.#byConnection[connection.index];
    if (joiner === undefined) return;
    const { kind, code = "", retryAfter } = this.#target.wire.read(text);
    if (kind === "authenticated") {
      connection.welcome = true;
      this.#subscribe(joiner, connection);
    } else if (kind === "subscribed" && joiner.state === "joining") {
      joiner.state = "joined";
      joiner.subscribed = text;
      this.joining--;
      this.joined++;
      this.took.add(clock() - joiner.due);
      this.onJoined?.(joiner);
    } else if (kind === "error") {
      if (!LATER.has(code)) throw new Error(`the server refused: ${text}`);
      this.#count(code);
      if (!connection.welcome) {
        joiner.told = retryAfter ?? 0;
        return;
      }
      this.timers.after(retryAfter ?? DEFAULT_RETRY_AFTER_MS, () => {
        if (joiner.connection === connection && joiner.state === "joining") {
          this.#subscribe(joiner, connection);
        }
      });
    }
  }

  #ended(connection: Connection, code: number, refusal: string | null): void {
    const joiner = this.#byConnection[connection.index];
    if (joiner === undefined) return;
    this.#byConnection[connection.index] = undefined;
    joiner.connection = null;
    const status = /^HTTP\/1.1 (\d+)/.exec(refusal ?? "")?.[1];
    this.#count(status === undefined ? `closed ${code}` : `HTTP ${status}`);
    const seconds = /^retry-after: *(\d+)/im.exec(refusal ?? "")?.[1];
    joiner.told = Math.max(joiner.told, Number(seconds ?? 0) * 1_000);
    if (joiner.state === "joined") {
      joiner.state = "joining";
      joiner.due = clock();
      joiner.attempts = 0;
      this.joined--;
      this.joining++;
    }
    this.#retry(joiner);
  }
}
