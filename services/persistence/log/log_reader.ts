/**
 * Reads a stream of the log from a seq on, in order, with a consumer that lives as long as this reader. The
 * consumer's state on the server is never trusted: the reader counts what it gets, and its user
 * compares the seqs with the archive's position.
 *
 * It pulls batches. A push consumer would wake this process and the server for each message. In rooms of
 * five at 500 messages a second, auth, rooms and persistence then took 32 to 42 us of CPU a delivery in the
 * bench, and 24 to 27 with batches of 50 ms.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { type Bus, recordedTraceparent } from "../../kit/mod.ts";
import type { LogMessage, LogStream } from "./stream.ts";

/** How often the server sends a heartbeat to a waiting request, milliseconds. */
const HEARTBEAT_MS = 1_000;

/**
 * How long the server may be silent before this reader gives up, milliseconds. It reports nothing if
 * the stream or the consumer is deleted between two requests.
 */
const MAX_SILENCE_MS = 2_500;

/** How long {@link LogReader.batch} waits for a first message, milliseconds. */
const IDLE_MS = 5_000;

/** How long the server keeps the consumer of a reader that was killed, milliseconds. */
const INACTIVE_MS = 5_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** A message of the log as it was delivered. */
export interface ReadMessage extends LogMessage {
  /** When this process received the message, milliseconds since 1970. */
  receivedAt: number;
  /** The message's trace context, if its trace is recorded. */
  traceparent: string | undefined;
  /** The message as it arrived. */
  raw?: Msg;
}

/** Options of {@link LogReader}. */
export interface LogReaderOptions {
  bus: Bus;
  stream: LogStream;
  /** The first seq to read. */
  from: number;
  /** Most messages in a batch. */
  size: number;
  /** How long a batch that is not full waits for more messages, milliseconds. */
  batchMs: number;
}

/** A pull request that the server has not answered completely. */
interface Request {
  /** Where its answers go: each request has its own, so that late ones are recognised. */
  reply: string;
  wanted: number;
  got: number;
  done: (failure?: Error) => void;
}

