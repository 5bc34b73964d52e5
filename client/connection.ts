/**
 * Keeps a connection up: connects, shows a token, comes back with backoff when it is lost, notices a
 * dead one by pings, and refreshes the token in time. Knows nothing of rooms.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { backoff } from "./backoff.ts";
import { HopwireError } from "./errors.ts";
import { httpLink } from "./http_link.ts";
import { type Link, type LinkEvents, LOST, webSocketLink } from "./link.ts";
import { Transports } from "./transports.ts";
import type { Clock, HopwireOptions, State, StateEvent } from "./types.ts";

/** A connection that lasted so long was a good one: the next attempt is the first again, milliseconds. */
const GOOD_MS = 5_000;

/** How long before its end a token is refreshed at the latest, milliseconds. */
const REFRESH_MS = 60_000;

/** How long a ping may take that asks whether the connection outlived a sleep, milliseconds. */
const PROBE_MS = 3_000;

/** Longest time that timers of platforms can wait, milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/** The id of frames that the connection itself sends. */
const OWN = "~";

/** There was no token: not a close code. */
const NO_TOKEN = 0;

/** Codes of RFC 6455 for what we sent: sending it again would end the same way. */
const OUR_FAULT = [1003, 1007, 1009];

/** What a connection tells. */
export interface Handlers {
  state(event: StateEvent): void;
  /** Connected: frames may be sent from now on. */
  up(frame: ServerFrameOf<"authenticated">): void;
  /** No longer. */
  down(): void;
  frame(frame: ServerFrame): void;
  /** Closed for good, by itself. */
  ended(error: HopwireError, gaveUp: boolean): void;
  /** Something went wrong that ends nothing. */
  failed(error: unknown): void;
}

/** What of a page is listened to, where there is one. */
interface Page {
  addEventListener?: EventTarget["addEventListener"];
  document?: EventTarget & { visibilityState: string };
  navigator?: { onLine?: boolean };
}
const page = globalThis as unknown as Page;

/** See the module's doc. */
export class Connection {
  readonly #base: URL;
  readonly #options: HopwireOptions;
  readonly #handlers: Handlers;
  readonly #clock: Clock;
  readonly #transports: Transports;
  readonly #page = new AbortController();
  state: State = "connecting";
  /** Milliseconds that the last ping took, if any has come back. */
  latency: number | undefined;
  #link: Link | null = null;
  /** Changes with each attempt and each loss: what belongs to an older one is passed over. */
  #turn = 0;
  #turnOver = new AbortController();
  #attempts = 0;
  #upSince = 0;
  #freshTried = false;
  #hint: number | null = null;
  #lastHeard = 0;
  #pingSentAt = 0;
  #refreshed = 0;
  #life = Infinity;
  #refreshing = false;
  #refreshTries = 0;
  #probe: Link | null = null;
  #timers = new Map<string, unknown>();

  constructor(base: URL, options: HopwireOptions, clock: Clock, handlers: Handlers) {
    this.#base = base;
    this.#options = options;
    this.#clock = clock;
    this.#handlers = handlers;
    const { storage } = options;
    this.#transports = new Transports(
      options.transports ?? ["websocket", "sse", "poll"],
      storage === undefined ? localStorageOf() : storage,
    );
    const { signal } = this.#page;
    page.addEventListener?.("online", () => this.wake(), { signal });
    page.addEventListener?.("offline", () => this.#offline(), { signal });
    page.document?.addEventListener("visibilitychange", () => {
      if (page.document!.visibilityState === "visible") this.wake();
    }, { signal });
  }

  get transport() {
    return this.#transports.current;
  }

  /** Whether so much waits to be sent that what can be dropped should be. */
  get behind(): boolean {
    return this.#link === null || this.#link.pending > 65_536;
  }

  /** Begins. */
  start(): void {
    void this.#attempt();
  }

