/**
 * Erasure: removes the content and the sender of messages from the archive and the log, for good. The
 * message keeps its place in the order, so no gap appears.
 *
 * @module
 */
import {
  type HistoryErase,
  MAX_ERASED,
  ROOM_ERASED,
  type RoomErased,
  RoomEvent,
  RoomName,
  SEQS_PER_STREAM,
  streamIndexOf,
} from "../../contract/mod.ts";
import { type Bus, FaultError, publish } from "../../kit/mod.ts";
import type * as z from "zod";
import { type Archive, type ArchiveRow, isErased, type RowKey } from "../archive/archive.ts";
import type { ArchiveState } from "../history/archive_state.ts";
import { hasCode, type LogStream, readMessage } from "../log/stream.ts";

/** Rows that one request for a user looks at. */
const ROWS_AT_A_TIME = 2_000;

/** The user id of erased messages. */
const ERASED_USER = "erased";

type Request = typeof HistoryErase["request"]["_output"];
type Reply = z.infer<typeof HistoryErase["reply"]>;

/** What {@link erase} needs. */
export interface ErasureDeps {
  bus: Bus;
  /** The streams of the log, in the order of their numbers. */
  streams: readonly ErasureStream[];
}

/** One stream, as far as {@link erase} needs it. */
export interface ErasureStream {
  archive: Archive;
  state: Pick<ArchiveState, "read" | "reach">;
  auditor: { stream: LogStream };
}

/**
 * Erases what a request names. Every step can be repeated: after a failure, the same request finishes
 * the work.
 *
 * @throws {FaultError} `invalid_format` if there is no such message
 * @throws {LeaseLost} if another instance holds the lease
 */
export async function erase(deps: ErasureDeps, request: Request): Promise<Reply> {
  if ("userId" in request) return await eraseUser(deps, request.userId, request.after);
  const { bus, streams } = deps;
  const counts = streams.map(({ auditor }) => auditor.stream.count);
  const stream = streams[streamIndexOf(request.room, counts)];
  if (stream === undefined) throw new FaultError("unavailable", "the log is being divided", 1_000);
  await archiveEverything(stream);
  const { generations } = await stream.state.read();
  const epochs = request.epoch === undefined
    ? generations.map(({ epoch }) => epoch).reverse()
    : [request.epoch];
  // Without an epoch, the newest generation that has the message.
  for (const epoch of epochs) {
    const [row] = await stream.archive.rows(epoch, [request]);
    if (row === undefined) continue;
    const owner = ownerOf(await streamsByEpoch(streams), streams, epoch, row.seq);
    return { erased: await eraseRows(bus, owner, epoch, [row]) };
  }
  throw new FaultError("invalid_format", `${request.room} has no message ${request.seq}`);
}

/** Waits until everything that a stream of the log has now is archived, and so can be found. */
async function archiveEverything({ auditor, state }: ErasureStream): Promise<void> {
  const { manager, name } = auditor.stream;
  const { last_seq } = (await manager.streams.info(name)).state;
  await state.reach(last_seq);
}

/** Returns the streams of each epoch, in the order of their numbers. */
async function streamsByEpoch(
  streams: readonly ErasureStream[],
): Promise<Map<string, ErasureStream[]>> {
  const found = new Map<string, ErasureStream[]>();
  for (const stream of streams) {
    for (const { epoch } of (await stream?.state.read())?.generations ?? []) {
      const same = found.get(epoch);
      if (same === undefined) found.set(epoch, [stream]);
      else same.push(stream);
    }
  }
  return found;
}

/** Returns the stream whose log has a message: seqs tell it from those that took rooms from it. */
function ownerOf(
  byEpoch: ReadonlyMap<string, readonly ErasureStream[]>,
  streams: readonly ErasureStream[],
  epoch: string,
  seq: number,
): ErasureStream {
  const owners = byEpoch.get(epoch) ?? [];
  const later = streams[Math.floor(seq / SEQS_PER_STREAM)];
  const owner = seq >= SEQS_PER_STREAM && later !== undefined && owners.includes(later)
    ? later
    : owners[0];
  if (owner === undefined) throw new Error(`no stream of the log has the epoch ${epoch}`);
  return owner;
}

