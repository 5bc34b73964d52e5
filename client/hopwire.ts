/**
 * The client: one connection, its rooms and its queues.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { CALL_GRACE_MS, callFrame } from "./call.ts";
import { Connection } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { HopwireError } from "./errors.ts";
import type { HopwireEvents, State } from "./events.ts";
import { MEASUREMENTS_ID, REQUEST_ID_PREFIX } from "./frame_ids.ts";
import { Measurements } from "./measurements.ts";
import type { CallOptions, HopwireOptions, JoinOptions, TransportName } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { Room } from "./room.ts";
import type { RoomClient } from "./room_client.ts";
import { RoomSession } from "./room_session.ts";
import { validated } from "./schema.ts";
import { type FrameSender, type OutgoingFrame, SendQueue } from "./send_queue.ts";
import { serverUrl } from "./server_url.ts";
import { SYSTEM_CLOCK } from "./timers.ts";

/** Most messages, and most requests, that may wait for their answer. */
const MAX_WAITING = 1_000;

/** Most messages in flight. They are what is sent again after a loss of the connection. */
const MAX_MESSAGES_IN_FLIGHT = 256;

/** Most requests in flight. The server allows 16 on one connection (PROTOCOL.md, `history`). */
const MAX_REQUESTS_IN_FLIGHT = 12;

/** How often the server may put off one request before it fails. */
const MAX_REQUEST_DEFERRALS = 5;

/** Room names that the server accepts (PROTOCOL.md, "Names"). */
const ROOM_NAME = /^[\w-]{1,64}(\.[\w-]{1,64}){0,3}$/;

/**
 * A client of a Hopwire server. It connects at once and reconnects until it is closed.
 *
 * @example
 * ```ts ignore
 * const hop = new Hopwire("https://chat.example", { token: () => fetchToken() });
 * const room = hop.join("chat.lobby");
 * room.on("message", ({ username, content }) => console.log(username, content));
 * const { seq } = await room.send("hello");
 * ```
 */
export class Hopwire extends Emitter<HopwireEvents> {
  readonly #rooms = new Map<string, Room>();
  readonly #sessions = new Map<string, RoomSession>();
  readonly #connection: Connection;
  readonly #messages: SendQueue;
  readonly #requests: SendQueue;
  readonly #pacer: Pacer;
  readonly #roomClient: RoomClient;
  readonly #measurements: Measurements | undefined;
  #user: { userId: string; username: string } | null = null;
  #closedBy: HopwireError | null = null;
  #removeAbortListener = () => {};
  #requestIds = 0;