  /** Sends a frame, or its text. */
  send(frame: object | string): void {
    this.#link?.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** There may be a network again, or somebody looks: tries at once, or asks whether it still lives. */
  wake(): void {
    if (this.state === "waiting") void this.#attempt();
    else if (this.state === "connected") this.#ping("probe");
  }

  close(): void {
    if (this.state === "closed") return;
    const up = this.state === "connected";
    this.#drop();
    this.#page.abort();
    this.#set("closed", { reason: "closed" });
    if (up) this.#handlers.down();
  }

  async #attempt(): Promise<void> {
    this.#drop();
    const turn = this.#turn;
    const current = () => turn === this.#turn;
    this.#set("connecting");
    if (!current()) return;
    this.#timer("connect", this.#options.connectTimeout ?? 8_000, () => {
      this.#lost(LOST, "it took too long");
    });
    let token: string;
    try {
      token = await this.#token();
    } catch (error) {
      if (!current()) return;
      this.#handlers.failed(error);
      return this.#lost(NO_TOKEN, "no token");
    }
    if (!current()) return;
    let refusal = "";
    try {
      this.#link = this.#open({
        opened: () => this.send({ type: "auth", token, id: OWN }),
        frame: (frame) => {
          if (!current()) return;
          this.#lastHeard = this.#clock.now();
          if (this.state === "connected") return this.#frame(frame);
          if (frame.type === "error") refusal = frame.message;
          if (frame.type === "authenticated") this.#up(frame);
        },
        closed: (code, reason) => {
          if (current()) this.#lost(code, refusal || reason || `closed with ${code}`);
        },
      });
    } catch (error) {
      // There is no WebSocket, or a policy forbids it.
      if (current()) this.#lost(LOST, String(error));
    }
  }

  #open(events: LinkEvents): Link {
    const { current } = this.#transports;
    if (current === "websocket") return this.#webSocket(events);
    const { fetch = globalThis.fetch } = this.#options;
    return httpLink(current, this.#base.href, fetch.bind(globalThis), events);
  }

  #webSocket(events: LinkEvents): Link {
    const { WebSocket = globalThis.WebSocket } = this.#options;
    const url = new URL("ws", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    return webSocketLink(url.href, WebSocket, events);
  }

  async #token(): Promise<string> {
    const { token } = this.#options;
    return typeof token === "string" ? token : await token({ signal: this.#turnOver.signal });
  }

  #up(frame: ServerFrameOf<"authenticated">): void {
    this.#clear("connect");
    this.#upSince = this.#clock.now();
    this.#freshTried = false;
    this.#hint = null;
    this.#transports.worked();
    this.#scheduleRefresh(frame.expiresAt);
    const turn = this.#turn;
    this.#set("connected");
    // A listener may have closed us.
    if (turn === this.#turn) this.#handlers.up(frame);
    if (turn !== this.#turn) return;
    this.#ping();
    if (this.#transports.doubtful) this.#tryBetter();
  }

  #frame(frame: ServerFrame): void {
    switch (frame.type) {
      case "authenticated":
        this.#refreshing = false;
        return this.#scheduleRefresh(frame.expiresAt);
      case "token-expiring":
        // Of a short life it is said at once, and again after each refresh.
        if (this.#clock.now() - this.#refreshed >= Math.min(this.#life, REFRESH_MS) / 2) {
          void this.#refresh();
        }
        return;
      case "reconnect":
        this.#hint = frame.after;
        return;
      case "pong":
        if (frame.id === OWN) this.latency = this.#clock.now() - this.#pingSentAt;
        return;
      case "error":
        if (frame.id !== OWN) break;
        return this.#refreshFailed(new HopwireError(frame.code, frame.message));
    }
    this.#handlers.frame(frame);
  }

  /** Pings, and again after a while; without anything heard in time the connection is dead. */
  #ping(name: "pong" | "probe" = "pong"): void {
    const sentAt = this.#pingSentAt = this.#clock.now();
    this.send({ type: "ping", id: OWN });
    const patience = name === "pong" ? this.#options.pingTimeout ?? 10_000 : PROBE_MS;
    // One that is awaited already is not given more time by the next.
    if (!this.#timers.has(name)) {
      this.#timer(name, patience, () => {
        if (this.#lastHeard < sentAt) this.#lost(LOST, "no answer to a ping");
      });
    }
    this.#timer("ping", Math.min(this.#options.pingInterval ?? 20_000, 30_000), () => this.#ping());
  }

  #scheduleRefresh(expiresAt: number | null): void {
    this.#refreshed = this.#clock.now();
    this.#refreshTries = 0;
    this.#clear("refresh");
    this.#life = Infinity;
    if (expiresAt === null || typeof this.#options.token === "string") return;
    const life = expiresAt - Date.now();
    // By a clock that is wrong it is over already: then the server's word alone counts.
    if (life <= 0) return;
    this.#life = life;
    const wait = Math.max(life - REFRESH_MS, life / 2);
    this.#timer("refresh", Math.min(wait, MAX_TIMER_MS), () => void this.#refresh());
  }

  /** Shows a new token on the connection that is there. */
  async #refresh(): Promise<void> {
    if (this.#refreshing || typeof this.#options.token === "string") return;
    this.#refreshing = true;
    const turn = this.#turn;
    try {
      const token = await this.#token();
      if (turn === this.#turn) this.send({ type: "auth", token, id: OWN });
    } catch (error) {
      if (turn === this.#turn) this.#refreshFailed(error);
    }
  }

  /** The old token still holds: another try, soon enough. */
  #refreshFailed(error: unknown): void {
    this.#refreshing = false;
    const wait = Math.min(1_000 * 2 ** this.#refreshTries++, REFRESH_MS / 4);
    this.#timer("refresh", wait, () => void this.#refresh());
    this.#handlers.failed(error);
  }

  /** A worse transport works. Was the server away, or does the best one truly not work here? */
  #tryBetter(): void {
    const done = (works: boolean) => {
      if (this.#probe === null) return;
      this.#endProbe();
      if (!works) return this.#transports.remember();
      this.#transports.recovered();
      this.#lost(LOST, "a better transport works", 0);
    };
    try {
      const probe = this.#probe = this.#webSocket({
        // Something between may let it open, and nothing through.
        opened: () => probe.send(JSON.stringify({ type: "ping", id: OWN })),
        frame: ({ type }) => type === "pong" && done(true),
        closed: () => done(false),
      });
      this.#timer("better", this.#options.connectTimeout ?? 8_000, () => done(false));
    } catch {
      this.#transports.remember();
    }
  }

  #endProbe(): void {
    this.#clear("better");
    this.#probe?.close();
    this.#probe = null;
  }

  #offline(): void {
    if (page.navigator?.onLine === false && this.state !== "closed" && this.state !== "waiting") {
      this.#lost(LOST, "offline");
    }
  }

  /** The connection, or the attempt, is over. `wait`: milliseconds until the next one. */
  #lost(code: number, reason: string, wait?: number): void {
    if (this.state === "closed") return;
    const up = this.state === "connected";
    const lasted = this.#clock.now() - this.#upSince;
    this.#drop();
    if (up) this.#handlers.down();
    // A listener may have closed us.
    if ((this.state as State) === "closed") return;
    const { token, maxAttempts = Infinity, random = Math.random } = this.#options;
    const refused = code === 4001 || code === 4002;
    if (refused && typeof token === "function" && !this.#freshTried) {
      this.#freshTried = true;
      wait = 0;
    } else if ((code >= 4000 && code < 4100) || OUR_FAULT.includes(code)) {
      return this.#end(new HopwireError("closed", reason, code), false);
    }
    // What was refused by a code, or for want of a token or a network, is no transport's fault.
    if (!up && code === LOST && page.navigator?.onLine !== false) this.#transports.failed();
    if (up && lasted >= GOOD_MS) this.#attempts = 0;
    if (wait === undefined && ++this.#attempts > maxAttempts) {
      return this.#end(new HopwireError("closed", reason, code), true);
    }
    wait ??= this.#hint ?? backoff(this.#attempts, random);
    this.#hint = null;
    this.#timer("retry", wait, () => void this.#attempt());
    this.#set("waiting", { reason, retryIn: wait });
  }

  #end(error: HopwireError, gaveUp: boolean): void {
    this.#page.abort();
    this.#set("closed", { reason: error.message });
    this.#handlers.ended(error, gaveUp);
  }

  /** Lets go of the link and of every timer. */
  #drop(): void {
    this.#turn++;
    this.#turnOver.abort();
    this.#turnOver = new AbortController();
    this.#link?.close();
    this.#link = null;
    this.#refreshing = false;
    this.#endProbe();
    for (const name of [...this.#timers.keys()]) this.#clear(name);
  }

  #set(state: State, more: Partial<StateEvent> = {}): void {
    this.state = state;
    this.#handlers.state({ state, transport: this.transport, ...more });
  }

  #timer(name: string, milliseconds: number, callback: () => void): void {
    this.#clear(name);
    this.#timers.set(
      name,
      this.#clock.setTimeout(() => {
        this.#timers.delete(name);
        callback();
      }, milliseconds),
    );
  }

  #clear(name: string): void {
    this.#clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

function localStorageOf(): HopwireOptions["storage"] {
  try {
    // Deno warns, or asks for a folder, where it is looked at; a page alone is meant.
    return page.document === undefined ? null : globalThis.localStorage;
  } catch {
    return null;
  }
}
