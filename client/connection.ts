/**
 * Keeps one authenticated connection to the server: connects, authenticates, detects a dead
 * connection, reconnects with backoff, and changes the transport if needed. It knows nothing of rooms.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { CONNECTION_LOST, NO_TOKEN } from "./close_codes.ts";
import { HopwireError } from "./errors.ts";
import type { State, StateEvent } from "./events.ts";
import { CONNECTION_ID } from "./frame_ids.ts";
import type { Link } from "./link.ts";
import { Liveness } from "./liveness.ts";
import { checkPlatform, openLink, openWebSocketLink } from "./open_link.ts";
import type { Clock, HopwireOptions, TransportName } from "./options.ts";
import { isOffline, pageStorage, watchPage } from "./page_events.ts";
import { ReconnectPolicy } from "./reconnect_policy.ts";
import { Timers } from "./timers.ts";
import { TokenRefresh } from "./token_refresh.ts";
import { TransportSelector } from "./transport_selector.ts";
import { probeWebSocket } from "./websocket_probe.ts";

/** A connection that lasted this long was stable, milliseconds. The backoff then starts over. */
const STABLE_MS = 5_000;

/** Default time that one attempt may take, milliseconds. */
const CONNECT_TIMEOUT_MS = 8_000;

/** Unsent bytes above which the link is congested, and signals are dropped. */
const CONGESTED_BYTES = 65_536;

/** Callbacks of a {@link Connection}. */
export interface ConnectionEvents {
  /** The state changed. */
  stateChanged(event: StateEvent): void;
  /** The server accepted the token: frames may be sent. */
  connected(frame: ServerFrameOf<"authenticated">): void;
  /** The connection that was up has ended. */
  disconnected(): void;
  /** A frame arrived that is not about the connection itself. */
  frame(frame: ServerFrame): void;
  /** The connection closed for good, other than by `close()`. */
  gaveUp(error: HopwireError, attemptsExhausted: boolean): void;
  /** Something failed and will be tried again. */
  failed(error: unknown): void;
}

/** The connection of one client, across all its attempts and transports. */
export class Connection {
  readonly #base: URL;
  readonly #options: HopwireOptions;
  readonly #events: ConnectionEvents;
  readonly #clock: Clock;
  readonly #transports: TransportSelector;
  readonly #policy: ReconnectPolicy;
  readonly #timers: Timers;
  readonly #liveness: Liveness;
  readonly #tokenRefresh: TokenRefresh;
  readonly #pageListeners = new AbortController();
  /** The current state. */
  state: State = "connecting";
  #link: Link | null = null;
  /** Rises with each attempt and each loss. Callbacks of an older generation are ignored. */
  #generation = 0;
  /** Aborts with the generation: the application need not supply the token any more. */
  #tokenAbort = new AbortController();
  #connectedAt = 0;
  #cancelProbe = () => {};

