/**
 * Fills the archive of a stream while this instance holds its lease: reads the log from the archive's position
 * on, and commits the rows of a batch together with the new position. A crash at any point loses
 * nothing and doubles nothing, because reading resumes from the committed position.
 *
 * @module
 */
import { type Bus, epochOfStream, errorText, type Replication } from "../../kit/mod.ts";
import { type Archive, type Generation, LeaseLost, PositionMoved } from "../archive/archive.ts";
import type { ArchiveState } from "../history/archive_state.ts";
import { LogReader, type ReadMessage } from "../log/log_reader.ts";
import type { LogLimits, LogStream } from "../log/stream.ts";
import { attach } from "./attach.ts";
import { BatchBuilder } from "./batch_builder.ts";
import type { ArchiveHops } from "./hops.ts";
import type { LeaseKeeper } from "./lease_keeper.ts";
import { serverOf } from "./log_authority.ts";

/** Backoff while NATS or the database is unavailable, milliseconds. Doubles from min to max. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/** Timeout of a request to JetStream's API, milliseconds. */
export const API_TIMEOUT_MS = 2_000;

/** Most unexplained holes that readers are told about. */
const MAX_UNEXPLAINED = 1_000;

/** Most messages that are fetched one by one when a reader has failed. */
const MAX_STUCK = 1_000;

/** Options of {@link Archiver}. */
export interface ArchiverOptions {
  bus: Bus;
  stream: LogStream;
  archive: Archive;
  state: ArchiveState;
  lease: LeaseKeeper;
  limits: LogLimits;
  replication: Replication;
  /** Most messages in a batch. */
  batch: number;
  /** How long a smaller batch waits for more messages, milliseconds. */
  batchMs: number;
  /**
   * When retention has to look at a room in which a message was stored, milliseconds since 1970;
   * null if it keeps everything.
   */
  dueOf(room: string, storedAt: number): number | null;
  /** Measures what messages took. */
  hops: ArchiveHops;
  /** Called when this instance archives a log, and when it no longer does. */
  onAttached(): void;
  onReleased(): void;
  /** Compares what an older version archived with the log. */
  verify(term: number, generation: Generation): Promise<void>;
}

