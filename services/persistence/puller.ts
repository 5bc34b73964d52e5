/**
 * Pulls messages from the durable consumer, a batch at a time. Nothing is fetched ahead: what this
 * process holds is one batch, and what a crash of it delays is one batch.
 *
 * @module
 */
import { createInbox, type Msg, type Subscription } from "@nats-io/transport-node";
import { ARCHIVE_CONSUMER, ROOMS_STREAM } from "../contract/mod.ts";
import { type Bus, recordedTraceparent } from "../kit/mod.ts";

const NEXT = `$JS.API.CONSUMER.MSG.NEXT.${ROOMS_STREAM}.${ARCHIVE_CONSUMER}`;

/** How long one request waits for a first message, milliseconds; then it is made again. */
const WAIT_MS = 30_000;

/**
 * How often the server tells a waiting request that it is still known, and how long it may be silent
 * before we look for stream and consumer again, milliseconds: those deleted between two of our
 * requests tell nobody.
 */
const HEARTBEAT_MS = 500;
const MAX_SILENCE_MS = 2_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** One message that was pulled. */
export interface Pulled {
  subject: string;
  seq: number;
  /** The consumer's own count of what it delivered. */
  delivery: number;
  /** When the log stored it, and when it came here, milliseconds since 1970. */
  storedAt: number;
  receivedAt: number;
  data: Uint8Array;
  /** Its trace context, where its trace is recorded. */
  traceparent: string | undefined;
  /** Tells JetStream that it is archived. One that gets lost is made up for by redelivery. */
  ack(): void;
}

interface Request {
  number: number;
  wanted: number;
  got: number;
  /** Something has come: the server's silence begins anew. */
  heard: () => void;
  done: (failure?: Error) => void;
}

/** See the module's doc. One {@link Puller.batch} at a time. */
export class Puller {
  readonly #bus: Bus;
  readonly #size: number;
  readonly #batchMs: number;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  #arrived: Pulled[] = [];
  #request: Request | undefined;
  #requests = 0;
  #lastDelivery = 0;
  #broken: Error | undefined;
  #wakeUp: (() => void) | undefined;

  /** `size`: messages a batch has at most; `batchMs`: how long one that has less waits for more. */
  constructor(bus: Bus, size: number, batchMs: number) {
    this.#bus = bus;
    this.#size = size;
    this.#batchMs = batchMs;
    this.#subscription = bus.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  /**
   * The next batch; empty when none came for a while.
   *
   * @throws {Error} when the consumer is gone or not reached, or after {@link Puller.break}: then
   * this puller is of no more use
   */
  async batch(): Promise<Pulled[]> {
    if (this.#arrived.length === 0) await this.#ask(this.#size);
    if (this.#arrived.length === 0) await this.#ask(1, WAIT_MS);
    if (this.#arrived.length > 0 && this.#arrived.length < this.#size) {
      const age = Date.now() - this.#arrived[0]!.receivedAt;
      await this.#sleep(this.#batchMs - age);
      await this.#ask(this.#size - this.#arrived.length);
    }
    const batch = this.#arrived;
    this.#arrived = [];
    return batch;
  }

  /** Ends the batch that is awaited, and all later ones, with an error. */
  break(reason: string): void {
    this.#broken ??= new Error(reason);
    this.#request?.done(this.#broken);
    this.#wakeUp?.();
  }

  /** Takes nothing more. What was pulled and not given out is redelivered. */
  close(): void {
    this.break("closed");
    this.#subscription.unsubscribe();
  }

  /** One request: for what is there now, or, with `wait`, for what comes in so long. */
  async #ask(wanted: number, wait?: number): Promise<void> {
    if (this.#broken) throw this.#broken;
    const number = ++this.#requests;
    const asked = Promise.withResolvers<void>();
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => this.break("the consumer does not answer"), MAX_SILENCE_MS);
    };
    const done = (failure?: Error) => {
      this.#request = undefined;
      clearTimeout(silence);
      if (failure) asked.reject(failure);
      else asked.resolve();
    };
    this.#request = { number, wanted, got: 0, heard, done };
    heard();
    const payload = wait === undefined ? { batch: wanted, no_wait: true } : {
      batch: wanted,
      expires: wait * NANOSECONDS_PER_MS,
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS_PER_MS,
    };
    const reply = `${this.#inbox}.${number}`;
    if (!this.#bus.send(NEXT, JSON.stringify(payload), { reply })) {
      this.break("NATS is not reached");
    }
    await asked.promise;
  }

  #take(message: Msg): void {
    const request = this.#request;
    request?.heard();
    if (message.subject.startsWith(this.#inbox)) {
      // The end of a request, as a status; that of an earlier one says nothing.
      if (request === undefined || message.subject !== `${this.#inbox}.${request.number}`) return;
      const code = message.headers?.code;
      // 100: still waiting. 404: there is nothing. 408: nothing more, or none came in time.
      if (code === 404 || code === 408) request.done();
      else if (code !== 100) {
        this.break(`the consumer answers ${code} ${message.headers?.description ?? ""}`.trim());
      }
      return;
    }
    const pulled = parsePulled(message);
    if (pulled === null) return;
    if (pulled.delivery <= this.#lastDelivery) {
      // It counts from 1 again: another consumer by the same name, maybe of another log.
      return this.break("the consumer was made anew");
    }
    this.#lastDelivery = pulled.delivery;
    this.#arrived.push(pulled);
    if (request !== undefined && ++request.got >= request.wanted) request.done();
  }

  async #sleep(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }
}

/** A delivered message, by its reply subject (ADR-15); null where it is none of a consumer. */
function parsePulled(message: Msg): Pulled | null {
  const tokens = message.reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) return null;
  // $JS.ACK[.<domain>.<account>].<stream>.<consumer>.<delivered>.<seq>.<delivery>.<time>.<pending>
  const at = tokens.length > 9 ? 7 : 5;
  return {
    subject: message.subject,
    seq: Number(tokens[at]),
    delivery: Number(tokens[at + 1]),
    storedAt: Number(tokens[at + 2]!.slice(0, -6)),
    receivedAt: Date.now(),
    data: message.data,
    traceparent: recordedTraceparent(message),
    ack: () => void message.respond("+ACK"),
  };
}
