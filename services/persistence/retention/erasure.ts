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
  ROOMS_STREAM,
} from "../../contract/mod.ts";
import { type Bus, FaultError, publish } from "../../kit/mod.ts";
import type * as z from "zod";
import type { Archive, ArchiveRow, RowKey } from "../archive/archive.ts";
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

/** Whether an event's JSON is that of an erased message. */
export function isErased(event: string): boolean {
  return event.endsWith('"erased":true}');
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
  const { generations } = await deps.state.read();
  const current = generations.at(-1)!.epoch;
  const epoch = request.epoch ?? current;
  if (epoch === current) await deps.state.reach(request.seq);
  const [row] = await deps.archive.rows(epoch, [request]);
  if (row === undefined) {
    throw new FaultError("invalid_format", `${request.room} has no message ${request.seq}`);
  }
  return { erased: await eraseRows(deps, term, epoch, request.room, [row], current) };
}

async function eraseUser(
  deps: ErasureDeps,
  term: number,
  userId: string,
  after?: RowKey,
): Promise<Reply> {
  const rows = await deps.archive.scan(after ?? null, ROWS_AT_A_TIME);
  const current = (await deps.state.read()).generations.at(-1)!.epoch;
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
    const { epoch, room } = same[0]!;
    for (let i = 0; i < same.length; i += MAX_ERASED) {
      erased += await eraseRows(deps, term, epoch, room, same.slice(i, i + MAX_ERASED), current);
    }
  }
  const last = rows.at(-1);
  if (rows.length < ROWS_AT_A_TIME || last === undefined) return { erased };
  return { erased, next: { epoch: last.epoch, room: last.room, seq: last.seq } };
}

/** Erases rows of one room: first in the archive, then in the log, then on gateways. */
async function eraseRows(
  { bus, manager, archive }: ErasureDeps,
  term: number,
  epoch: string,
  room: string,
  rows: readonly ArchiveRow[],
  current: string,
): Promise<number> {
  const fresh = rows.filter(({ event }) => !isErased(event));
  await archive.repair(term, epoch, fresh.map(tombstone));
  const seqs = rows.map(({ seq }) => seq);
  if (epoch === current) {
    for (const seq of seqs) await deleteFromLog(manager, seq);
    publish(bus, ROOM_ERASED, { room, epoch, seqs } satisfies z.infer<typeof RoomErased>);
  }
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
async function deleteFromLog(manager: JetStreamManager, seq: number): Promise<void> {
  if (await readMessage(manager, seq) === null) return;
  try {
    await manager.streams.deleteMessage(ROOMS_STREAM, seq, true);
  } catch (error) {
    if (!GONE.some((code) => hasCode(error, code))) throw error;
  }
}