/** Archives the log until it is stopped. See the module's doc. */
export class Archiver {
  readonly #options: ArchiverOptions;
  #reader: LogReader | undefined;
  #attachedTo: string | undefined;
  #epoch: string | undefined;
  #stopped = false;
  #wakeUp: (() => void) | undefined;
  /** Counts interrupts: what was found out before the last one is void. */
  #interrupts = 0;
  #attaching = false;
  #running: Promise<void> | undefined;
  /** A generation that has lost messages which the archive does not have either. */
  #broken: string | undefined;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    // After a reconnect the server may have another log, and the consumer is another one.
    options.bus.onReconnect(() => this.interrupt("reconnected to NATS"));
  }

  /** Whether this instance archives the log. */
  get attached(): boolean {
    return this.#attachedTo !== undefined;
  }

  /** Whether this instance is about to attach: it may change the stream's settings. */
  get attaching(): boolean {
    return this.#attaching;
  }

  /** Whether this instance is sure that no other one archives. */
  get sure(): boolean {
    return this.#options.lease.sure;
  }

  /** The epoch of the log that this instance archives. */
  get epoch(): string | undefined {
    return this.attached ? this.#epoch : undefined;
  }

  /** The id of the server whose log this instance archives. */
  get attachedTo(): string | undefined {
    return this.#attachedTo;
  }

  /** Starts archiving. Retries after every failure until {@link Archiver.stop}. */
  start(): void {
    this.#running = this.#run();
  }

  /** Abandons the current batch and attaches to the log again before the next one. */
  interrupt(reason: string): void {
    this.#interrupts++;
    this.#attachedTo = undefined;
    this.#reader?.break(reason);
    this.#wakeUp?.();
  }

  /**
   * Begins a new generation, because somebody has seen messages of this one that the log has lost.
   * Does nothing if it is not the current one.
   */
  abandonGeneration(epoch: string): void {
    if (this.#options.state.current?.epoch !== epoch) return;
    this.#broken = epoch;
    this.interrupt("the log has lost messages");
  }

  /** Stops after the current batch. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.interrupt("stopping");
    await this.#running;
  }

  async #run(): Promise<void> {
    const { bus, lease, state } = this.#options;
    let wait = RETRY_MIN_MS;
    let loggedError: string | undefined;
    while (!this.#stopped) {
      const term = await lease.acquire();
      if (term === null) break;
      try {
        await this.#archive(term, () => {
          wait = RETRY_MIN_MS;
          loggedError = undefined;
        });
      } catch (error) {
        if (error instanceof LeaseLost) lease.lose();
        const text = errorText(error);
        const expected = error instanceof LeaseLost || error instanceof PositionMoved;
        if (text !== loggedError && !expected && bus.connected && !this.#stopped) {
          bus.log.warn("archiving interrupted", { error: text });
        }
        loggedError = text;
      }
      this.#attachedTo = undefined;
      this.#attaching = false;
      state.release();
      this.#options.onReleased();
      this.#reader?.close();
      this.#reader = undefined;
      if (this.#stopped) break;
      await this.#sleep(wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, RETRY_MAX_MS);
    }
  }

  /** Attaches to the log, then archives batch after batch. Throws when it must attach again. */
  async #archive(term: number, onAttached: () => void): Promise<void> {
    const { bus, stream, archive, state, lease, batch, batchMs, dueOf } = this.#options;
    const { limits, replication } = this.#options;
    if (!bus.connected) throw new Error("not connected to NATS");
    const server = serverOf(bus);
    const interrupts = this.#interrupts;
    const broken = this.#broken;
    this.#attaching = true;
    const generation = await attach({
      stream,
      archive,
      log: bus.log,
      limits,
      replication,
      term,
      broken,
    });
    if (this.#broken === broken) this.#broken = undefined;
    if (generation.unverified) await this.#options.verify(term, generation);
    const builder = new BatchBuilder(stream, bus.log, generation, dueOf);
    const reader = this.#reader = new LogReader({
      bus,
      stream,
      from: generation.position + 1,
      size: batch,
      batchMs,
    });
    await reader.open();
    this.#attaching = false;
    if (interrupts !== this.#interrupts || server !== serverOf(bus)) {
      throw new Error("interrupted while attaching to the log");
    }
    state.attach({
      generations: await archive.generations(),
      unexplained: await archive.unexplained(MAX_UNEXPLAINED),
    });
    this.#attachedTo = server;
    onAttached();
    const { epoch, position } = generation;
    this.#epoch = epoch;
    this.#options.onAttached();
    const named = stream.count > 1 ? { stream: stream.name } : {};
    bus.log.info("archiving", { epoch, from: position + 1, ...named });
    while (!this.#stopped && lease.term === term) {
      const messages = await reader.batch().catch((error) => this.#stuck(term, builder, error));
      if (messages.length > 0) await this.#store(term, builder, messages);
      else await this.#checkEnd(term, builder);
    }
  }

  /**
   * The reader has failed. If the log is the same and goes on, the server may hang at a message that
   * it has lost: the next ones are fetched one by one, before another reader tries.
   */
  async #stuck(term: number, builder: BatchBuilder, error: unknown): Promise<never> {
    if (!this.#stopped && this.attached) await this.#checkEnd(term, builder, MAX_STUCK);
    throw error;
  }

  /** Commits a batch, in as many transactions as its gaps require. */
  async #store(
    term: number,
    builder: BatchBuilder,
    messages: readonly ReadMessage[],
  ): Promise<void> {
    const ended = this.#options.hops.begin(messages);
    try {
      for await (const batch of builder.build(messages)) {
        await this.#options.archive.append(term, batch);
        this.#advance(builder);
      }
    } catch (error) {
      ended("unavailable");
      throw error;
    }
    ended();
  }

  /**
   * Nothing has been delivered for a while. If the log goes on behind the position nevertheless, the
   * server has skipped messages at its end: they are fetched one by one.
   */
  async #checkEnd(term: number, builder: BatchBuilder, most = Infinity): Promise<void> {
    const { stream: { manager, name }, archive, bus } = this.#options;
    const stream = await manager.streams.info(name);
    if (epochOfStream(stream) !== builder.epoch) throw new Error("the log was replaced");
    const { last_seq: last } = stream.state;
    if (last < builder.position) throw new Error("the log has lost its last messages");
    if (last === builder.position) return;
    bus.log.warn("the server delivered nothing of the log's end; fetching it", {
      from: builder.position + 1,
      to: last,
    });
    for await (const batch of builder.fetch(Math.min(last, builder.position + most))) {
      await archive.append(term, batch);
      this.#advance(builder);
    }
  }

  #advance(builder: BatchBuilder): void {
    this.#options.state.advance(builder.commit(), builder.takeUnexplained());
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
