/**
 * Attaches the archive to a stream of the log: creates the stream if it is missing, and begins a new generation
 * if the log is not the one that the archive holds. Runs before the first batch, and again after
 * anything that may have changed either.
 *
 * @module
 */
import type { StreamInfo } from "@nats-io/jetstream";
import {
  epochOfStream,
  errorText,
  type Logger,
  type Replication,
  settledInfo,
} from "../../kit/mod.ts";
import type { Archive, Generation, Hole } from "../archive/archive.ts";
import { ensureAnswersStream } from "../log/answers.ts";
import { ensureSchedulesStream } from "../log/schedules.ts";
import {
  CLOSED_MAX_MESSAGE_BYTES,
  continueAfter,
  countOfLog,
  ensureRoomsStream,
  type LogLimits,
  type LogStream,
  writeEpoch,
} from "../log/stream.ts";
import { commonEnd, differenceOf } from "./identity.ts";

/** The setting by which a restored backup is known: whoever restores it sets it to `yes`. */
const RESTORED = "restored";

/** Options of {@link attach}. */
export interface AttachOptions {
  stream: LogStream;
  /** The archive of that stream. */
  archive: Archive;
  log: Logger;
  limits: LogLimits;
  replication: Replication;
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
 * @throws {StreamsDiffer} if another instance has begun a log with another number of streams meanwhile
 * @throws {Error} if NATS or the database is unavailable, or the lease is lost
 */
export async function attach(options: AttachOptions): Promise<Generation> {
  const { stream: place, archive, log, limits, replication } = options;
  // Before anything is created: an archive that has everything may be all that is left.
  place.count = await archive.streamCount() ?? await countOfLog(place.manager) ?? place.count;
  if (place.index >= place.count) throw new Error(`the log has no stream ${place.name} yet`);
  const known = await archive.generations();
  const newest = known.at(-1);
  let stream = await ensureRoomsStream(place, limits, {
    closed: newest !== undefined,
    replication,
  });
  if (place.index === 0) {
    await ensureSchedulesStream(place.manager, replication).catch((error) => {
      log.warn("services cannot run anything at intervals", { error: errorText(error) });
    });
    await ensureAnswersStream(place.manager, replication).catch((error) => {
      log.warn("requests with an Idempotency-Key are refused", { error: errorText(error) });
    });
  }
  // Before anything is concluded from it: a leader of yesterday, or of this moment, may know less.
  stream = await settledInfo(place.manager, stream, (info) => {
    const generation = known.find(({ epoch }) => epoch === epochOfStream(info));
    if (generation === undefined) return false;
    return generation !== newest || info.state.last_seq < generation.position;
  });
  const { state, config } = stream;
  if (state.messages === 0) {
    const last = Math.max(state.last_seq, ...known.map(({ position }) => position));
    const closed = config.max_msg_size === CLOSED_MAX_MESSAGE_BYTES;
    const isNew = !known.some(({ epoch }) => epoch === epochOfStream(stream));
    if (state.last_seq < last || (isNew && closed)) stream = await continueAfter(place, last);
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
    : state.last_seq < same.position
    ? `the log ends at ${state.last_seq}, the archive at ${same.position}`
    : await differenceOf(place, archive, same, stream);
  if (why === null) return same!;
  const first = await firstOf(options, known, stream);
  const renewed = same === undefined ? epoch : newEpoch();
  if (newest !== undefined) {
    const named = place.count > 1 ? { stream: place.name } : {};
    const details = { reason: why, before: newest.epoch, epoch: renewed, from: first, ...named };
    const text = "the log is not the one that was archived; a new generation begins";
    if (restored) log.warn(text, details);
    else log.error(text, details);
  }
  const generation = await begin(options, renewed, first, known);
  // In this order: whoever reads the new epoch from the stream finds it in the archive.
  if (same !== undefined) await writeEpoch(place, renewed);
  if (restored) await archive.writeSetting(options.term, RESTORED, "");
  return generation;
}

/** Returns the seq with which a new generation begins: after what the log shares with the archive. */
async function firstOf(
  { stream: place, archive }: AttachOptions,
  known: readonly Generation[],
  stream: StreamInfo,
): Promise<number> {
  const { messages, first_seq } = stream.state;
  // A stream that never had a message reports 0 on 2.9 and 1 later.
  if (messages === 0) return Math.max(first_seq, 1);
  // Of a log whose beginning has expired, the archive is told what it misses.
  return known.length === 0 ? 1 : await commonEnd(place, archive, known, stream) + 1;
}

/**
 * Begins a generation. If the log has lost messages between the end of the archive and the
 * generation's first one, they are recorded as lost.
 */
async function begin(
  { archive, stream: { name, count }, term }: AttachOptions,
  epoch: string,
  firstSeq: number,
  known: readonly Generation[],
): Promise<Generation> {
  const position = Math.max(...known.map((generation) => generation.position));
  const lost: Hole[] = known.length > 0 && firstSeq > position + 1
    ? [{ first: position + 1, last: firstSeq - 1, kind: "expired" }]
    : [];
  await archive.of(name, count).startGeneration(term, epoch, firstSeq, lost);
  const generation = (await archive.generations()).at(-1);
  if (generation?.epoch !== epoch) throw new Error("another instance has begun a generation");
  return generation;
}

/** Makes an epoch that no log has had. */
function newEpoch(): string {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36);
}
