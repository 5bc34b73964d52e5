/**
 * The client: one connection, and the rooms on it.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { Connection } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { HopwireError } from "./errors.ts";
import { Outgoing, type Sending, type Sent } from "./outgoing.ts";
import { Pacer } from "./pacer.ts";
import { controlOf, Room, type RoomControl, type RoomDeps } from "./room.ts";
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

/** What the ids of questions begin with. */
const ASK = "~q";

/** Messages, and questions, that may wait. */
const MAX_WAITING = 1_000;

/** Messages that may be without an ack at a time: what is sent again when a connection is lost. */
const MAX_UNACKED = 256;

/** Questions that may be without an answer: the server lets 16 be. And how often one may be put off. */
const [MAX_ASKED, MAX_REFUSALS] = [12, 5];

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
  readonly #messages: Outgoing;
  readonly #questions: Outgoing;
  readonly #pacer: Pacer;
  readonly #deps: RoomDeps;
  #user: { userId: string; username: string } | null = null;
  #why: HopwireError | null = null;
  #unlisten = () => {};
  #asked = 0;

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
      lost: (room) => control(room)?.lost(),
      send: (frame) => {
        pacer.took();
        this.#connection.send(frame);
      },
    };
    this.#messages = new Outgoing(sending, {
      name: "messages",
      max: options.maxQueue ?? MAX_WAITING,
      maxSent: MAX_UNACKED,
      maxRefusals: Infinity,
      ready: (room) => control(room)?.isOpen() === true,
    });
    this.#questions = new Outgoing(sending, {
      name: "questions",
      max: MAX_WAITING,
      maxSent: MAX_ASKED,
      maxRefusals: MAX_REFUSALS,
      ready: (room) => control(room)?.isIn() === true,
    });
    this.#deps = {
      ...sending,
      busy: () => pacer.wait() > 0 || this.#connection.behind,
      ask: (frame, more) => this.#ask(frame, { again: true, room: frame.room, ...more }),
      message: (sent) => this.#messages.add(sent),
      opened: () => this.#pump(),
      left: (room, error) => {
        this.#rooms.delete(room.name);
        this.#controls.delete(room.name);
        this.#messages.fail(error, room.name);
        this.#questions.fail(error, room.name);
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
    return (await this.#ask(frame, asking) as ServerFrameOf<"result">).data;
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

  #ask(frame: object, how: Omit<Sent, "id" | "frame">): Promise<ServerFrame> {
    const id = `${ASK}${this.#asked++}`;
    return this.#questions.add({ ...how, id, frame: { ...frame, id } });
  }

  #pump(): void {
    this.#messages.pump();
    this.#questions.pump();
  }

  #up(frame: ServerFrameOf<"authenticated">): void {
    const { userId, username, rate } = frame;
    this.#user = { userId, username };
    this.#pacer.limit(rate);
    for (const control of this.#controls.values()) control.subscribe();
    this.#pump();
  }

  #down(): void {
    for (const control of this.#controls.values()) control.down();
    this.#messages.lost();
    this.#questions.lost();
  }

  #over(error: HopwireError): void {
    this.#why = error;
    this.#unlisten();
    for (const control of [...this.#controls.values()]) control.end(error);
    this.#messages.fail(error);
    this.#questions.fail(error);
  }

  #frame(frame: ServerFrame): void {
    switch (frame.type) {
      case "ack":
        return this.#messages.answered(frame);
      case "event":
        return this.emit("event", { topic: frame.topic, data: frame.data });
      case "room-message":
        if (frame.userId === this.#user?.userId) this.#messages.echoed(frame);
        break;
      case "error":
        if (this.#messages.refused(frame) || this.#questions.refused(frame)) return;
        // Of a question that was given up.
        if (frame.id?.startsWith(ASK)) return;
        break;
      case "result":
      case "history":
      case "presence":
        if (frame.id !== undefined) return this.#questions.answered(frame);
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