  /**
   * Creates a client and connects. `url` is the server's address, `https:` or `wss:`, with the path
   * before `/ws` if there is one. In a page it may be relative.
   *
   * @throws {TypeError} `url` is not a valid URL
   * @throws {HopwireError} `no_websocket` on a platform without WebSocket, such as Node 20, if the options
   * have neither a WebSocket class nor other transports alone
   */
  constructor(url: string | { readonly href: string }, options: HopwireOptions) {
    super();
    const clock = options.clock ?? SYSTEM_CLOCK;
    const pacer = this.#pacer = new Pacer(clock);
    this.#connection = new Connection(serverUrl(url), options, clock, {
      stateChanged: (event) => this.emit("state", event),
      connected: (frame) => this.#handleConnected(frame),
      disconnected: () => this.#handleDisconnected(),
      frame: (frame) => this.#handleFrame(frame),
      failed: (error) => this.emit("error", error),
      gaveUp: (error, attemptsExhausted) => {
        this.#end(error);
        if (attemptsExhausted) this.emit("reconnect-failed", error);
      },
    });
    const sender: FrameSender = {
      clock,
      pacer,
      isConnected: () => this.state === "connected",
      send: (frame) => {
        pacer.consume();
        this.#connection.send(frame);
      },
      notInRoom: (room) => this.#sessions.get(room)?.handleNotInRoom(),
    };
    this.#messages = new SendQueue(sender, {
      label: "messages",
      maxEntries: options.maxQueue ?? MAX_WAITING,
      maxInFlight: MAX_MESSAGES_IN_FLIGHT,
      maxDeferrals: Infinity,
      canSend: (room) => this.#sessions.get(room)?.canSend === true,
    });
    this.#requests = new SendQueue(sender, {
      label: "requests",
      maxEntries: MAX_WAITING,
      maxInFlight: MAX_REQUESTS_IN_FLIGHT,
      maxDeferrals: MAX_REQUEST_DEFERRALS,
      canSend: (room) => this.#sessions.get(room)?.isSubscribed === true,
    });
    this.#measurements = options.measure ? new Measurements(sender, () => this.latency) : undefined;
    this.#roomClient = {
      ...sender,
      measure: this.#measurements?.add,
      userId: () => this.#user?.userId,
      isCongested: () => pacer.delay() > 0 || this.#connection.congested,
      request: (frame, more) =>
        this.#request(frame, { resendable: true, room: frame.room, ...more }),
      sendMessage: (message) => this.#messages.add(message),
      flush: () => this.#flush(),
      roomEnded: (name, error) => {
        this.#rooms.delete(name);
        this.#sessions.delete(name);
        this.#messages.rejectAll(error, name);
        this.#requests.rejectAll(error, name);
      },
    };
    const { signal } = options;
    if (signal?.aborted) {
      this.close();
      return;
    }
    const onAbort = () => this.close();
    signal?.addEventListener("abort", onAbort);
    this.#removeAbortListener = () => signal?.removeEventListener("abort", onAbort);
    // Listeners that the application adds in this turn receive every event.
    queueMicrotask(() => {
      if (this.state !== "closed") this.#connection.start();
    });
  }

  /** The state of the connection. */
  get state(): State {
    return this.#connection.state;
  }

  /** The transport that is in use or being tried. */
  get transport(): TransportName {
    return this.#connection.transport;
  }

  /** Round-trip time of the last ping, milliseconds; undefined before the first answer. */
  get latency(): number | undefined {
    return this.#connection.latency;
  }

  /** The user that the token names; null before the first connection. */
  get user(): { userId: string; username: string } | null {
    return this.#user;
  }

  /** The rooms that are joined or being joined, by name. */
  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms;
  }

  /**
   * Joins a room and returns it at once; {@link Room.joined} tells when the server has confirmed.
   * Returns the existing room if it is joined already; `options` have no effect then. `Content` is the
   * type of the messages' content, which {@link JoinOptions.schema} checks.
   *
   * @throws {HopwireError} `invalid_format` if the name or `presenceState` is invalid; `too_large` if
   * `presenceState` is; `closed` if the client is closed
   */
  join<Content = unknown, SignalContent = unknown>(
    name: string,
    options: JoinOptions<Content, SignalContent> = {},
  ): Room<Content, SignalContent> {
    this.#throwIfClosed();
    const existing = this.#rooms.get(name);
    if (existing !== undefined) return existing as Room<Content, SignalContent>;
    if (!ROOM_NAME.test(name)) {
      const reason = "room: expected 1 to 4 tokens of A-Z a-z 0-9 _ - joined by dots";
      throw new HopwireError("invalid_format", reason);
    }
    const session = new RoomSession(name, options, this.#roomClient);
    const room = new Room<Content, SignalContent>(session, this.#roomClient);
    this.#rooms.set(name, room as Room);
    this.#sessions.set(name, session);
    // Listeners that the application adds in this turn receive every event.
    queueMicrotask(() => session.ensureSubscribed());
    return room;
  }

  /**
   * Calls a service on the server's bus, as in `call("dice.roll", { sides: 6 })`. Resolves with the
   * service's answer. While there is no connection the call waits, within its timeout. `Data` and
   * `Result` are the types of data and answer; {@link CallOptions.schema} checks the answer.
   *
   * @throws {HopwireError} `service_not_found`, or a code of the service; `too_large`; `queue_full`;
   * `closed`; `timeout` or `connection_lost`, after which the service may or may not have done the work;
   * `invalid_content`
   */
  async call<Data = unknown, Result = unknown>(
    method: string,
    data?: Data,
    options: CallOptions<Result> = {},
  ): Promise<Result> {
    this.#throwIfClosed();
    const frame = callFrame(method, data, options);
    const { schema, signal } = options;
    const how = { resendable: false, timeout: frame.timeout + CALL_GRACE_MS, signal };
    const result = await this.#request(frame, how);
    return validated(schema, (result as ServerFrameOf<"result">).data);
  }

  /**
   * Connects at once if the client waits for its next attempt. If it is connected, sends a ping and
   * reconnects unless the server answers within 3 s.
   */
  reconnect(): void {
    this.#connection.checkNow();
  }

  /** Closes the client for good. Leaves every room and rejects everything that waits with `closed`. */
  close(): void {
    if (this.state === "closed") return;
    this.#connection.close();
    this.#end(new HopwireError("closed", "the client was closed"));
  }

  #throwIfClosed(): void {
    if (this.state !== "closed") return;
    throw this.#closedBy ?? new HopwireError("closed", "the client is closed");
  }

  #request(frame: object, how: Omit<OutgoingFrame, "id" | "frame">): Promise<ServerFrame> {
    const id = `${REQUEST_ID_PREFIX}${this.#requestIds++}`;
    return this.#requests.add({ ...how, id, frame: { ...frame, id } });
  }

  #flush(): void {
    this.#messages.flush();
    this.#requests.flush();
  }

  #handleConnected({ userId, username, rate }: ServerFrameOf<"authenticated">): void {
    this.#user = { userId, username };
    this.#pacer.setRate(rate);
    for (const session of this.#sessions.values()) session.ensureSubscribed();
    this.#flush();
  }

  #handleDisconnected(): void {
    for (const session of this.#sessions.values()) session.handleDisconnect();
    this.#messages.handleDisconnect();
    this.#requests.handleDisconnect();
  }

  #end(error: HopwireError): void {
    this.#closedBy = error;
    this.#removeAbortListener();
    this.#measurements?.stop();
    for (const session of [...this.#sessions.values()]) session.end(error);
    this.#messages.rejectAll(error);
    this.#requests.rejectAll(error);
  }

  #handleFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case "ack":
        return this.#messages.handleAnswer(frame);
      case "event":
        return this.emit("event", { topic: frame.topic, data: frame.data });
      case "room-message":
        if (frame.userId === this.#user?.userId) this.#messages.handleEcho(frame);
        break;
      case "error":
        if (frame.id === MEASUREMENTS_ID) return this.#measurements?.refused(frame.code);
        if (this.#messages.handleError(frame) || this.#requests.handleError(frame)) return;
        // The answer to a request that was given up meanwhile.
        if (frame.id?.startsWith(REQUEST_ID_PREFIX)) return;
        break;
      case "result":
      case "history":
      case "presence":
        // A `presence` frame without an id is unsolicited and goes to the room.
        if (frame.id !== undefined) return this.#requests.handleAnswer(frame);
    }
    const session = "room" in frame ? this.#sessions.get(frame.room ?? "") : undefined;
    if (session !== undefined) session.handleFrame(frame);
    else if (frame.type === "error") {
      this.emit("error", new HopwireError(frame.code, frame.message));
    }
  }
}
