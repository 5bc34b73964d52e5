/**
 * What a service of one's own is written with.
 *
 * @module
 */
import {
  type HistoryPage,
  HistoryRead,
  MAX_PRESENCE_PAGE,
  RoomsPresence,
} from "../../contract/mod.ts";
import type * as z from "zod";
import { ConfigError } from "../config.ts";
import type { Health } from "../health.ts";
import type { Logger } from "../log.ts";
import { request } from "../requests.ts";
import type { ServiceContext } from "../service.ts";
import type { Stored } from "../stream_publisher.ts";
import { answer, type AnswerOptions, type Call } from "./answer.ts";
import { type AppParts, requireNeed } from "./app_parts.ts";
import type { Declaration } from "./declaration.ts";
import { listenDurably } from "./durable.ts";
import { createEvery, type EveryOptions, type Tick } from "./every.ts";
import { createGrants } from "./grants.ts";
import { currentContext, Handlers } from "./handlers.ts";
import { listenerOf, type ListenOptions, type MessageHandler } from "./listening.ts";
import { listenLive } from "./live.ts";
import { screen, type ScreenHandler } from "./screen.ts";
import {
  createSending,
  type PostOptions,
  type SendOptions,
  type SignalOptions,
} from "./sending.ts";

/** Which page of history to read; see the frame `history` in PROTOCOL.md. */
export interface HistoryOptions extends SendOptions {
  /** The newest messages older than that seq. */
  before?: number;
  /** The oldest messages newer than that seq. */
  after?: number;
  /** The epoch that `before` or `after` belongs to. */
  epoch?: string;
  /** Default: 50. */
  limit?: number;
}

/** Which page of members to read. */
export interface PresenceOptions extends SendOptions {
  /** The last `userId` of the page before. */
  after?: string;
  /** Default: 500, which is also the maximum. */
  limit?: number;
}

/**
 * A service of one's own. What it uses it must have declared in its `needs`; otherwise the function
 * throws a ConfigError that names the need.
 */
export interface App {
  /** Its name. */
  readonly name: string;
  /** Its logger. With the `context` of a call or message as third argument a line is part of its trace. */
  readonly log: Logger;
  /** What the kit is built on: NATS itself, `request`, `publish` and more. */
  readonly bus: ServiceContext["bus"];
  /** The conditions of `/readyz`. */
  readonly health: Health;
  /** Registers a function to run at shutdown. The last one registered runs first. */
  onDrain(step: () => void | Promise<void>): void;
  /**
   * Answers `call` frames for a method. What the client sends and what the handler returns are checked by
   * schemas. A FaultError that the handler throws is the answer; anything else becomes `service_failed`
   * and is logged. A handler that is late is answered with `timeout`, an answer of more than 640 KiB with
   * `too_large`. Needs `calls`.
   */
  answer<Data, Result>(
    method: string,
    options: AnswerOptions<Data, Result>,
    handle: (call: Call<Data>) => Result | Promise<Result>,
  ): void;
  /**
   * Listens to the messages of rooms: live (needs `listen`), or to every one (`durable`, needs `log`).
   * Messages of one room are handled one after the other. An error of a live handler is logged; a durable
   * message comes again, later each time.
   */
  listen<Content = unknown>(
    pattern: string,
    handle: MessageHandler<Content>,
    options?: ListenOptions<Content>,
  ): void;
  /**
   * Posts a message to a room, and waits until it is stored. It is sent up to three times; its id makes
   * sure that it is stored once. Needs `post`.
   *
   * @throws {FaultError} `invalid_format` or `too_large` for what no room takes; `unavailable` if it may
   * not have been stored: then post it again with the same id; with `screen`, `forbidden` if it is refused
   */
  post(room: string, content: unknown, options?: PostOptions): Promise<Stored>;
  /** Sends a signal to who is in a room now. Needs `signal`. */
  signal(room: string, content: unknown, options?: SignalOptions): void;
  /** Sends an event to a user, on all connections. Needs `events`. */
  event(userId: string, topic: string, data: unknown, options?: SendOptions): void;
  /** Reads a page of a room's history, the newest by default. Needs `history`. */
  history(room: string, options?: HistoryOptions): Promise<HistoryPage>;
  /** Reads a page of who is in a room. Needs `presence`. */
  presence(room: string, options?: PresenceOptions): Promise<z.infer<typeof RoomsPresence.reply>>;
  /**
   * Screens messages of clients before they are stored, in the namespaces that name this service in
   * `screen`. Needs `screen`.
   */
  screen(handle: ScreenHandler): void;
  /**
   * Runs something every so many milliseconds, in one instance each time. A tick that fails or finds NATS
   * out of reach is left out. Needs `schedule`.
   */
  every(
    ms: number,
    name: string,
    handle: (tick: Tick) => void | Promise<void>,
    options?: EveryOptions,
  ): void;
}

/** Makes the app of a service that has started. */
export function createApp(context: ServiceContext, declaration: Declaration): App {
  const { bus, log, health } = context;
  const handlers = new Handlers();
  health.require("handlers return", () => handlers.sound);
  const parts: AppParts = {
    declaration,
    bus,
    log,
    health,
    handlers,
    grants: createGrants(bus),
    onDrain: (step) => context.onDrain(step),
  };
  const sending = createSending(parts);
  const every = createEvery(parts);
  let durable = false;
  return {
    name: declaration.name,
    log,
    bus,
    health,
    onDrain: parts.onDrain,
    ...sending,
    every,
    answer: (method, options, handle) => answer(parts, method, options, handle),
    listen(pattern, handle, options = {}) {
      const listener = listenerOf(pattern, handle, options);
      if (!listener.options.durable) return listenLive(parts, listener);
      if (durable) throw new ConfigError("app.listen: a service has one durable listener");
      durable = true;
      listenDurably(parts, listener);
    },
    screen: (handle) => screen(parts, handle),
    async history(room, { context: trace = currentContext(), limit = 50, ...page } = {}) {
      requireNeed(parts, "history", "app.history");
      return await request(bus, HistoryRead, { room, limit, ...page }, { context: trace });
    },
    async presence(room, { context: trace = currentContext(), ...page } = {}) {
      requireNeed(parts, "presence", "app.presence");
      const wanted = { room, limit: MAX_PRESENCE_PAGE, ...page };
      return await request(bus, RoomsPresence, wanted, { context: trace });
    },
  };
}
