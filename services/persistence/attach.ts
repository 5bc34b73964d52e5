/**
 * Brings the log and the archive together: makes what is missing, and compares how far each says
 * they are. Done when the service starts, and again after anything that may have changed either.
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
  type Progress,
  readProgress,
  restartArchiveConsumer,
} from "./stream.ts";

/**
 * See the module's doc. Three things can be found wrong, each after a disaster, and each is mended so
 * that history says nothing untrue:
 *
 * - The log ends before the archive does: a power cut took its last messages, and it gives their
 *   seqs to others now. The archive's are set aside.
 * - The log begins after the archive ends: messages expired before they were archived (or the archive
 *   is younger than the log). History tells that they are missing.
 * - The consumer has acked what this archive does not have: it is another archive than before, or
 *   one from a backup. Everything that the log still holds is archived again.
 *
 * The order of reading matters, since other instances archive meanwhile: what is acked was committed
 * before, so the archive is asked after the consumer, and before the log's end; and once more after
 * the log's beginning.
 *
 * @throws {Error} when NATS or the database is not reached, or the log is made anew meanwhile
 */
export async function attach(
  manager: JetStreamManager,
  archive: Archive,
  limits: LogLimits,
  log: Logger,
): Promise<Progress> {
  const epoch = epochOf(String((await ensureRoomsStream(manager, limits)).created));
  const consumer = await ensureArchiveConsumer(manager);
  const before = await archive.lastSeq(epoch) ?? 0;
  const { epoch: stillThere, stream } = await readProgress(manager);
  if (stillThere !== epoch) throw new Error("the stream was made anew");
  const { first_seq: first, last_seq: last } = stream.state;
  if (before > last) {
    const count = await archive.setAside(epoch, last);
    log.error("the log has lost its last messages; the archive's are set aside", { last, count });
  }
  let archived = await archive.lastSeq(epoch) ?? 0;
  if (first - 1 > archived) {
    log.error("the log no longer has messages that were never archived", {
      from: archived + 1,
      to: first - 1,
    });
    await archive.markLost(epoch, first - 1);
    archived = first - 1;
  }
  if (consumer.ack_floor.stream_seq > archived) {
    log.warn("the archive lacks what was archived before: it is filled from the log again", {
      archived,
      acked: consumer.ack_floor.stream_seq,
    });
    await restartArchiveConsumer(manager);
  }
  return await readProgress(manager);
}