async function eraseUser(
  { bus, streams }: ErasureDeps,
  userId: string,
  after?: RowKey,
): Promise<Reply> {
  if (after === undefined) {
    for (const stream of streams) if (stream) await archiveEverything(stream);
  }
  const rows = await streams[0]!.archive.scan(after ?? null, ROWS_AT_A_TIME);
  const owners = await streamsByEpoch(streams);
  /** By room, in the order of the scan. */
  const found = new Map<string, (ArchiveRow & { epoch: string; owner: ErasureStream })[]>();
  for (const row of rows) {
    // Most rows are other users': look before parsing.
    if (!row.event.includes(JSON.stringify(userId))) continue;
    if ((JSON.parse(row.event) as RoomEvent).userId !== userId) continue;
    const owner = ownerOf(owners, streams, row.epoch, row.seq);
    const key = `${row.epoch} ${row.room} ${owner.auditor.stream.name}`;
    const same = found.get(key);
    if (same === undefined) found.set(key, [{ ...row, owner }]);
    else same.push({ ...row, owner });
  }
  let erased = 0;
  for (const same of found.values()) {
    for (let i = 0; i < same.length; i += MAX_ERASED) {
      const { epoch, owner } = same[0]!;
      erased += await eraseRows(bus, owner, epoch, same.slice(i, i + MAX_ERASED));
    }
  }
  const last = rows.at(-1);
  if (rows.length < ROWS_AT_A_TIME || last === undefined) return { erased };
  return { erased, next: { epoch: last.epoch, room: last.room, seq: last.seq } };
}

/**
 * Erases rows of one room: in the log, on gateways, and at last in the archive, by which the same request
 * finds them again if one of the steps fails. Gateways are told again at the end: one of them may have
 * read the archive meanwhile.
 *
 * The row is replaced under the lease of its stream, whoever holds that: no other transaction of the
 * stream runs meanwhile.
 */
async function eraseRows(
  bus: Bus,
  { archive, auditor: { stream } }: ErasureStream,
  epoch: string,
  rows: readonly ArchiveRow[],
): Promise<number> {
  const fresh = rows.filter(({ event }) => !isErased(event));
  const { room } = rows[0]!;
  // A log that was restored still has messages that the archive has under an earlier epoch.
  for (const row of rows) await deleteFromLog(stream, row);
  const seqs = rows.map(({ seq }) => seq);
  const tell = () =>
    // No gateway serves a room whose name is none.
    RoomName.safeParse(room).success &&
    publish(bus, ROOM_ERASED, { room, epoch, seqs } satisfies z.infer<typeof RoomErased>);
  tell();
  const { term } = await archive.lease();
  await archive.repair(term, epoch, fresh.map(tombstone));
  tell();
  return fresh.length;
}

/** Returns the row that is left of a message. */
function tombstone(row: ArchiveRow): ArchiveRow {
  const { room, id, timestamp } = RoomEvent.parse(JSON.parse(row.event));
  const event: RoomEvent = {
    room,
    id,
    userId: ERASED_USER,
    username: "",
    content: null,
    timestamp,
    erased: true,
  };
  return { ...row, event: JSON.stringify(event) };
}

/** JetStream's codes for a message that is not there (any more). */
const GONE = [10037, 10043, 10057];

/** Deletes a message from the log and overwrites it on disk. Does nothing if it is not there. */
async function deleteFromLog(
  stream: LogStream,
  { seq, storedAt }: ArchiveRow,
): Promise<void> {
  const message = await readMessage(stream, seq);
  // Another message may have this seq: of a log that was restored.
  if (message === null || message.storedAt !== storedAt) return;
  try {
    await stream.manager.streams.deleteMessage(stream.name, seq, true);
  } catch (error) {
    if (!GONE.some((code) => hasCode(error, code))) throw error;
  }
}
