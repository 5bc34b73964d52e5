/**
 * Turns messages of the log into batches of the archive, each without a gap: a seq that was not
 * delivered is fetched by itself, and recorded as a hole if the log no longer has it.
 *
 * @module
 */
import type { Logger } from "../../kit/mod.ts";
import type { ArchiveRow, Batch, Generation, Hole } from "../archive/archive.ts";
import { toArchiveRow } from "../log/archive_row.ts";
import { explain } from "../log/holes.ts";
import type { LogMessage, LogStream } from "../log/stream.ts";
import { markOf } from "./identity.ts";

/** Builds the batches of one generation, from its position on. */
export class BatchBuilder {
  readonly #stream: LogStream;
  readonly #log: Logger;
  readonly #dueOf: (room: string, storedAt: number) => number | null;
  readonly epoch: string;
  /** Everything up to here is committed. */
  #position: number;
  /** The end of the batch that was built last. */
  #built: number;
  #unexplained: (Hole & { epoch: string })[] = [];

  constructor(
    stream: LogStream,
    log: Logger,
    { epoch, position }: Generation,
    dueOf: (room: string, storedAt: number) => number | null,
  ) {
    this.#stream = stream;
    this.#log = log;
    this.epoch = epoch;
    this.#position = this.#built = position;
    this.#dueOf = dueOf;
  }

  /** Everything up to this seq is committed. */
  get position(): number {
    return this.#position;
  }

  /** Records that the batch built last was committed. Returns the new position. */
  commit(): number {
    return this.#position = this.#built;
  }

  /** Returns the unexplained holes that were found since the last call. */
  takeUnexplained(): (Hole & { epoch: string })[] {
    const found = this.#unexplained;
    this.#unexplained = [];
    return found;
  }

  /**
   * Builds batches that end with the last of `messages`, which are in order. Messages up to the
   * position are skipped. Commit each batch before asking for the next one.
   */
  async *build(messages: readonly LogMessage[]): AsyncGenerator<Batch, void, void> {
    let run: LogMessage[] = [];
    let next = this.#position + 1;
    for (const message of messages) {
      if (message.seq < next) continue;
      if (message.seq > next) {
        if (run.length > 0) yield this.#batch(run, []);
        run = [];
        yield* this.fetch(message.seq - 1);
      }
      run.push(message);
      next = message.seq + 1;
    }
    if (run.length > 0) yield this.#batch(run, []);
  }

  /** Builds batches of everything up to `last` by fetching each seq. */
  async *fetch(last: number): AsyncGenerator<Batch, void, void> {
    while (this.#position < last) {
      const { upTo, holes, found } = await explain(this.#stream, this.#position + 1, last);
      this.#report(holes);
      yield this.#batch(found, holes, upTo);
    }
  }

  #batch(
    messages: readonly LogMessage[],
    holes: readonly Hole[],
    to = messages.at(-1)!.seq,
  ): Batch {
    const rows: ArchiveRow[] = [];
    /** When the first message of each room was stored. */
    const rooms = new Map<string, number>();
    for (const message of messages) {
      const { row, invalid } = toArchiveRow(message);
      if (invalid !== undefined) {
        const { subject, seq } = message;
        this.#log.warn("archived an invalid event as a placeholder", { subject, seq, invalid });
      }
      rows.push(row);
      if (!rooms.has(row.room)) rooms.set(row.room, row.storedAt);
    }
    const due: { room: string; at: number }[] = [];
    for (const [room, storedAt] of rooms) {
      const at = this.#dueOf(room, storedAt);
      if (at !== null) due.push({ room, at });
    }
    this.#built = to;
    const last = messages.at(-1);
    return {
      epoch: this.epoch,
      from: this.#position,
      to,
      rows,
      holes,
      due,
      ...(last === undefined ? {} : { mark: markOf(last) }),
    };
  }

  #report(holes: readonly Hole[]): void {
    for (const { first: from, last: to, kind } of holes) {
      const range = { epoch: this.epoch, from, to };
      // An erasure deletes what is archived. So somebody else did this, or the server lost them: current
      // servers list what they lost as deleted.
      if (kind === "deleted") {
        this.#log.error("messages were deleted from the log before they were archived", range);
      } else if (kind === "expired") {
        this.#log.error("messages left the log before they were archived", range);
      } else {
        this.#log.error("the log has lost messages that it should have", range);
        this.#unexplained.push({ epoch: this.epoch, first: from, last: to, kind });
      }
    }
  }
}
