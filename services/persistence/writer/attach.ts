/**
 * Attaches the archive to the log: creates the stream if it is missing, and begins a new generation
 * if the log is not the one that the archive holds. Runs before the first batch, and again after
 * anything that may have changed either.
 *
 * @module
 */
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { epochOfStream, type Logger } from "../../kit/mod.ts";
import type { Archive, Generation, Hole } from "../archive/archive.ts";
import {
  CLOSED_MAX_MESSAGE_BYTES,
  continueAfter,
  ensureRoomsStream,
  type LogLimits,
  writeEpoch,
} from "../log/stream.ts";
import { commonEnd, differenceOf } from "./identity.ts";

/** The setting by which a restored backup is known: whoever restores it sets it to `yes`. */
const RESTORED = "restored";

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
 * - An archive that was restored from a backup: clients may have seen messages that neither has.
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
  const restored = await archive.setting(RESTORED) === "yes";
  const why = same === undefined
    ? "the log was replaced"
    : same !== newest
    ? "the log is a copy from before the archive's last change of generation"
    : restored
    ? "the archive was restored from a backup"
    : options.broken === epoch
    ? "a gateway has received messages that the log no longer has"
    : await differenceOf(manager, archive, same, stream);
  if (why === null) return same!;
  const first = await firstOf(options, same ?? newest, stream);
  const renewed = same === undefined ? epoch : newEpoch();
  if (newest !== undefined) {
    const details = { reason: why, before: newest.epoch, epoch: renewed, from: first };
    log.error("the log is not the one that was archived; a new generation begins", details);
  }
  const generation = await begin(options, renewed, first, same ?? newest);
  // In this order: whoever reads the new epoch from the stream finds it in the archive.
  if (same !== undefined) await writeEpoch(manager, renewed);
  if (restored) await archive.writeSetting(options.term, RESTORED, "");
  return generation;
}

/** Returns the seq with which a new generation begins: after what the log shares with `base`. */
async function firstOf(
  { manager, archive }: AttachOptions,
  base: Generation | undefined,
  stream: StreamInfo,
): Promise<number> {
  const { messages, first_seq } = stream.state;
  // A stream that never had a message reports 0 on 2.9 and 1 later.
  if (messages === 0) return Math.max(first_seq, 1);
  // Of a log whose beginning has expired, the archive is told what it misses.
  return base === undefined ? 1 : await commonEnd(manager, archive, base, stream) + 1;
}

/**
 * Begins a generation. If the log has lost messages between the end of `base` and the generation's
 * first one, they are recorded as lost.
 */
async function begin(
  { archive, term }: AttachOptions,
  epoch: string,
  firstSeq: number,
  base: Generation | undefined,
): Promise<Generation> {
  const lost: Hole[] = base !== undefined && firstSeq > base.position + 1
    ? [{ first: base.position + 1, last: firstSeq - 1, kind: "expired" }]
    : [];
  await archive.startGeneration(term, epoch, firstSeq, lost);
  const generation = (await archive.generations()).at(-1);
  if (generation?.epoch !== epoch) throw new Error("another instance has begun a generation");
  return generation;
}

/** Makes an epoch that no log has had. */
function newEpoch(): string {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36);
}
