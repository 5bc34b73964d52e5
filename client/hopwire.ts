/**
 * The client: one connection, and the rooms on it.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { Asks } from "./asks.ts";
import { Connection } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { HopwireError } from "./errors.ts";
import { Pacer } from "./pacer.ts";
import { Queue } from "./queue.ts";
import { controlOf, Room, type RoomControl, type RoomDeps } from "./room.ts";
import type { Sending } from "./sending.ts";
import type {
  CallOptions,
  Clock,
  HopwireOptions,
  JoinOptions,
  State,
  StateEvent,
  TransportName,
  UserEvent,
} from "./types.ts";

/** What a client tells. */
export interface HopwireEvents {
  state: StateEvent;
  /** Something for this user, from a service. */
  event: UserEvent;
  /** Something went wrong that nobody else hears of: a token that could not be had, say. */
  error: unknown;
  /** `maxAttempts` attempts in a row have failed: the client is closed. */
  "reconnect-failed": HopwireError;
}

/** How long a call may take where nothing is said, and how much later it is given up here, ms. */
const [CALL_TIMEOUT_MS, GRACE_MS] = [5_000, 1_000];

/** Bytes of a call's frame: the server closes above 64 KiB. */
const MAX_CALL_BYTES = 65_000;

const CLOCK: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as number),
};

/**
 * A client of a Hopwire server.
 *
 * ```ts ignore
 * const hop = new Hopwire("https://chat.example", { token: () => fetchToken() });
 * const room = hop.join("chat.lobby");
 * room.on("message", ({ username, content }) => console.log(username, content));
 * const { seq } = await room.send("hello");
 * ```
 */
export class Hopwire extends Emitter<HopwireEvents> {
  readonly #rooms = new Map<string, Room>();
  readonly #controls = new Map<string, RoomControl>();
  readonly #connection: Connection;
  readonly #queue: Queue;
  readonly #asks: Asks;
  readonly #pacer: Pacer;
  readonly #deps: RoomDeps;
  #user: { userId: string; username: string } | null = null;
  #why: HopwireError | null = null;
  #unlisten = () => {};

