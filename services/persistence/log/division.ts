/**
 * Divides a stream of the log into two while the system runs: half of its buckets move to a new stream.
 *
 * 1. The new stream is made, with subjects of its own, the epoch of the old one, and seqs far above it.
 * 2. It gets the ids of the messages of the deduplication window, so that one that is sent again is still
 *    recognised.
 * 3. The old stream gives up the subjects of the buckets that move. From now on nobody stores their messages,
 *    and whoever publishes one repeats it.
 * 4. Everything that the old stream has is archived, and the archive records that the new one goes on.
 * 5. The new stream takes the subjects.
 *
 * Every step can be repeated, and NATS refuses a subject to a second stream. So whoever archives next, after
 * a crash at any point, begins again and ends it. If the archive fails between 3 and 4, the old stream
 * takes the subjects back.
 *
 * @module
 */
import { movingSubject, SEQS_PER_STREAM, streamSubjects } from "../../contract/mod.ts";
import {
  type Bus,
  createHeaders,
  descriptionOfStream,
  epochOfStream,
  keepsMetadata,
  type Logger,
  type Replication,
  StreamPublisher,
} from "../../kit/mod.ts";
import type { Archive } from "../archive/archive.ts";
import { markOf } from "../writer/identity.ts";
import { IdCopy } from "./id_copy.ts";
import {
  configOfStream,
  hasCode,
  isOpen,
  type LogLimits,
  type LogStream,
  logStream,
  readMessage,
  STREAM_NOT_FOUND,
} from "./stream.ts";

/** How near the end of the old stream the copied ids are before it gives up its buckets, messages. */
const NEAR = 500;

/**
 * How long after the change a message that NATS had accepted before may be stored, milliseconds. It waits in
 * the same queue as the probe that is sent after the change; this is for other servers of a cluster.
 */
const SETTLE_MS = 50;

/** How long the archive may take to reach the end of the old stream, milliseconds. */
const ARCHIVE_MS = 3_000;

/** The time between two looks at what is waited for, milliseconds. */
const POLL_MS = 5;

/** How long NATS may take to answer the probe, milliseconds. */
const PROBE_MS = 2_000;

/** JetStream's code for a message that expects another last seq. */
const WRONG_LAST_SEQUENCE = 10071;

/** nats-server is too old to begin a stream at a seq. */
export class CannotDivide extends Error {
  override name = "CannotDivide";
}

/** What {@link divide} needs of the instance that archives the stream. */
export interface DivisionDeps {
  bus: Bus;
  log: Logger;
  stream: LogStream;
  archive: Archive;
  limits: LogLimits;
  replication: Replication;
  /** The term of the lease. */
  term: number;
  /** Runs what changes the stream's settings when nothing else does. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** The generation that is archived, and up to where; null if none is. */
  archived(): { epoch: string; position: number } | null;
}

/**
 * Divides a stream, which counts twice as many streams afterwards. Resolves when the new stream stores the
 * messages of its buckets.
 *
 * @throws {CannotDivide} if nats-server is too old, or the stream has used up its seqs
 * @throws {Error} if NATS or the archive fails; the next call goes on
 */
export async function divide(deps: DivisionDeps): Promise<void> {
  const { bus, log, stream } = deps;
  const { manager, name, index, count } = stream;
  const child = logStream(manager, index + count, 2 * count);
  const epoch = deps.archived()?.epoch;
  if (epoch === undefined) throw new Error("the stream is not archived");
  await makeChild(deps, child, epoch);
  const publisher = new StreamPublisher(bus);
  try {
    const ids = new IdCopy(bus, stream, child, publisher);
    await ids.copy(NEAR);
    await deps.alone(() => moveRooms(deps, child, epoch, ids));
    log.info("a stream of the log was divided", { stream: name, into: child.name, epoch });
  } finally {
    publisher.close();
  }
}

