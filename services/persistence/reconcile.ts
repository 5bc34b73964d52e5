/**
 * Reconciles the log and the archive: creates the stream and consumer if they are missing, and
 * compares the positions of log and archive. Runs when the service starts, and again after anything
 * that may have changed either.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { epochOf, type Logger } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";
import {
  ensureArchiveConsumer,
  ensureRoomsStream,
  type LogLimits,
  type LogProgress,
  readProgress,
  restartArchiveConsumer,
} from "./stream.ts";

/**
 * Reconciles the log and the archive. It detects three inconsistencies, each the result of a
 * disaster, and repairs them so that history stays truthful:
 *
 * - The log ends before the archive does. A power cut took the log's last messages, and it now
 *   assigns their seqs to new ones. The archive quarantines its own.
 * - The log begins after the archive ends. Messages expired before they were archived, or the
 *   archive is newer than the log. History reports them as missing.
 * - The consumer has acked messages that this archive lacks. It is a different archive, or one
 *   restored from a backup. Everything that the log still holds is archived again.
 *
 * The order of the reads matters, because other instances archive meanwhile. Acked messages were
 * committed first, so the archive is read after the consumer and before the log's end. It is read
 * once more after the log's beginning.
 *
 * @returns the progress of the log
 * @throws {Error} if NATS or the database is unavailable, or the stream is recreated meanwhile
 */
export async function reconcile(
  manager: JetStreamManager,
  archive: Archive,
  limits: LogLimits,
  log: Logger,
): Promise<LogProgress> {
  const epoch = epochOf(String((await ensureRoomsStream(manager, limits)).created));
  const consumer = await ensureArchiveConsumer(manager);
  const before = await archive.lastSeq(epoch) ?? 0;
  const { epoch: currentEpoch, stream } = await readProgress(manager);
  if (currentEpoch !== epoch) throw new Error("the stream was recreated");
  const { first_seq: first, last_seq: last } = stream.state;
  if (before > last) {
    const count = await archive.quarantine(epoch, last);
    log.error("the log lost its last messages; quarantined them in the archive", { last, count });
  }
  let archived = await archive.lastSeq(epoch) ?? 0;
  if (first - 1 > archived) {
    log.error("messages left the log before they were archived", {
      from: archived + 1,
      to: first - 1,
    });
    await archive.markLost(epoch, first - 1);
    archived = first - 1;
  }
  if (consumer.ack_floor.stream_seq > archived) {
    log.warn("the archive lacks acked messages; archiving the log again", {
      archived,
      acked: consumer.ack_floor.stream_seq,
    });
    await restartArchiveConsumer(manager);
  }
  return await readProgress(manager);
}