/** Reads batches. Only one {@link LogReader.batch} may be pending. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #inbox: string;
  readonly #consumer = `archiver-${crypto.randomUUID().slice(0, 8)}`;
  #subscription: Subscription | undefined;
  /** What has arrived and is in no batch yet. At most one batch, because no more is asked for. */
  #arrived: ReadMessage[] = [];
  /** The number of the last delivery. */
  #delivered = 0;
  #request: Request | undefined;
  #requests = 0;
  #broken: Error | undefined;
  #wakeUp: (() => void) | undefined;
  /** What the last batch says about the next one: whether it was full, or empty. */
  #last: "full" | "partial" | "empty" = "full";
  /** When the server was last asked, or heard of; a monotonic time in milliseconds. */
  #activeAt = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#inbox = options.bus.createInbox();
  }

  /** Creates the consumer. Throws if JetStream refuses. */
  async open(): Promise<void> {
    const { bus, stream: { manager, name }, from } = this.#options;
    this.#subscription = bus.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
    await manager.consumers.add(name, {
      name: this.#consumer,
      description: "Hopwire: copies the log into the archive",
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.None,
      max_deliver: 1,
      inactive_threshold: INACTIVE_MS * NANOSECONDS_PER_MS,
      mem_storage: true,
      num_replicas: 1,
    });
  }

  /**
   * Returns the next messages of the log, in order, each once. Seqs are missing where the log has
   * none, or where the server has skipped some. The batch is empty if no message arrived for five
   * seconds.
   *
   * @throws {Error} if a delivery was lost or the server is silent, or after {@link
   * LogReader.break}; this reader is then unusable
   */
  async batch(): Promise<ReadMessage[]> {
    const { size, batchMs } = this.#options;
    // While messages keep coming, each batch takes one request: for those of the time that it waits.
    if (this.#last === "partial") await this.#sleep(batchMs);
    if (this.#last !== "empty" && this.#arrived.length < size) {
      await this.#fetch(size - this.#arrived.length);
    }
    if (this.#arrived.length === 0) {
      await this.#fetch(1, IDLE_MS);
      if (this.#arrived.length > 0 && size > 1) {
        await this.#sleep(batchMs);
        await this.#fetch(size - 1);
      }
    }
    const batch = this.#arrived;
    this.#arrived = [];
    this.#last = batch.length === 0 ? "empty" : batch.length < size ? "partial" : "full";
    return batch;
  }

  /** Fails the pending batch and all later ones. */
  break(reason: string): void {
    this.#broken ??= new Error(reason);
    this.#request?.done(this.#broken);
    this.#wakeUp?.();
  }

  /** Stops reading. The server deletes the consumer when nobody has pulled from it for a while. */
  close(): void {
    this.break("closed");
    clearTimeout(this.#silence);
    this.#subscription?.unsubscribe();
  }

  /**
   * Sends one request: for the messages available now, or, with `wait`, for those that arrive within
   * that time.
   */
  async #fetch(wanted: number, wait?: number): Promise<void> {
    if (this.#broken) throw this.#broken;
    const settled = Promise.withResolvers<void>();
    const reply = `${this.#inbox}.${++this.#requests}`;
    const done = (failure?: Error) => {
      this.#request = undefined;
      if (failure) settled.reject(failure);
      else settled.resolve();
    };
    this.#request = { reply, wanted, got: 0, done };
    this.#activeAt = performance.now();
    this.#silence ??= setTimeout(this.#checkSilence, MAX_SILENCE_MS);
    const payload = wait === undefined ? { batch: wanted, no_wait: true } : {
      batch: wanted,
      expires: wait * NANOSECONDS_PER_MS,
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS_PER_MS,
    };
    const { name } = this.#options.stream;
    const next = `$JS.API.CONSUMER.MSG.NEXT.${name}.${this.#consumer}`;
    if (!this.#options.bus.send(next, JSON.stringify(payload), { reply })) {
      this.break("not connected to NATS");
    }
    await settled.promise;
  }

  #receive(message: Msg): void {
    const request = this.#request;
    this.#activeAt = performance.now();
    const read = parseDelivery(message);
    if (read === null) {
      // A status message ends a request. Ignore that of an earlier request.
      if (request === undefined || message.subject !== request.reply) return;
      const { code, description } = message.headers ?? {};
      // 100: heartbeat. 404: no messages. 408: the request expired.
      if (code === 404 || code === 408) request.done();
      else if (code !== 100) {
        this.break(`the consumer answered ${code} ${description ?? ""}`.trim());
      }
      return;
    }
    if (read.delivery !== this.#delivered + 1) {
      return this.break(`delivery ${this.#delivered + 1} of the log is missing`);
    }
    this.#delivered = read.delivery;
    this.#arrived.push(read.message);
    if (request !== undefined && ++request.got >= request.wanted) request.done();
  }

  /** One timer for all requests: a timer for each delivery took 6 % of this process's CPU. */
  readonly #checkSilence = (): void => {
    this.#silence = undefined;
    // The next request starts it again.
    if (this.#request === undefined || this.#broken) return;
    const left = this.#activeAt + MAX_SILENCE_MS - performance.now();
    if (left <= 0) this.break("the log's consumer is silent");
    else this.#silence = setTimeout(this.#checkSilence, left);
  };

  async #sleep(ms: number): Promise<void> {
    if (ms <= 0 || this.#broken) return;
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
function parseDelivery(message: Msg): { message: ReadMessage; delivery: number } | null {
  const tokens = message.reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) return null;
  // $JS.ACK[.<domain>.<account>].<stream>.<consumer>.<delivered>.<seq>.<delivery>.<time>.<pending>
  const at = tokens.length > 9 ? 7 : 5;
  const time = tokens[at + 2]!;
  return {
    delivery: Number(tokens[at + 1]),
    message: {
      subject: message.subject,
      seq: Number(tokens[at]),
      storedAt: Number(time.slice(0, -6)),
      time,
      receivedAt: Date.now(),
      data: message.data,
      traceparent: recordedTraceparent(message),
      raw: message,
    },
  };
}
