/**
 * Pulls messages from the durable consumer, one batch at a time. Nothing is prefetched: this
 * process holds one batch, and its crash delays one batch.
 *
 * @module
 */
import { createInbox, type Msg, type Subscription } from "@nats-io/transport-node";
import { ARCHIVE_CONSUMER, ROOMS_STREAM } from "../contract/mod.ts";
import { type Bus, recordedTraceparent } from "../kit/mod.ts";

const NEXT = `$JS.API.CONSUMER.MSG.NEXT.${ROOMS_STREAM}.${ARCHIVE_CONSUMER}`;

/** How long one request waits for a first message, milliseconds. Then it is repeated. */
const WAIT_MS = 30_000;

/** How often the server sends a heartbeat to a waiting request, milliseconds. */
const HEARTBEAT_MS = 500;
/**
 * How long the server may be silent before log and archive are reconciled again, milliseconds. The
 * server reports nothing if the stream or consumer is deleted between two requests.
 */
const MAX_SILENCE_MS = 2_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** One pulled message. */
export interface PulledMessage {
  subject: string;
  seq: number;
  /** The consumer's delivery sequence. */
  delivery: number;
  /** When the log stored the message, milliseconds since 1970. */
  storedAt: number;
  /** When this process received the message, milliseconds since 1970. */
  receivedAt: number;
  data: Uint8Array;
  /** The message's trace context, if its trace is recorded. */
  traceparent: string | undefined;
  /** Acks the message to JetStream. If the ack is lost, JetStream redelivers the message. */
  ack(): void;
}

interface Request {
  number: number;
  wanted: number;
  got: number;
  /** Restarts the silence timeout. */
  onActivity: () => void;
  done: (failure?: Error) => void;
}

/** Pulls batches. Only one {@link Puller.batch} may be pending. */
export class Puller {
  readonly #bus: Bus;
  readonly #size: number;
  readonly #batchMs: number;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  #arrived: PulledMessage[] = [];
  #request: Request | undefined;
  #requests = 0;
  #lastDelivery = 0;
  #broken: Error | undefined;
  #wakeUp: (() => void) | undefined;

  /**
   * `size` is the most messages in a batch. `batchMs` is how long a smaller batch waits for more,
   * milliseconds.
   */
  constructor(bus: Bus, size: number, batchMs: number) {
    this.#bus = bus;
    this.#size = size;
    this.#batchMs = batchMs;
    this.#subscription = bus.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
  }

  /**
   * Returns the next batch. It is empty if no message arrived for 30 s.
   *
   * @throws {Error} if the consumer was deleted or does not respond, or after {@link Puller.break};
   * this puller is then unusable
   */
  async batch(): Promise<PulledMessage[]> {
    if (this.#arrived.length === 0) await this.#fetch(this.#size);
    if (this.#arrived.length === 0) await this.#fetch(1, WAIT_MS);
    if (this.#arrived.length > 0 && this.#arrived.length < this.#size) {
      const age = Date.now() - this.#arrived[0]!.receivedAt;
      await this.#sleep(this.#batchMs - age);
      await this.#fetch(this.#size - this.#arrived.length);
    }
    const batch = this.#arrived;
    this.#arrived = [];
    return batch;
  }

  /** Fails the pending batch and all later ones. */
  break(reason: string): void {
    this.#broken ??= new Error(reason);
    this.#request?.done(this.#broken);
    this.#wakeUp?.();
  }

  /** Stops receiving. JetStream redelivers messages that were pulled but not returned. */
  close(): void {
    this.break("closed");
    this.#subscription.unsubscribe();
  }

  /**
   * Sends one request: for the messages available now, or, with `wait`, for those that arrive
   * within that time.
   */
  async #fetch(wanted: number, wait?: number): Promise<void> {
    if (this.#broken) throw this.#broken;
    const number = ++this.#requests;
    const settled = Promise.withResolvers<void>();
    let silenceTimer: ReturnType<typeof setTimeout> | undefined;
    const onActivity = () => {
      clearTimeout(silenceTimer);
      silenceTimer = setTimeout(() => this.break("the consumer does not respond"), MAX_SILENCE_MS);
    };
    const done = (failure?: Error) => {
      this.#request = undefined;
      clearTimeout(silenceTimer);
      if (failure) settled.reject(failure);
      else settled.resolve();
    };
    this.#request = { number, wanted, got: 0, onActivity, done };
    onActivity();
    const payload = wait === undefined ? { batch: wanted, no_wait: true } : {
      batch: wanted,
      expires: wait * NANOSECONDS_PER_MS,
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS_PER_MS,
    };
    const reply = `${this.#inbox}.${number}`;
    if (!this.#bus.send(NEXT, JSON.stringify(payload), { reply })) {
      this.break("not connected to NATS");
    }
    await settled.promise;
  }

  #receive(message: Msg): void {
    const request = this.#request;
    request?.onActivity();
    if (message.subject.startsWith(this.#inbox)) {
      // A status message ends a request. Ignore that of an earlier request.
      if (request === undefined || message.subject !== `${this.#inbox}.${request.number}`) return;
      const code = message.headers?.code;
      // 100: heartbeat. 404: no messages. 408: the request expired.
      if (code === 404 || code === 408) request.done();
      else if (code !== 100) {
        this.break(`the consumer answered ${code} ${message.headers?.description ?? ""}`.trim());
      }
      return;
    }
    const pulled = parsePulledMessage(message);
    if (pulled === null) return;
    if (pulled.delivery <= this.#lastDelivery) {
      // The delivery sequence restarted: this is another consumer of the same name, possibly of
      // another log.
      return this.break("the consumer was recreated");
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

/**
 * Parses a delivered message by its reply subject (ADR-15). Returns null if no consumer delivered
 * it.
 */
function parsePulledMessage(message: Msg): PulledMessage | null {
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
