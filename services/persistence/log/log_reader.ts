/**
 * Reads the log from a seq on, in order, with a push consumer that lives as long as this reader. The
 * consumer's state on the server is never trusted: the reader counts what it gets, and its user
 * compares the seqs with the archive's position.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy, type JetStreamManager } from "@nats-io/jetstream";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import { type Bus, recordedTraceparent } from "../../kit/mod.ts";
import type { LogMessage } from "./stream.ts";

/** How often the server sends a heartbeat when there is nothing to send, milliseconds. */
const HEARTBEAT_MS = 500;

/** How long the server may be silent before this reader gives up, milliseconds. */
const MAX_SILENCE_MS = 2_000;

/** How long {@link LogReader.batch} waits for a first message, milliseconds. */
const IDLE_MS = 1_000;

/** How long the server keeps the consumer of a reader that was killed, milliseconds. */
const INACTIVE_MS = 5_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** A message of the log as it was delivered. */
export interface ReadMessage extends LogMessage {
  /** When this process received the message, milliseconds since 1970. */
  receivedAt: number;
  /** The message's trace context, if its trace is recorded. */
  traceparent: string | undefined;
}

/** Options of {@link LogReader}. */
export interface LogReaderOptions {
  bus: Bus;
  manager: JetStreamManager;
  /** The first seq to read. */
  from: number;
  /** Most messages in a batch. */
  size: number;
  /** How long a batch that is not full waits for more messages, milliseconds. */
  batchMs: number;
}

/** Reads batches. Only one {@link LogReader.batch} may be pending. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #inbox: string;
  #subscription: Subscription | undefined;
  /**
   * What has arrived and is in no batch yet. JetStream's flow control bounds it: 32 MiB may be on
   * their way, and while a batch is waiting here no more is asked for.
   */
  #arrived: ReadMessage[] = [];
  /** The number of the last delivery. */
  #delivered = 0;
  /** Flow control that is answered once the messages before it are in a batch. */
  #heldFlow: string | undefined;
  #broken: Error | undefined;
  #wakeUp: (() => void) | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#inbox = options.bus.createInbox();
  }

  /** Creates the consumer. Throws if JetStream refuses. */
  async open(): Promise<void> {
    const { bus, manager, from } = this.#options;
    this.#subscription = bus.nats.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
    this.#onActivity();
    await manager.consumers.add(ROOMS_STREAM, {
      name: `archiver-${crypto.randomUUID().slice(0, 8)}`,
      deliver_subject: this.#inbox,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.None,
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS_PER_MS,
      inactive_threshold: INACTIVE_MS * NANOSECONDS_PER_MS,
      mem_storage: true,
      num_replicas: 1,
    });
  }

  /**
   * Returns the next messages of the log, in order, each once. Seqs are missing where the log has
   * none, or where the server has skipped some. The batch is empty if no message arrived for a
   * second.
   *
   * @throws {Error} if a delivery was lost or the server is silent, or after {@link
   * LogReader.break}; this reader is then unusable
   */
  async batch(): Promise<ReadMessage[]> {
    const { size, batchMs } = this.#options;
    if (this.#arrived.length === 0) await this.#sleep(IDLE_MS, 1);
    if (this.#arrived.length > 0 && this.#arrived.length < size) {
      const age = Date.now() - this.#arrived[0]!.receivedAt;
      await this.#sleep(batchMs - age, size);
    }
    if (this.#broken) throw this.#broken;
    const batch = this.#arrived.length <= size ? this.#arrived : this.#arrived.slice(0, size);
    this.#arrived = this.#arrived.slice(batch.length);
    if (this.#heldFlow !== undefined && this.#arrived.length < size) {
      this.#answerFlow(this.#heldFlow);
      this.#heldFlow = undefined;
    }
    return batch;
  }

  /** Fails the pending batch and all later ones. */
  break(reason: string): void {
    this.#broken ??= new Error(reason);
    this.#wakeUp?.();
  }

  /** Stops reading. The server deletes the consumer, because nobody listens to it. */
  close(): void {
    this.break("closed");
    clearTimeout(this.#silence);
    this.#subscription?.unsubscribe();
  }

  #receive(message: Msg): void {
    this.#onActivity();
    const { reply } = message;
    if (message.headers?.code === 100) {
      // A heartbeat names the flow control that the server still waits for.
      const stalled = message.headers.get("Nats-Consumer-Stalled");
      const flow = reply || stalled;
      if (!flow) return;
      if (this.#arrived.length < this.#options.size) this.#answerFlow(flow);
      else this.#heldFlow = flow;
      return;
    }
    const read = parseDelivery(message);
    if (read === null) return;
    if (read.delivery !== this.#delivered + 1) {
      return this.break(`delivery ${this.#delivered + 1} of the log is missing`);
    }
    this.#delivered = read.delivery;
    this.#arrived.push(read.message);
    this.#wakeUp?.();
  }

  #answerFlow(subject: string): void {
    this.#options.bus.send(subject, "");
  }

  #onActivity(): void {
    clearTimeout(this.#silence);
    if (this.#broken) return;
    this.#silence = setTimeout(() => this.break("the log's consumer is silent"), MAX_SILENCE_MS);
  }

  /** Waits until `count` messages have arrived, for at most `ms` milliseconds. */
  async #sleep(ms: number, count: number): Promise<void> {
    if (ms <= 0 || this.#broken) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wakeUp = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wakeUp = () => {
        if (this.#broken || this.#arrived.length >= count) done();
      };
    });
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
    },
  };
}
