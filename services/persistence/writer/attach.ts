/**
 * Attaches the archive to the log: creates the stream if it is missing, and begins a new generation
 * if the log is not the one that the archive holds. Runs before the first batch, and again after
 * anything that may have changed either.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { epochOfStream, type Logger } from "../../kit/mod.ts";
import type { Archive, Generation } from "../archive/archive.ts";
import {
  CLOSED_MAX_MESSAGE_BYTES,
  continueAfter,
  ensureRoomsStream,
  type LogLimits,
  writeEpoch,
} from "../log/stream.ts";
import { commonEnd, differenceOf } from "./identity.ts";

/** Options of {@link attach}. */
export interface AttachOptions {
  manager: JetStreamManager;
  archive: Archive;
  log: Logger;
  limits: LogLimits;
  /** The term of the lease. */
  term: number;
  /** A generation that a gateway has found to have lost messages, although the archive lacks them too. */
  broken?: string;
}

/**
 * Returns the generation that the log continues, after these checks:
 *
 * - A new, empty log begins after the archive's last seq, so that history stays one rising sequence.
 * - A log that the archive has never seen begins a generation.
 * - A log that ends before the archive does, or has another message where the archive ends, was cut
 *   or restored from an older copy. It gets a new epoch, in its stream's description, and begins a
 *   generation after the last message that both have.
 *
 * Nothing that was archived before changes or gets lost.
 *
 * @throws {Error} if NATS or the database is unavailable, or the lease is lost
 */
export async function attach(options: AttachOptions): Promise<Generation> {
  const { manager, archive, log, limits } = options;
  const known = await archive.generations();
  const newest = known.at(-1);
  let stream = await ensureRoomsStream(manager, limits, { closed: newest !== undefined });
  if (!known.some(({ epoch }) => epoch === epochOfStream(stream))) {
    const { state, config } = stream;
    const last = Math.max(state.last_seq, newest?.position ?? 0);
    const closed = config.max_msg_size === CLOSED_MAX_MESSAGE_BYTES;
    if (state.messages === 0 && (closed || state.last_seq < last)) {
      stream = await continueAfter(manager, last);
    }
  }
  const epoch = epochOfStream(stream);
  const same = known.find((generation) => generation.epoch === epoch);
  if (same === undefined) {
    const { messages } = stream.state;
    // A stream that never had a message reports 0 on 2.9 and 1 later.
    const first = Math.max(stream.state.first_seq, 1);
    if (newest !== undefined) {
      log.warn("the log was replaced; its messages follow those of the archive", { epoch });
    }
    // What a log has had before its first message is missing, unless the archive ends there.
    const follows = messages === 0 || first === (newest?.position ?? 0) + 1;
    return await begin(options, epoch, follows ? first : 1);
  }
  const why = same !== newest
    ? "it is a copy from before the archive's last change of generation"
    : options.broken === epoch
    ? "a gateway has delivered messages that it no longer has"
    : await differenceOf(manager, archive, same, stream);
  if (why === null) return same;
  const first = await commonEnd(manager, archive, same, stream) + 1;
  const renewed = newEpoch();
  log.error("the log has lost messages; a new generation of it begins", {
    reason: why,
    before: epoch,
    epoch: renewed,
    from: first,
  });
  // In this order: whoever reads the new epoch from the stream finds it in the archive.
  const generation = await begin(options, renewed, first);
  await writeEpoch(manager, renewed);
  return generation;
}

async function begin(
  { archive, term }: AttachOptions,
  epoch: string,
  firstSeq: number,
): Promise<Generation> {
  await archive.startGeneration(term, epoch, firstSeq);
  const generation = (await archive.generations()).at(-1);
  if (generation?.epoch !== epoch) throw new Error("another instance has begun a generation");
  return generation;
}

/** Makes an epoch that no log has had. */
function newEpoch(): string {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36);
}
