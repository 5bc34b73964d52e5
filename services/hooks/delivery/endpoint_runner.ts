/**
 * Delivers the events of one endpoint. Endpoints share nothing: one that is slow or down delays no other.
 *
 * @module
 */
import {
  HOOKS_STREAM,
  type HookState,
  ROOMS_STREAM,
  type WebhookEndpoint,
  type WebhookEvent,
} from "../../contract/mod.ts";
import { errorText } from "../../kit/mod.ts";
import { setWaiting } from "../metrics.ts";
import type { StateStore } from "../state/state_store.ts";
import { hasCode, STREAM_NOT_FOUND } from "../state/streams.ts";
import { EventSender, type SenderParts, WORKING_MS } from "./event_sender.ts";
import {
  ensureConsumer,
  type EventSource,
  otherStreams,
  readPosition,
  sourcesOf,
} from "./event_source.ts";
import type { Outcome } from "./post.ts";
import { PullReader } from "./pull_reader.ts";
import type { Item } from "./requests.ts";

/** How long one pull waits for a message, milliseconds. */
const PULL_MS = 5_000;

/** Messages of one pull at most. */
const MAX_PULL = 500;

/** How often the position is read, milliseconds. */
const POSITION_MS = 2_000;

/** How long requests in progress may take when it stops, milliseconds; a drain takes 10 s at most. */
const STOP_MS = 7_000;

/** The delay before the consumer is tried again, milliseconds. */
const RECONNECT_MS = 1_000;

/** What a runner needs. */
export interface RunnerParts extends SenderParts {
  store: StateStore;
}

/** See the module's doc. */
export class EndpointRunner {
  readonly endpoint: WebhookEndpoint;
  readonly #parts: RunnerParts;
  readonly #sender: EventSender;
  readonly #positions = new Map<EventSource, { waiting: number; seq: number }>();
  readonly #sources: EventSource[] = [];
  readonly #attached = new Set<EventSource>();
  readonly #loops: Promise<void>[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  /** Whether it is known how many streams the log has. */
  #complete = false;

  /** `disabled` is why nothing is to be sent. */
  constructor(parts: RunnerParts, endpoint: WebhookEndpoint, disabled?: string) {
    this.endpoint = endpoint;
    this.#parts = parts;
    const reason = endpoint.enabled ? disabled : "the file says so";
    this.#sender = new EventSender(parts, endpoint, reason);
  }

  /** What it does now. */
  get state(): HookState {
    const waiting = [...this.#positions.values()].reduce((sum, one) => sum + one.waiting, 0);
    return { ...this.#sender.state, waiting };
  }

  /** Whether it has its place in every stream that it reads. */
  get attached(): boolean {
    return this.#loops.length > 0 && this.#attached.size === this.#loops.length;
  }

  /** Whether it has its place in the stream of derived events. */
  get placed(): boolean {
    return [...this.#attached].some(({ stream }) => stream === HOOKS_STREAM);
  }

  /** Begins to deliver. */
  start(): void {
    for (const source of sourcesOf(this.endpoint)) this.#add(source);
    this.#timer = setInterval(() => {
      for (const source of this.#sources) void this.#look(source);
    }, POSITION_MS);
  }

  /** Stops: waits for the requests in progress, and gives back what has not been sent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#sender.stop();
    const timer = setTimeout(() => this.#sender.close(), STOP_MS);
    await Promise.all(this.#loops);
    clearTimeout(timer);
    this.#sender.close();
    setWaiting(this.endpoint.id, undefined);
  }

  /** Sends one event, once, and returns what the endpoint answered. */
  async test(event: WebhookEvent): Promise<Outcome> {
    return await this.#sender.test(event);
  }

  #add(source: EventSource): void {
    this.#sources.push(source);
    this.#loops.push(this.#run(source));
  }

  /** The first stream of the log tells how many there are. */
  async #addOtherStreams(source: EventSource): Promise<void> {
    if (source.stream !== ROOMS_STREAM || this.#complete) return;
    try {
      const others = await otherStreams(this.#parts.bus, this.endpoint, source);
      this.#complete = true;
      for (const other of others) this.#add(other);
    } catch (error) {
      if (!hasCode(error, STREAM_NOT_FOUND)) throw error;
    }
  }

  async #look(source: EventSource): Promise<void> {
    const { bus, store } = this.#parts;
    const { id } = this.endpoint;
    const before = this.#positions.get(source)?.seq ?? 0;
    const position = await readPosition(bus, store, id, source, before).catch(() => undefined);
    if (position === undefined || this.#stopped) return;
    this.#positions.set(source, position);
    setWaiting(id, this.state.waiting);
  }

  async #run(source: EventSource): Promise<void> {
    const { bus, store } = this.#parts;
    while (!this.#stopped) {
      try {
        await this.#addOtherStreams(source);
        await ensureConsumer(bus, store, this.endpoint.id, source);
        this.#attached.add(source);
        // It keeps its place while nothing is sent.
        if (this.#sender.disabled !== undefined) return;
        const reader = new PullReader(bus, source.stream, source.consumer, WORKING_MS);
        void this.#sender.stopped.then(() => reader.close());
        try {
          await Promise.all(
            Array.from({ length: this.endpoint.concurrency }, () => this.#read(reader, source)),
          );
        } finally {
          reader.close();
        }
      } catch (error) {
        if (this.#stopped) return;
        this.#sender.warn("cannot read the events of an endpoint, trying again", errorText(error));
        await this.#sender.pause(RECONNECT_MS);
      }
    }
  }

  async #read(reader: PullReader, source: EventSource): Promise<void> {
    const { batch } = this.endpoint;
    const wanted = batch?.maxEvents ?? 1;
    let pull = wanted;
    while (await this.#sender.ready()) {
      const deliveries = await reader.pull(pull, PULL_MS, batch?.maxWaitMs ?? 0);
      const items = deliveries.flatMap((delivery): Item[] => {
        const event = source.eventOf(delivery);
        if (event === null) {
          delivery.ack();
          return [];
        }
        return [{ event, delivery, json: JSON.stringify(event) }];
      });
      // As many as are likely to have as many wanted ones as a request takes.
      const share = deliveries.length === 0 ? 1 : Math.max(1, items.length) / deliveries.length;
      pull = Math.min(MAX_PULL, Math.ceil(wanted / share));
      await this.#sender.send(items);
    }
  }
}
