/**
 * Reads one stream of the log with the consumer of a durable listener, and handles what it reads. What it holds is
 * bounded: the rest waits in the log, and the listener is told when that drops messages it has not read.
 *
 * @module
 */
import type { Consumer, JetStreamManager, JsMsg } from "@nats-io/jetstream";
import { jetstream } from "@nats-io/jetstream";
import { HEADERS, matchesRoom, roomOfSubject } from "../../contract/mod.ts";
import { lookAt, recordPlace } from "../consumer_place.ts";
import { contextOf, ROOT_CONTEXT } from "../hop.ts";
import { errorText } from "../log.ts";
import { LogPlace, type Missed } from "../log_place.ts";
import type { AppParts } from "./app_parts.ts";
import { ACK_WAIT_MS, MAX_ACK_PENDING } from "./durable_consumer.ts";
import { HANDLER_MS } from "./handlers.ts";
import type { Lanes, Work } from "./lanes.ts";
import { addListened, countMissed } from "./listener_metrics.ts";
import { handleMessage, type Listener, wantedMessage } from "./listening.ts";
import { RecentKeys } from "./recent_keys.ts";

/** How long before that a handler must have returned, so that its ack is in time, milliseconds. */
const ACK_MARGIN_MS = 2_000;

/** How long a message may wait for its handler, milliseconds: until there is too little time left for it. */
const MAX_WAIT_MS = ACK_WAIT_MS - ACK_MARGIN_MS - HANDLER_MS;

/** After that it is given back, and comes again after so long, milliseconds. Others come meanwhile. */
const GIVEN_BACK_MS = 3_000;

/** How often messages that wait for too long are given back, milliseconds. */
const SWEEP_MS = 500;

/** How long one pull waits for messages, milliseconds; the client library allows no less than a second. */
const PULL_MS = 5_000;
const MIN_PULL_MS = 1_000;

/** The delay before a message whose handler failed comes again, milliseconds. It doubles each time. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 60_000;

const NANOSECONDS_PER_MS = 1_000_000;

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

/** When the log stored a message, milliseconds since 1970. */
function storedAt({ info }: JsMsg): number {
  return Number(info.timestampNanos) / NANOSECONDS_PER_MS;
}

/** What a reader is made of. */
export interface ReaderOptions {
  /** The stream that it reads. */
  stream: string;
  /** The lanes of all readers. */
  lanes: Lanes;
  /** How many messages this one may hold. */
  share: () => number;
  /** How often to look where the log ends, milliseconds; see {@link LogPlace}. */
  lookMs?: number;
}

/** See the module's doc. */
export class DurableReader<Content> {
  readonly #parts: AppParts;
  readonly #listener: Listener<Content>;
  readonly #stream: string;
  readonly #lanes: Lanes;
  readonly #share: () => number;
  readonly #place: LogPlace;
  readonly #pullMs: number;
  /** Whether the log has said that it is behind. */
  #behind = false;
  /** The last delivery of each message that is handled or waits for it. */
  readonly #deliveries = new Map<number, Delivery>();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #handled = new RecentKeys();
  readonly #failures = new Map<number, number>();
  #stopReading: (() => void) | undefined;
  /** The highest seq that was handled. */
  #lastSeq = 0;

  constructor(
    parts: AppParts,
    listener: Listener<Content>,
    { stream, lanes, share, lookMs }: ReaderOptions,
  ) {
    this.#parts = parts;
    this.#listener = listener;
    this.#stream = stream;
    this.#lanes = lanes;
    this.#share = share;
    this.#place = new LogPlace(stream, lookMs);
    this.#pullMs = Math.max(MIN_PULL_MS, Math.min(PULL_MS, lookMs ?? PULL_MS));
    this.#sweeper = setInterval(() => this.#giveBack(MAX_WAIT_MS, GIVEN_BACK_MS), SWEEP_MS);
    addListened(stream, this.#place);
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
  async read(manager: JetStreamManager, stopped: () => boolean): Promise<void> {
    const { name } = this.#parts.declaration;
    const consumer: Consumer = await jetstream(this.#parts.bus.nats)
      .consumers.get(this.#stream, name);
    while (!stopped()) {
      // While no pull is open, so that nothing is delivered meanwhile.
      if (this.#place.due(performance.now())) await this.#look(manager);
      // No more is taken than can be held: another instance may have room for it.
      while (this.#free <= 0 && !stopped()) await this.#lanes.changed();
      if (!this.#parts.handlers.sound) throw new Error("too many handlers do not return");
      if (stopped()) return;
      const messages = await consumer.fetch({
        max_messages: this.#free,
        expires: this.#pullMs,
      });
      this.#stopReading = () => messages.stop();
      for await (const message of messages) {
        if (stopped()) message.nak();
        else this.#receive(message);
      }
      this.#stopReading = undefined;
    }
  }

  /** Looks where the log ends, and tells how far behind it the listener is, and what it has missed. */
  async #look(manager: JetStreamManager): Promise<void> {
    const { log, declaration: { name } } = this.#parts;
    const place = this.#place;
    const look = await lookAt(manager, this.#stream, name);
    const missed = place.looked(look, performance.now());
    if (missed !== undefined) {
      log.error("messages left the log before they were read", { ...missed });
      countMissed(missed);
      void this.#tell(missed);
    }
    const behind = place.inDanger();
    if (behind && !this.#behind) {
      const delay = Math.round(place.delay() / 1_000);
      log.warn("so far behind that messages will leave the log before they are read", {
        stream: this.#stream,
        waiting: place.waiting,
        delay,
      });
    } else if (!behind && this.#behind) {
      log.info("no longer far behind the log", { stream: this.#stream, waiting: place.waiting });
    }
    this.#behind = behind;
    const toRecord = place.toRecord(performance.now());
    if (toRecord === undefined) return;
    await recordPlace(manager, this.#stream, name, toRecord).catch((error) => {
      log.debug("cannot record the place in the log", { error: errorText(error) });
    });
  }

  /** Calls the service's own handler of what it has missed. */
  async #tell(missed: Missed): Promise<void> {
    const { handlers, log } = this.#parts;
    const { missed: handle, timeoutMs } = this.#listener.options;
    if (handle === undefined) return;
    try {
      await handlers.run(ROOT_CONTEXT, timeoutMs, () => handle(missed));
    } catch (error) {
      log.error("what was missed was not handled", { ...missed, error: errorText(error) });
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
    const { seq, redelivered } = message;
    this.#place.read({ seq, redelivered, storedAt: storedAt(message) });
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
      redelivered,
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
    const delay = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
    // Before its next try the log would drop it.
    const last = this.#place.dropsWithin(storedAt(this.#deliveries.get(seq)!.message), delay);
    if (last || failures >= attempts) {
      this.#parts.log.error("a message is given up", fields);
      this.#failures.delete(seq);
      return this.#settle(seq, (message) => message.term());
    }
    this.#parts.log.warn("a message was not handled, trying again later", fields);
    this.#settle(seq, (last) => last.nak(delay));
  }

  #settle(seq: number, how: (message: JsMsg) => void): void {
    const { message } = this.#deliveries.get(seq)!;
    this.#deliveries.delete(seq);
    how(message);
  }
}