  /**
   * Connects at once, and stays connected until it is closed. `url` is where the server is: `https:` or
   * `wss:`, with a path before `/ws` if there is one; in a page it may be relative.
   */
  constructor(url: string | URL, options: HopwireOptions) {
    super();
    const clock = options.clock ?? CLOCK;
    const pacer = this.#pacer = new Pacer(clock);
    this.#connection = new Connection(baseOf(url), options, clock, {
      state: (event) => this.emit("state", event),
      up: (frame) => this.#up(frame),
      down: () => this.#down(),
      frame: (frame) => this.#frame(frame),
      failed: (error) => this.emit("error", error),
      ended: (error, gaveUp) => {
        this.#over(error);
        if (gaveUp) this.emit("reconnect-failed", error);
      },
    });
    const control = (room: string) => this.#controls.get(room);
    const sending: Sending = {
      clock,
      pacer,
      up: () => this.state === "connected",
      inside: (room) => control(room)?.isIn() === true,
      open: (room) => control(room)?.isOpen() === true,
      lost: (room) => control(room)?.lost(),
      send: (frame) => {
        pacer.took();
        this.#connection.send(frame);
      },
    };
    this.#queue = new Queue(sending, options.maxQueue ?? 1_000);
    this.#asks = new Asks(sending);
    this.#deps = {
      ...sending,
      busy: () => pacer.wait() > 0 || this.#connection.behind,
      ask: (frame, signal) => this.#asks.ask(frame, { again: true, signal }),
      message: (room, id, frame, signal) => this.#queue.add(room, id, frame, signal),
      opened: () => {
        this.#queue.pump();
        this.#asks.pump();
      },
      left: (room, error) => {
        this.#rooms.delete(room.name);
        this.#controls.delete(room.name);
        this.#queue.fail(error, room.name);
        this.#asks.fail(error, room.name);
      },
    };
    const { signal } = options;
    if (signal?.aborted) {
      this.close();
      return;
    }
    const aborted = () => this.close();
    signal?.addEventListener("abort", aborted);
    this.#unlisten = () => signal?.removeEventListener("abort", aborted);
    // Listeners that are added in this turn hear of everything.
    queueMicrotask(() => {
      if (this.state !== "closed") this.#connection.start();
    });
  }

  get state(): State {
    return this.#connection.state;
  }

  /** How it is connected, or tries to be. */
  get transport(): TransportName {
    return this.#connection.transport;
  }

  /** Milliseconds that the last ping took to come back; undefined before the first. */
  get latency(): number | undefined {
    return this.#connection.latency;
  }

  /** Who the token says we are; null before the first connection. */
  get user(): { userId: string; username: string } | null {
    return this.#user;
  }

  /** Rooms that are entered, or are being entered, by name. */
  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms;
  }

  /**
   * Enters a room; gives the same room where it is entered already.
   *
   * @throws {HopwireError} `invalid_format` where the name is none, `closed`
   */
  join(name: string, options: JoinOptions = {}): Room {
    if (this.state === "closed") throw this.#why ?? new HopwireError("closed", "closed");
    let room = this.#rooms.get(name);
    if (room !== undefined) return room;
    if (!/^[\w-]{1,64}(\.[\w-]{1,64}){0,3}$/.test(name)) {
      const words = "room: expected 1 to 4 tokens of A-Z a-z 0-9 _ - joined by dots";
      throw new HopwireError("invalid_format", words);
    }
    room = new Room(name, options, this.#deps);
    const control = controlOf(room);
    this.#rooms.set(name, room);
    this.#controls.set(name, control);
    // Listeners that are added in this turn hear of everything.
    queueMicrotask(() => control.subscribe());
    return room;
  }

  /**
   * Asks a service that is on the server's bus: `call("dice.roll", { sides: 6 })`.
   *
   * @throws {HopwireError} the service's refusal, `service_not_found`, `too_large`; `timeout` or
   * `connection_lost`: then it may have been done or not
   */
  async call(method: string, data?: unknown, options: CallOptions = {}): Promise<unknown> {
    if (this.state === "closed") throw this.#why ?? new HopwireError("closed", "closed");
    const [service, name] = method.split(".");
    const { timeout = CALL_TIMEOUT_MS, signal } = options;
    const frame = { type: "call", service, method: name, data, timeout };
    if (new TextEncoder().encode(JSON.stringify(frame)).length > MAX_CALL_BYTES) {
      throw new HopwireError("too_large", `data: ${MAX_CALL_BYTES} bytes at most`);
    }
    const asking = { again: false, timeout: timeout + GRACE_MS, signal };
    return (await this.#asks.ask(frame, asking) as ServerFrameOf<"result">).data;
  }

  /** Tries at once to connect, where it waits to. */
  reconnect(): void {
    this.#connection.wake();
  }

  /** Ends it: rooms are left, and what was not acked is given up. */
  close(): void {
    if (this.state === "closed") return;
    this.#connection.close();
    this.#over(new HopwireError("closed", "the client was closed"));
  }

  #up(frame: ServerFrameOf<"authenticated">): void {
    const { userId, username, rate } = frame;
    this.#user = { userId, username };
    this.#pacer.limit(rate);
    for (const control of this.#controls.values()) control.subscribe();
    this.#asks.pump();
    this.#queue.pump();
  }

  #down(): void {
    for (const control of this.#controls.values()) control.down();
    this.#queue.unsend();
    this.#asks.unask();
  }

  #over(error: HopwireError): void {
    this.#why = error;
    this.#unlisten();
    for (const control of [...this.#controls.values()]) control.end(error);
    this.#queue.fail(error);
    this.#asks.fail(error);
  }

  #frame(frame: ServerFrame): void {
    switch (frame.type) {
      case "ack":
        return this.#queue.acked(frame);
      case "event":
        return this.emit("event", { topic: frame.topic, data: frame.data });
      case "room-message":
        if (frame.userId === this.#user?.userId) this.#queue.echoed(frame);
        break;
      case "error":
        if (this.#queue.refused(frame) || this.#asks.refused(frame)) return;
        break;
      case "result":
      case "history":
      case "presence":
        if (this.#asks.answered(frame)) return;
    }
    const control = "room" in frame ? this.#controls.get(frame.room ?? "") : undefined;
    if (control !== undefined) control.frame(frame);
    else if (frame.type === "error") {
      this.emit("error", new HopwireError(frame.code, frame.message));
    }
  }
}

/** Where the server's paths begin, with a slash at the end, as `http:` or `https:`. */
function baseOf(url: string | URL): URL {
  const base = new URL(url, (globalThis as { location?: { href?: string } }).location?.href);
  base.protocol = base.protocol.replace(/^ws/, "http");
  base.pathname = base.pathname.replace(/\/(ws)?$/, "") + "/";
  base.search = base.hash = "";
  return base;
}
