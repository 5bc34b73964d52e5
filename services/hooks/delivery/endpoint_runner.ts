/**
 * Delivers the events of one endpoint. Endpoints share nothing: one that is slow or down delays no other.
 *
 * @module
 */
import {
  HOOKS_STREAM,
  type HookState,
  type WebhookEndpoint,
  type WebhookEvent,
} from "../../contract/mod.ts";
import { errorText, LogPlace, recordPlace } from "../../kit/mod.ts";
import { missed, setWaiting } from "../metrics.ts";
import type { StateStore } from "../state/state_store.ts";
import { hasCode, managerOf, STREAM_NOT_FOUND } from "../state/streams.ts";
import { EventSender, type SenderParts, WORKING_MS } from "./event_sender.ts";
import {
  ensureConsumer,
  type EventSource,
  newStreams,
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

/** Every how many of these times the streams of the log are asked whether others have taken their rooms. */
const LOOK_TURNS = 2;

/** How long requests in progress may take when it stops, milliseconds; a drain takes 10 s at most. */
const STOP_MS = 7_000;

/** The delay before the consumer is tried again, milliseconds. */
const RECONNECT_MS = 1_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** What a runner needs. */
export interface RunnerParts extends SenderParts {
  store: StateStore;
  /** How often the position is read, milliseconds; tests read it more often. */
  positionMs?: number;
}

/** Where an endpoint is in a stream. */
interface Position {
  place: LogPlace;
  /** The seq up to which everything is done. */
  seq: number;
  /** Whether the log has said that it is behind. */
  behind: boolean;
}

/** See the module's doc. */
export class EndpointRunner {
  readonly endpoint: WebhookEndpoint;
  readonly #parts: RunnerParts;
  readonly #sender: EventSender;
  readonly #positions = new Map<EventSource, Position>();
  readonly #sources: EventSource[] = [];
  readonly #attached = new Set<EventSource>();
  readonly #loops: Promise<void>[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #stopped = false;

  /** `disabled` is why nothing is to be sent. */
  constructor(parts: RunnerParts, endpoint: WebhookEndpoint, disabled?: string) {
    this.endpoint = endpoint;
    this.#parts = parts;
    const reason = endpoint.enabled ? disabled : "the file says so";
    this.#sender = new EventSender(parts, endpoint, reason);
    // An alert sees a counter grow only if it was there before.
    missed.add(endpoint.id, 0);
  }

  /** What it does now. */
  get state(): HookState {
    const waiting = this.#positions.values().reduce((sum, { place }) => sum + place.waiting, 0);
    return { ...this.#sender.state, waiting };
  }

  /** Whether it has its place in every stream that it reads. */
  get attached(): boolean {
    const { length } = this.#sources;
    return length > 0 && this.#sources.every((one) => one.waits || this.#attached.has(one));
  }

  /** Whether it has its place in the stream of derived events. */
  get placed(): boolean {
    return [...this.#attached].some(({ stream }) => stream === HOOKS_STREAM);
  }

  /** Begins to deliver. */
  start(): void {
    for (const source of sourcesOf(this.endpoint)) this.#add(source);
    let turn = 0;
    this.#timer = setInterval(() => {
      turn++;
      for (const source of this.#sources) {
        void this.#look(source);
        const due = turn % LOOK_TURNS === 0 && this.#attached.has(source);
        if (due) void this.#addStreams(source).catch(() => {});
      }
    }, this.#parts.positionMs ?? POSITION_MS);
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
    this.#positions.set(source, { place: new LogPlace(source.stream), seq: 0, behind: false });
    this.#loops.push(this.#run(source));
  }

  /** A stream of the log tells of those that have taken rooms from it. */
  async #addStreams(source: EventSource): Promise<void> {
    const { bus, store } = this.#parts;
    try {
      const found = await newStreams(bus, this.endpoint, source);
      if (this.#stopped) return;
      const known = new Set(this.#sources.map(({ stream }) => stream));
      const added = found.filter(({ stream }) => !known.has(stream));
      for (const other of added) this.#add(other);
      // The filter of a stream that was the only one.
      if (added.length > 0 && this.#attached.has(source)) {
        await ensureConsumer(bus, store, this.endpoint.id, source, () => this.#stopped);
      }
    } catch (error) {
      if (!hasCode(error, STREAM_NOT_FOUND)) throw error;
    }
  }

  async #look(source: EventSource): Promise<void> {
    const { bus, store } = this.#parts;
    const { id } = this.endpoint;
    const position = this.#positions.get(source)!;
    const { place } = position;
    const look = await readPosition(bus, store, id, source, position.seq).catch(() => undefined);
    if (look === undefined || this.#stopped) return;
    position.seq = look.acked;
    const lost = place.looked(look, performance.now());
    setWaiting(id, this.state.waiting);
    if (lost !== undefined) {
      missed.add(id, lost.messages);
      bus.log.error("events left the stream before they were sent", { endpoint: id, ...lost });
    }
    const behind = place.inDanger();
    if (behind && !position.behind) {
      const fields = { endpoint: id, stream: source.stream, waiting: place.waiting };
      bus.log.warn("so far behind that events will leave the stream before they are sent", fields);
    }
    position.behind = behind;
    const toRecord = place.toRecord(performance.now());
    if (toRecord === undefined) return;
    await recordPlace(await managerOf(bus), source.stream, source.consumer, toRecord)
      .catch((error) =>
        bus.log.debug("cannot record the place of an endpoint", {
          endpoint: id,
          error: errorText(error),
        })
      );
  }

  async #run(source: EventSource): Promise<void> {
    const { bus, store } = this.#parts;
    while (!this.#stopped) {
      try {
        await this.#addStreams(source);
        await ensureConsumer(bus, store, this.endpoint.id, source, () => this.#stopped);
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
    const { place } = this.#positions.get(source)!;
    const wanted = batch?.maxEvents ?? 1;
    let pull = wanted;
    while (await this.#sender.ready()) {
      const deliveries = await reader.pull(pull, PULL_MS, batch?.maxWaitMs ?? 0);
      for (const { seq, nanoseconds, delivered } of deliveries) {
        const storedAt = Number(nanoseconds) / NANOSECONDS_PER_MS;
        place.read({ seq, storedAt, redelivered: delivered > 1 });
      }
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
      await this.#sender.send(items, (storedAt, ms) => place.dropsWithin(storedAt, ms));
    }
  }
}
