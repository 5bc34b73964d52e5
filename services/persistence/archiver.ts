/**
 * Fills the archive: pulls a batch from the log, stores it in one transaction, then acks it. After
 * a crash at any point each message is either stored or unacked, so none is lost. Storing a message
 * again changes nothing, so none is duplicated.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { roomOfSubject } from "../contract/mod.ts";
import {
  type Bus,
  contextOf,
  errorText,
  type Hop,
  natsAttributes,
  SpanKind,
  startHop,
} from "../kit/mod.ts";
import type { Archive, ArchiveRow } from "./archive.ts";
import { reconcile } from "./reconcile.ts";
import type { ArchiveProgress } from "./archive_progress.ts";
import { type PulledMessage, Puller } from "./puller.ts";
import { toArchiveRow } from "./archive_row.ts";
import type { LogLimits } from "./stream.ts";

/** Backoff while NATS or the database is unavailable, milliseconds. Doubles from min to max. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/** Timeout of a request to JetStream's API, milliseconds. */
export const API_TIMEOUT_MS = 2_000;

/** Options of {@link Archiver}. */
export interface ArchiverOptions {
  bus: Bus;
  manager: JetStreamManager;
  archive: Archive;
  archiveProgress: ArchiveProgress;
  limits: LogLimits;
  /** Most messages in a batch. */
  batch: number;
  /** How long a smaller batch waits for more messages, milliseconds. */
  batchMs: number;
}

/** Archives the log until it is stopped. See the module's doc. */
export class Archiver {
  readonly #options: ArchiverOptions;
  #puller: Puller | undefined;
  #attached = false;
  #stopped = false;
  #wakeUp: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    // After a reconnect the server may have another log, and it has forgotten pending pull
    // requests.
    options.bus.onReconnect(() => this.interrupt("reconnected to NATS"));
  }

  /** Whether the log is available and being archived. */
  get attached(): boolean {
    return this.#attached;
  }

  /** Starts archiving. Retries after every failure until {@link Archiver.stop}. */
  start(): void {
    this.#running = this.#run();
  }

  /** Abandons the current pull and reconciles log and archive again before the next batch. */
  interrupt(reason: string): void {
    this.#puller?.break(reason);
    this.#wakeUp?.();
  }

  /** Stops after the current batch. A batch that the database does not accept stays unacked. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.interrupt("stopping");
    await this.#running;
  }

  async #run(): Promise<void> {
    const { bus } = this.#options;
    let wait = RETRY_MIN_MS;
    let loggedError: string | undefined;
    while (!this.#stopped) {
      try {
        await this.#archive(() => {
          wait = RETRY_MIN_MS;
          loggedError = undefined;
        });
      } catch (error) {
        const text = errorText(error);
        if (text !== loggedError && bus.connected && !this.#stopped) {
          bus.log.warn("archiving interrupted", { error: text });
        }
        loggedError = text;
      }
      this.#attached = false;
      this.#puller?.close();
      this.#puller = undefined;
      if (this.#stopped) break;
      await this.#sleep(wait);
      wait = Math.min(wait * 2, RETRY_MAX_MS);
    }
  }

  /**
   * Reconciles log and archive, then archives batch after batch. Throws when they must be
   * reconciled again.
   */
  async #archive(onAttached: () => void): Promise<void> {
    const { bus, archive, archiveProgress, limits, batch, batchMs } = this.#options;
    if (!bus.connected) throw new Error("not connected to NATS");
    const puller = this.#puller = new Puller(bus, batch, batchMs);
    const progress = await reconcile(this.#options.manager, archive, limits, bus.log);
    archiveProgress.attach(progress);
    this.#attached = true;
    onAttached();
    bus.log.info("archiving", { epoch: progress.epoch, from: progress.floor + 1 });
    while (!this.#stopped) {
      const messages = await puller.batch();
      if (messages.length > 0) await this.#store(progress.epoch, messages);
    }
  }

  /**
   * Stores one batch and acks it. Throws if the batch must not be acked; JetStream then redelivers
   * it.
   */
  async #store(epoch: string, messages: readonly PulledMessage[]): Promise<void> {
    const { bus, archiveProgress } = this.#options;
    const hops = startHops(messages);
    const rows = messages.map((message) => {
      const { row, invalid } = toArchiveRow(message);
      if (invalid !== undefined) {
        const { subject, seq } = message;
        bus.log.warn("archived an invalid event as a placeholder", { subject, seq, invalid });
      }
      return row;
    });
    let failures = 0;
    try {
      failures = await this.#append(epoch, rows);
    } catch (error) {
      for (const hop of hops) hop.end("unavailable");
      throw error;
    }
    archiveProgress.markArchived(epoch, rows.map(({ seq }) => seq));
    for (const hop of hops) hop.end();
    // After such a delay another log may have replaced this one, and its consumer would accept
    // these acks as its own.
    if (failures > 0) throw new Error("the archive was unavailable");
    for (const message of messages) message.ack();
  }

  /**
   * Appends, retrying until it succeeds. Returns the number of failures. Throws if stopped
   * meanwhile.
   */
  async #append(epoch: string, rows: readonly ArchiveRow[]): Promise<number> {
    let wait = RETRY_MIN_MS;
    for (let failures = 0;; failures++) {
      try {
        await this.#options.archive.append(epoch, rows);
        return failures;
      } catch (error) {
        if (this.#stopped) throw error;
      }
      await this.#sleep(wait);
      wait = Math.min(wait * 2, RETRY_MAX_MS);
    }
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#stopped) return;
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

/** Starts a hop for each message whose trace is recorded, from the time it was received. */
function startHops(messages: readonly PulledMessage[]): Hop[] {
  const hops: Hop[] = [];
  for (const message of messages) {
    if (message.traceparent === undefined) continue;
    hops.push(startHop(
      "process room.message",
      SpanKind.CONSUMER,
      contextOf(message.traceparent),
      {
        ...natsAttributes("process", message.subject),
        "hopwire.room": roomOfSubject(message.subject),
        "hopwire.seq": message.seq,
        "messaging.batch.message_count": messages.length,
      },
      message.receivedAt,
    ));
  }
  return hops;
}
