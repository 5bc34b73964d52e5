/**
 * Listens to every message, with a durable consumer: NATS remembers what was acknowledged, and a message is
 * acknowledged when its handler has returned. So a service that is killed in mid-work gets the message
 * again, and one that returned does not.
 *
 * @module
 */
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { HEADERS, ROOMS_STREAM } from "../../contract/mod.ts";
import { contextOf } from "../hop.ts";
import { errorText } from "../log.ts";
import { LogThrottle } from "../log_throttle.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import { RecentKeys } from "./recent_keys.ts";
import { HANDLER_MS } from "./handlers.ts";
import { Lanes, type Work } from "./lanes.ts";
import { handleMessage, type Listener, wantedMessage } from "./listening.ts";

/**
 * How long the server waits for an ack before it delivers a message again, milliseconds. Less than NATS
 * lets a service answer (35 s), more than a handler may take.
 */
const ACK_WAIT_MS = 30_000;

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

/** Messages that the server may have delivered without an ack, over all instances. */
const MAX_ACK_PENDING = 512;

/** How long one pull waits for messages, milliseconds. */
const PULL_MS = 5_000;

/** The delay before a message whose handler failed comes again, milliseconds. It doubles each time. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 60_000;

/** The delay before the next try to reach JetStream, milliseconds. */
const RECONNECT_MS = 500;

const NANOSECONDS_PER_MS = 1_000_000;

/** Starts the durable listener of a service: one, because its consumer has the service's name. */
export function listenDurably<Content>(parts: AppParts, listener: Listener<Content>): void {
  requireNeed(parts, "log", "app.listen with durable");
  const { bus, declaration: { name }, health, log } = parts;
  const reader = new DurableReader(parts, listener);
  const throttle = new LogThrottle();
  let attached = false;
  let stopped = false;
  health.require("durable consumer", () => attached);

  const run = async () => {
    while (!stopped) {
      try {
        const manager = await jetstreamManager(bus.nats, { checkAPI: false });
        await ensureConsumer(manager, name, listener, reader.resumeFrom);
        attached = true;
        await reader.read(jetstream(bus.nats), name, () => stopped);
      } catch (error) {
        attached = false;
        const what = "cannot read the log, trying again";
        throttle.run(() => log.warn(what, { error: errorText(error) }));
      }
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  };
  const running = run();
  parts.onDrain(async () => {
    stopped = true;
    const late = new Promise<void>((resolve) => Deno.unrefTimer(setTimeout(resolve, DRAIN_MS)));
    await Promise.race([reader.stop().then(() => running), late]);
  });
}

/**
 * Creates the consumer unless it is there. Where the one with which this process has read was lost
 * meanwhile, it goes on at `resumeFrom`, or at the beginning of a log that is another one.
 */
async function ensureConsumer<Content>(
  manager: JetStreamManager,
  name: string,
  { pattern, options }: Listener<Content>,
  resumeFrom: number,
): Promise<void> {
  const known = await manager.consumers.info(ROOMS_STREAM, name).catch((error) => {
    if (/consumer not found/i.test(errorText(error))) return null;
    throw error;
  });
  const filter = `room.message.*.${pattern}`;
  if (known !== null && known.config.filter_subject === filter) return;
  let start: { deliver_policy: DeliverPolicy; opt_start_seq?: number } = {
    deliver_policy: options.from === "first" ? DeliverPolicy.All : DeliverPolicy.New,
  };
  if (known !== null) {
    // The pattern has changed: it goes on where the consumer with the earlier one was.
    await manager.consumers.delete(ROOMS_STREAM, name);
    start = {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: known.ack_floor.stream_seq + 1,
    };
  } else if (resumeFrom > 0) {
    const { state } = await manager.streams.info(ROOMS_STREAM);
    start = state.last_seq + 1 < resumeFrom
      ? { deliver_policy: DeliverPolicy.All }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: resumeFrom };
  }
  await manager.consumers.add(ROOMS_STREAM, {
    durable_name: name,
    description: `Hopwire: the durable listener of ${name}`,
    ...start,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOSECONDS_PER_MS,
    max_ack_pending: MAX_ACK_PENDING,
    filter_subject: filter,
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

/** Reads with the consumer, and handles what it reads. */
class DurableReader<Content> {
  readonly #parts: AppParts;
  readonly #listener: Listener<Content>;
  readonly #lanes: Lanes;
  /** The last delivery of each message that is handled or waits for it. */
  readonly #deliveries = new Map<number, Delivery>();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #handled = new RecentKeys();
  readonly #failures = new Map<number, number>();
  #stopReading: (() => void) | undefined;
  /** The highest seq that was handled. */
  #lastSeq = 0;

  constructor(parts: AppParts, listener: Listener<Content>) {
    this.#parts = parts;
    this.#listener = listener;
    const { concurrency } = listener.options;
    this.#lanes = new Lanes(concurrency, concurrency * HELD_PER_HANDLER);
    this.#sweeper = setInterval(() => this.#giveBack(MAX_WAIT_MS, GIVEN_BACK_MS), SWEEP_MS);
  }

  /** Where a consumer that is made again has to begin; 0 if this process has handled nothing. */
  get resumeFrom(): number {
    return this.#lastSeq === 0
      ? 0
      : Math.min(this.#lastSeq + 1, ...this.#failures.keys(), ...this.#deliveries.keys());
  }

  /** Reads until `stopped`. Throws if the consumer cannot be read. */
  async read(client: JetStreamClient, name: string, stopped: () => boolean): Promise<void> {
    const consumer = await client.consumers.get(ROOMS_STREAM, name);
    while (!stopped()) {
      // No more is taken than can be held: another instance may have room for it.
      while (this.#lanes.free <= 0 && !stopped()) await this.#lanes.changed();
      if (!this.#parts.handlers.sound) throw new Error("too many handlers do not return");
      if (stopped()) return;
      const messages = await consumer.fetch({
        max_messages: this.#lanes.free,
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
