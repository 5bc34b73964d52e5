/**
 * Listens to every message, with a durable consumer on each stream of the log: NATS remembers what was acknowledged, and a message is
 * acknowledged when its handler has returned. So a service that is killed in mid-work gets the message
 * again, and one that returned does not.
 *
 * @module
 */
import {
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import {
  HEADERS,
  matchesRoom,
  MAX_STREAMS,
  roomOfSubject,
  ROOMS_STREAM,
  roomsStream,
  streamCountOf,
} from "../../contract/mod.ts";
import { contextOf } from "../hop.ts";
import { errorText } from "../log.ts";
import { LogThrottle } from "../log_throttle.ts";
import { idleDelay } from "../runtime.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import { ACK_WAIT_MS, ensureConsumer, MAX_ACK_PENDING } from "./durable_consumer.ts";
import { RecentKeys } from "./recent_keys.ts";
import { HANDLER_MS } from "./handlers.ts";
import { Lanes, type Work } from "./lanes.ts";
import { handleMessage, type Listener, wantedMessage } from "./listening.ts";

/** How long before that a handler must have returned, so that its ack is in time, milliseconds. */
const ACK_MARGIN_MS = 2_000;

/** How long a message may wait for its handler, milliseconds: until there is too little time left for it. */
const MAX_WAIT_MS = ACK_WAIT_MS - ACK_MARGIN_MS - HANDLER_MS;

/** After that it is given back, and comes again after so long, milliseconds. Others come meanwhile. */
const GIVEN_BACK_MS = 3_000;

/** How often messages that wait for too long are given back, milliseconds. */
const SWEEP_MS = 500;

/** Messages that one instance may hold for each that it handles. */
const HELD_PER_HANDLER = 4;

/** How long one pull waits for messages, milliseconds. */
const PULL_MS = 5_000;

/** The delay before a message whose handler failed comes again, milliseconds. It doubles each time. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 60_000;

/** The delay before the next try to reach JetStream, milliseconds. */
const RECONNECT_MS = 500;

/** Starts the durable listener of a service: one, because its consumers have the service's name. */
export function listenDurably<Content>(parts: AppParts, listener: Listener<Content>): void {
  requireNeed(parts, "log", "app.listen with durable");
  const { bus, declaration: { name }, health, log } = parts;
  const throttle = new LogThrottle();
  const { concurrency } = listener.options;
  /** What is handled at a time, of all streams. */
  const lanes = new Lanes(concurrency, Math.max(MAX_STREAMS, concurrency * HELD_PER_HANDLER));
  const readers: DurableReader<Content>[] = [];
  const running: Promise<void>[] = [];
  /** The streams whose consumer was there when it was last looked for. */
  const attached = new Set<string>();
  let streams: number | undefined;
  let stopped = false;
  health.require("durable consumer", () => streams !== undefined && attached.size >= streams);

  const run = async (stream: string) => {
    const share = () => Math.floor(concurrency * HELD_PER_HANDLER / (streams ?? 1)) || 1;
    const reader = new DurableReader(parts, listener, lanes, share);
    readers.push(reader);
    while (!stopped) {
      try {
        const manager = await jetstreamManager(bus.nats, { checkAPI: false });
        if (stream === ROOMS_STREAM) await readOthers(manager);
        // A filter must be within one subject of its stream. Where the buckets of a stream are
        // subjects of their own, no filter has them all, so the reader leaves out other rooms.
        const filter = streams === 1 ? `room.message.*.${listener.pattern}` : undefined;
        await ensureConsumer(manager, stream, name, listener, filter, reader.resumeFrom);
        attached.add(stream);
        await reader.read(jetstream(bus.nats), stream, name, () => stopped);
      } catch (error) {
        attached.delete(stream);
        const what = "cannot read the log, trying again";
        throttle.run(() => log.warn(what, { error: errorText(error) }));
      }
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  };
  /** The first stream tells how many there are. */
  const readOthers = async (manager: JetStreamManager) => {
    if (streams !== undefined) return;
    const { config } = await manager.streams.info(ROOMS_STREAM);
    streams = streamCountOf(config.subjects);
    for (let index = 1; index < streams; index++) running.push(run(roomsStream(index)));
  };
  running.push(run(ROOMS_STREAM));
  parts.onDrain(async () => {
    stopped = true;
    const late = idleDelay(DRAIN_MS);
    const ended = async () => {
      await Promise.all(readers.map((reader) => reader.stop()));
      await Promise.all(running);
    };
    await Promise.race([ended(), late]);
  });
}

/** What a message is known by. A log that was replaced may use a seq again, but at another time. */
function keyOf({ seq, info }: JsMsg): string {
  return `${seq} ${info.timestampNanos}`;
}

/** A message that is handled or waits for it. */
interface Delivery {
  /** Its last delivery, which is to be acknowledged. */
  message: JsMsg;
  /** When that arrived; a monotonic time in milliseconds. */
  at: number;
  work: Work;
}

/** Reads one stream with its consumer, and handles what it reads. */
class DurableReader<Content> {
  readonly #parts: AppParts;
  readonly #listener: Listener<Content>;
  readonly #lanes: Lanes;
  readonly #share: () => number;
  /** The last delivery of each message that is handled or waits for it. */
  readonly #deliveries = new Map<number, Delivery>();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #handled = new RecentKeys();
  readonly #failures = new Map<number, number>();
  #stopReading: (() => void) | undefined;
  /** The highest seq that was handled. */
  #lastSeq = 0;

  /** `lanes` are those of all readers, of which this one may hold `share` messages. */
  constructor(parts: AppParts, listener: Listener<Content>, lanes: Lanes, share: () => number) {
    this.#share = share;
    this.#parts = parts;
    this.#listener = listener;
    this.#lanes = lanes;
    this.#sweeper = setInterval(() => this.#giveBack(MAX_WAIT_MS, GIVEN_BACK_MS), SWEEP_MS);
  }

  /** Where a consumer that is made again has to begin; 0 if this process has handled nothing. */
  get resumeFrom(): number {
    return this.#lastSeq === 0
      ? 0
      : Math.min(this.#lastSeq + 1, ...this.#failures.keys(), ...this.#deliveries.keys());
  }

  /** How many messages this reader may take. */
  get #free(): number {
    return Math.min(this.#lanes.free, this.#share() - this.#deliveries.size);
  }

  /** Reads until `stopped`. Throws if the consumer cannot be read. */
  async read(
    client: JetStreamClient,
    stream: string,
    name: string,
    stopped: () => boolean,
  ): Promise<void> {
    const consumer = await client.consumers.get(stream, name);
    while (!stopped()) {
      // No more is taken than can be held: another instance may have room for it.
      while (this.#free <= 0 && !stopped()) await this.#lanes.changed();
      if (!this.#parts.handlers.sound) throw new Error("too many handlers do not return");
      if (stopped()) return;
      const messages = await consumer.fetch({
        max_messages: this.#free,
        expires: PULL_MS,
      });
      this.#stopReading = () => messages.stop();
      for await (const message of messages) {
        if (stopped()) message.nak();
        else this.#receive(message);
      }
      this.#stopReading = undefined;
    }
  }

  /** Stops taking messages, and waits for the handlers that run. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#stopReading?.();
    this.#giveBack(0);
    await this.#lanes.idle();
  }

  /** Gives back the messages that have waited for longer than `ms`, to come again after `delay`. */
  #giveBack(ms: number, delay?: number): void {
    const now = performance.now();
    const late = new Map<Work, number>();
    for (const [seq, { work, at }] of this.#deliveries) if (now - at >= ms) late.set(work, seq);
    if (late.size === 0) return;
    this.#lanes.remove((work) => {
      const seq = late.get(work);
      if (seq === undefined) return false;
      this.#settle(seq, (last) => last.nak(delay));
      return true;
    });
  }

  #receive(message: JsMsg): void {
    const { seq } = message;
    const pending = this.#deliveries.get(seq);
    if (pending !== undefined) {
      // The server has waited long enough. The ack of the last delivery counts.
      pending.message = message;
      pending.at = performance.now();
      return;
    }
    const key = keyOf(message);
    if (!matchesRoom(this.#listener.pattern, roomOfSubject(message.subject))) return message.ack();
    if (this.#handled.has(key)) return message.ack();
    const wanted = wantedMessage(this.#parts, this.#listener, {
      payload: () => message.json(),
      seq,
      redelivered: message.redelivered,
      context: contextOf(message.headers?.get(HEADERS.traceparent)),
    });
    if (wanted === null) return message.ack();
    const work = async () => {
      if (performance.now() - this.#deliveries.get(seq)!.at > MAX_WAIT_MS) {
        // It might be delivered again while it is handled.
        return this.#settle(seq, (last) => last.nak(GIVEN_BACK_MS));
      }
      try {
        await handleMessage(this.#parts, this.#listener, wanted);
        this.#handled.add(key);
        this.#failures.delete(seq);
        this.#lastSeq = Math.max(this.#lastSeq, seq);
        this.#settle(seq, (last) => last.ack());
      } catch (error) {
        this.#failed(seq, wanted.room, error);
      }
    };
    this.#deliveries.set(seq, { message, at: performance.now(), work });
    if (!this.#lanes.add(wanted.room, work)) this.#settle(seq, (last) => last.nak());
  }

  #failed(seq: number, room: string, error: unknown): void {
    const { attempts } = this.#listener.options;
    const failures = (this.#failures.get(seq) ?? 0) + 1;
    this.#failures.set(seq, failures);
    // Each of them waits for its next try, so there are not many.
    if (this.#failures.size > MAX_ACK_PENDING) {
      this.#failures.delete(this.#failures.keys().next().value!);
    }
    const fields = { room, seq, attempt: failures, error: errorText(error) };
    if (failures >= attempts) {
      this.#parts.log.error("a message is given up", fields);
      this.#failures.delete(seq);
      return this.#settle(seq, (last) => last.term());
    }
    this.#parts.log.warn("a message was not handled, trying again later", fields);
    const delay = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
    this.#settle(seq, (last) => last.nak(delay));
  }

  #settle(seq: number, how: (message: JsMsg) => void): void {
    const { message } = this.#deliveries.get(seq)!;
    this.#deliveries.delete(seq);
    how(message);
  }
}