  constructor(base: URL, options: HopwireOptions, clock: Clock, events: ConnectionEvents) {
    this.#base = base;
    this.#options = options;
    this.#clock = clock;
    this.#events = events;
    const { storage, token, transports = ["websocket", "sse", "poll"] } = options;
    checkPlatform(transports, options);
    this.#transports = new TransportSelector(
      transports,
      storage === undefined ? pageStorage() : storage,
    );
    this.#policy = new ReconnectPolicy(options);
    const timers = this.#timers = new Timers(clock);
    this.#liveness = new Liveness(clock, timers, options, {
      ping: () => this.send({ type: "ping", id: CONNECTION_ID }),
      dead: () => this.#lost(CONNECTION_LOST, "the server did not answer a ping"),
    });
    this.#tokenRefresh = new TokenRefresh(clock, timers, typeof token !== "string", {
      getToken: () => this.#getToken(),
      sendToken: (token) => this.#authenticate(token),
      failed: (error) => events.failed(error),
    });
    watchPage({
      awake: () => this.checkNow(),
      offline: () => {
        if (this.state === "connecting" || this.state === "connected") {
          this.#lost(CONNECTION_LOST, "offline");
        }
      },
    }, this.#pageListeners.signal);
  }

  /** The transport that is in use or being tried. */
  get transport(): TransportName {
    return this.#transports.current;
  }

  /** Round-trip time of the last ping, milliseconds; undefined before the first answer. */
  get latency(): number | undefined {
    return this.#liveness.latency;
  }

  /** Whether so much is waiting to be sent that signals should be dropped. */
  get congested(): boolean {
    return this.#link === null || this.#link.pending > CONGESTED_BYTES;
  }

  /** Makes the first attempt. */
  start(): void {
    void this.#attempt();
  }

  /** Sends a frame, or the text of one. Drops it if there is no connection. */
  send(frame: object | string): void {
    this.#link?.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Connects at once if an attempt is scheduled. If connected, checks that the link is alive. */
  checkNow(): void {
    if (this.state === "waiting") void this.#attempt();
    else if (this.state === "connected") this.#liveness.checkNow();
  }

  /** Closes the connection for good. */
  close(): void {
    if (this.state === "closed") return;
    const wasConnected = this.state === "connected";
    this.#reset();
    this.#pageListeners.abort();
    this.#setState("closed", { reason: "closed" });
    if (wasConnected) this.#events.disconnected();
  }

  async #attempt(): Promise<void> {
    this.#reset();
    const generation = this.#generation;
    const isCurrent = () => generation === this.#generation;
    this.#setState("connecting");
    // A listener may have closed the client.
    if (!isCurrent()) return;
    this.#timers.set("connect", this.#options.connectTimeout ?? CONNECT_TIMEOUT_MS, () => {
      this.#lost(CONNECTION_LOST, "the attempt timed out");
    });
    let token: string;
    try {
      token = await this.#getToken();
    } catch (error) {
      if (!isCurrent()) return;
      this.#events.failed(error);
      return this.#lost(NO_TOKEN, "the application supplied no token");
    }
    if (!isCurrent()) return;
    let refusal = "";
    try {
      this.#link = openLink(this.#transports.current, this.#base, this.#options, {
        opened: () => this.#authenticate(token),
        frame: (frame) => {
          if (!isCurrent()) return;
          this.#liveness.frameReceived();
          if (this.state === "connected") return this.#handleFrame(frame);
          if (frame.type === "error") refusal = frame.message;
          if (frame.type === "authenticated") this.#handleConnected(frame);
        },
        closed: (code, reason) => {
          if (isCurrent()) this.#lost(code, refusal || reason || `closed with code ${code}`);
        },
      });
    } catch (error) {
      // The platform has no WebSocket, or a content security policy forbids the address.
      if (isCurrent()) this.#lost(CONNECTION_LOST, String(error));
    }
  }

  async #getToken(): Promise<string> {
    const { token } = this.#options;
    return typeof token === "string" ? token : await token({ signal: this.#tokenAbort.signal });
  }

  #authenticate(token: string): void {
    this.send({ type: "auth", token, id: CONNECTION_ID });
  }

  #handleConnected(frame: ServerFrameOf<"authenticated">): void {
    this.#timers.clear("connect");
    this.#connectedAt = this.#clock.now();
    this.#policy.connected();
    this.#transports.attemptSucceeded();
    this.#tokenRefresh.accepted(frame.expiresAt);
    const generation = this.#generation;
    this.#setState("connected");
    // A listener may have closed the client.
    if (generation === this.#generation) this.#events.connected(frame);
    if (generation !== this.#generation) return;
    this.#liveness.start();
    if (this.#transports.shouldProbeWebSocket) this.#probeWebSocket();
  }

  #handleFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case "authenticated":
        return this.#tokenRefresh.accepted(frame.expiresAt);
      case "token-expiring":
        return this.#tokenRefresh.expiring();
      case "reconnect":
        return this.#policy.setServerWait(frame.after);
      case "pong":
        if (frame.id === CONNECTION_ID) this.#liveness.pongReceived();
        return;
      case "error":
        if (frame.id !== CONNECTION_ID) break;
        return this.#tokenRefresh.failed(new HopwireError(frame.code, frame.message));
    }
    this.#events.frame(frame);
  }

  /** A fallback works. Either WebSocket is blocked here, or the server was away for a moment. */
  #probeWebSocket(): void {
    this.#cancelProbe = probeWebSocket(
      (events) => openWebSocketLink(this.#base, this.#options, events),
      this.#timers,
      this.#options.connectTimeout ?? CONNECT_TIMEOUT_MS,
      (works) => {
        if (!works) return this.#transports.rememberFallback();
        this.#transports.useBest();
        this.#lost(CONNECTION_LOST, "WebSocket works again", true);
      },
    );
  }

  /** The connection or the attempt ended. Schedules the next attempt, or gives up. */
  #lost(code: number, reason: string, immediately = false): void {
    if (this.state === "closed") return;
    const wasConnected = this.state === "connected";
    const wasStable = wasConnected && this.#clock.now() - this.#connectedAt >= STABLE_MS;
    this.#reset();
    if (wasConnected) this.#events.disconnected();
    // A listener may have closed the client.
    if ((this.state as State) === "closed") return;
    // A refusal by code, a missing token or a missing network says nothing about the transport.
    if (!wasConnected && code === CONNECTION_LOST && !isOffline()) this.#transports.attemptFailed();
    const next = this.#policy.next({ code, wasStable, immediately });
    if (typeof next === "number") {
      this.#timers.set("retry", next, () => void this.#attempt());
      return this.#setState("waiting", { reason, retryIn: next });
    }
    this.#pageListeners.abort();
    this.#setState("closed", { reason });
    this.#events.gaveUp(new HopwireError("closed", reason, code), next === "exhausted");
  }

  /** Closes the link and cancels everything that belongs to the current generation. */
  #reset(): void {
    this.#generation++;
    this.#tokenAbort.abort();
    this.#tokenAbort = new AbortController();
    this.#link?.close();
    this.#link = null;
    this.#tokenRefresh.stop();
    this.#cancelProbe();
    this.#timers.clearAll();
  }

  #setState(state: State, more: Partial<StateEvent> = {}): void {
    this.state = state;
    this.#events.stateChanged({ state, transport: this.transport, ...more });
  }
}
