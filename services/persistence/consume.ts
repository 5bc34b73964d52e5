/**
 * Fills the archive: pulls batches from the log, stores each in one transaction, then acks it. A
 * crash at any point leaves messages stored or unacked, so none is lost; storing again changes
 * nothing, so none is there twice.
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
import { attach } from "./attach.ts";
import type { Barrier } from "./barrier.ts";
import { type Pulled, Puller } from "./puller.ts";
import { rowOf } from "./stored_event.ts";
import type { LogLimits } from "./stream.ts";

/** Waits between tries when NATS or the database does not do its part, milliseconds. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/** How long a request to JetStream's API may take, milliseconds. */
export const API_TIMEOUT_MS = 2_000;

/** What filling needs. */
export interface ArchiverOptions {
  bus: Bus;
  manager: JetStreamManager;
  archive: Archive;
  barrier: Barrier;
  limits: LogLimits;
  /** Messages a batch holds at most, and how long one that holds less waits, milliseconds. */
  batch: number;
  batchMs: number;
}

/** See the module's doc. */
export class Archiver {
  readonly #options: ArchiverOptions;
  #puller: Puller | undefined;
  #attached = false;
  #stopped = false;
  #wakeUp: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    // A server that comes back may have another log, and has forgotten what we asked of it.
    options.bus.onReconnect(() => this.interrupt("NATS was gone"));
  }

  /** Whether the log is there and being read. */
  get attached(): boolean {
    return this.#attached;
  }

  /** Begins; goes on until {@link Archiver.stop}, whatever happens. */
  start(): void {
    this.#running = this.#run();
  }

  /** Finds the log again before the next batch. */
  interrupt(reason: string): void {
    this.#puller?.break(reason);
    this.#wakeUp?.();
  }

  /** Ends after the batch that is under way; one that the database does not take is left unacked. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.interrupt("stopping");
    await this.#running;
  }

  async #run(): Promise<void> {
    const { bus } = this.#options;
    let wait = RETRY_MIN_MS;
    let said: string | undefined;
    while (!this.#stopped) {
      try {
        await this.#session(() => {
          wait = RETRY_MIN_MS;
          said = undefined;
        });
      } catch (error) {
        const text = errorText(error);
        if (text !== said && bus.connected && !this.#stopped) {
          bus.log.warn("archiving is interrupted", { error: text });
        }
        said = text;
      }
      this.#attached = false;
      this.#puller?.close();
      this.#puller = undefined;
      if (this.#stopped) break;
      await this.#sleep(wait);
      wait = Math.min(wait * 2, RETRY_MAX_MS);
    }
  }

  /** Attaches to the log and archives from it. Throws when it has to be attached to anew. */
  async #session(begun: () => void): Promise<void> {
    const { bus, archive, barrier, limits, batch, batchMs } = this.#options;
    if (!bus.connected) throw new Error("NATS is not reached");
    const puller = this.#puller = new Puller(bus, batch, batchMs);
    const progress = await attach(this.#options.manager, archive, limits, bus.log);
    barrier.begin(progress);
    this.#attached = true;
    begun();
    bus.log.info("archiving", { epoch: progress.epoch, from: progress.floor + 1 });
    while (!this.#stopped) {
      const messages = await puller.batch();
      if (messages.length > 0) await this.#store(progress.epoch, messages);
    }
  }

  /** Stores one batch and acks it. Throws where it may not be acked: then it comes again. */
  async #store(epoch: string, messages: readonly Pulled[]): Promise<void> {
    const { bus, barrier } = this.#options;
    const hops = startHops(messages);
    const rows = messages.map((message) => {
      const { row, invalid } = rowOf(message);
      if (invalid !== undefined) {
        const { subject, seq } = message;
        bus.log.warn("an invalid event is archived as a placeholder", { subject, seq, invalid });
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
    barrier.archived(epoch, rows.map(({ seq }) => seq));
    for (const hop of hops) hop.end();
    // After so long it may be another log whose consumer would take our acks for its own.
    if (failures > 0) throw new Error("the archive was away");
    for (const message of messages) message.ack();
  }

  /** Appends, trying until it works. Gives how often it did not; throws when we are to stop. */
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

/** One hop for each message whose trace is recorded, from when it came here. */
function startHops(messages: readonly Pulled[]): Hop[] {
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