/** Moves the buckets. */
async function moveRooms(
  { bus, stream, archive, term, archived }: DivisionDeps,
  child: LogStream,
  epoch: string,
  ids: IdCopy,
): Promise<void> {
  const { manager, name, index, count } = stream;
  const narrow = streamSubjects(index, child.count);
  // The last subject is for the probe: it is never stored.
  await manager.streams.update(name, { subjects: [...narrow, movingSubject(index)] });
  /** Whether the archive may have recorded it. */
  let recorded = false;
  try {
    await settle(bus, index);
    const last = (await manager.streams.info(name)).state.last_seq;
    await ids.copy(0, last);
    await until(ARCHIVE_MS, "the archive is behind", () => {
      const now = archived();
      return now !== null && now.epoch === epoch && now.position >= last;
    });
    const begin = { ...await startOf(child), parentEnd: last };
    recorded = true;
    const { name: taker, count: counts } = child;
    await archive.divide(term, { stream: taker, count: counts, epoch, ...begin });
  } catch (error) {
    // NATS refuses it if another instance has ended the division meanwhile.
    if (!recorded || await archive.streamCount() === count) {
      await manager.streams.update(name, { subjects: streamSubjects(index, count) });
    }
    throw error;
  }
  // From here on whoever archives the new stream opens it, if this fails.
  stream.count = child.count;
  await manager.streams.update(child.name, { subjects: streamSubjects(child.index, child.count) });
  await manager.streams.update(name, { subjects: narrow });
}

/** Makes the new stream unless it is there, and gives it the epoch of the old one unless it is open. */
async function makeChild(
  { bus, stream, limits, replication }: DivisionDeps,
  child: LogStream,
  epoch: string,
): Promise<void> {
  const { manager } = stream;
  const version = bus.nats.info?.version ?? "";
  if (!keepsMetadata(version)) {
    throw new CannotDivide(
      `raising STREAMS needs nats-server 2.10 or newer, which can begin a stream at a seq; this is ${version}`,
    );
  }
  const before = child.index * SEQS_PER_STREAM;
  const { last_seq } = (await manager.streams.info(stream.name)).state;
  if (last_seq >= before) throw new CannotDivide(`${stream.name} has used up its seqs`);
  const known = await manager.streams.info(child.name).catch((error) => {
    if (hasCode(error, STREAM_NOT_FOUND)) return null;
    throw error;
  });
  const description = descriptionOfStream(epoch);
  if (known === null) {
    const config = {
      ...configOfStream(child, limits),
      subjects: [movingSubject(child.index)],
      description,
      first_seq: before + 1,
    };
    await replication.create(manager, config);
  } else if (!isOpen(known) && epochOfStream(known) !== epoch) {
    await manager.streams.update(child.name, { description });
  }
}

/** Where the messages of rooms begin in a new stream, which has ids of others before them. */
async function startOf(child: LogStream) {
  const { manager, name } = child;
  const { state } = await manager.streams.info(name);
  const first = await readMessage(child, child.index * SEQS_PER_STREAM + 1, true);
  const position = first === null ? state.last_seq : first.seq - 1;
  const last = await readMessage(child, position);
  return { position, mark: last === null ? null : markOf(last) };
}

/** Waits until everything has been stored that NATS has accepted for the subjects of before. */
async function settle(bus: Bus, index: number): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const headers = createHeaders();
    // No stream has such a seq: NATS answers when it has stored what it got before, and stores nothing.
    headers.set("Nats-Expected-Last-Sequence", String(Number.MAX_SAFE_INTEGER));
    let refused = false;
    const end = performance.now() + PROBE_MS;
    while (!refused) {
      const reply = await bus.nats.request(movingSubject(index), "", { headers, timeout: PROBE_MS })
        .catch(() => null);
      const code = reply?.json<{ error?: { err_code?: number } }>().error?.err_code;
      refused = code === WRONG_LAST_SEQUENCE;
      if (!refused && performance.now() > end) throw new Error("the stream does not answer");
      if (!refused) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }
}

async function until(ms: number, late: string, done: () => boolean): Promise<void> {
  const end = performance.now() + ms;
  while (!done()) {
    if (performance.now() > end) throw new Error(late);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
