/**
 * Erasure: removes the content and the sender of messages from the archive and the log, for good. The
 * message keeps its place in the order, so no gap appears.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import {
  type HistoryErase,
  MAX_ERASED,
  ROOM_ERASED,
  type RoomErased,
  RoomEvent,
  RoomName,
  ROOMS_STREAM,
} from "../../contract/mod.ts";
import { type Bus, FaultError, publish } from "../../kit/mod.ts";
import type * as z from "zod";
import { type Archive, type ArchiveRow, isErased, type RowKey } from "../archive/archive.ts";
import type { ArchiveState } from "../history/archive_state.ts";
import { hasCode, readMessage } from "../log/stream.ts";

/** Rows that one request for a user looks at. */
const ROWS_AT_A_TIME = 2_000;

/** The user id of erased messages. */
const ERASED_USER = "erased";

type Request = typeof HistoryErase["request"]["_output"];
type Reply = z.infer<typeof HistoryErase["reply"]>;

/** What {@link erase} needs. */
export interface ErasureDeps {
  bus: Bus;
  manager: JetStreamManager;
  archive: Archive;
  state: Pick<ArchiveState, "read" | "reach">;
}

/**
 * Erases what a request names. Every step can be repeated: after a failure, the same request finishes
 * the work.
 *
 * @throws {FaultError} `invalid_format` if there is no such message
 * @throws {LeaseLost} if another instance holds the lease
 */
export async function erase(deps: ErasureDeps, term: number, request: Request): Promise<Reply> {
  if ("userId" in request) return await eraseUser(deps, term, request.userId, request.after);
  await archiveEverything(deps);
  const { generations } = await deps.state.read();
  const epochs = request.epoch === undefined
    ? generations.map(({ epoch }) => epoch).reverse()
    : [request.epoch];
  // Without an epoch, the newest generation that has the message.
  for (const epoch of epochs) {
    const [row] = await deps.archive.rows(epoch, [request]);
    if (row !== undefined) return { erased: await eraseRows(deps, term, epoch, [row]) };
  }
  throw new FaultError("invalid_format", `${request.room} has no message ${request.seq}`);
}

/** Waits until everything that the log has now is archived, and so can be found. */
async function archiveEverything({ manager, state }: ErasureDeps): Promise<void> {
  const { last_seq } = (await manager.streams.info(ROOMS_STREAM)).state;
  await state.reach(last_seq);
}

async function eraseUser(
  deps: ErasureDeps,
  term: number,
  userId: string,
  after?: RowKey,
): Promise<Reply> {
  if (after === undefined) await archiveEverything(deps);
  const rows = await deps.archive.scan(after ?? null, ROWS_AT_A_TIME);
  /** By room, in the order of the scan. */
  const found = new Map<string, (ArchiveRow & { epoch: string })[]>();
  for (const row of rows) {
    // Most rows are other users': look before parsing.
    if (!row.event.includes(JSON.stringify(userId))) continue;
    if ((JSON.parse(row.event) as RoomEvent).userId !== userId) continue;
    const key = `${row.epoch} ${row.room}`;
    const same = found.get(key);
    if (same === undefined) found.set(key, [row]);
    else same.push(row);
  }
  let erased = 0;
  for (const same of found.values()) {
    for (let i = 0; i < same.length; i += MAX_ERASED) {
      erased += await eraseRows(deps, term, same[0]!.epoch, same.slice(i, i + MAX_ERASED));
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
 */
async function eraseRows(
  { bus, manager, archive }: ErasureDeps,
  term: number,
  epoch: string,
  rows: readonly ArchiveRow[],
): Promise<number> {
  const fresh = rows.filter(({ event }) => !isErased(event));
  const { room } = rows[0]!;
  // A log that was restored still has messages that the archive has under an earlier epoch.
  for (const row of rows) await deleteFromLog(manager, row);
  const seqs = rows.map(({ seq }) => seq);
  const tell = () =>
    // No gateway serves a room whose name is none.
    RoomName.safeParse(room).success &&
    publish(bus, ROOM_ERASED, { room, epoch, seqs } satisfies z.infer<typeof RoomErased>);
  tell();
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
  manager: JetStreamManager,
  { seq, storedAt }: ArchiveRow,
): Promise<void> {
  const message = await readMessage(manager, seq);
  // Another message may have this seq: of a log that was restored.
  if (message === null || message.storedAt !== storedAt) return;
  try {
    await manager.streams.deleteMessage(ROOMS_STREAM, seq, true);
  } catch (error) {
    if (!GONE.some((code) => hasCode(error, code))) throw error;
  }
}
