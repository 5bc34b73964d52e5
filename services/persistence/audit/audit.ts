/**
 * The audit: compares the log with the archive seq by seq, in both directions. A message's `prev` is
 * derived from the rows of its room, so rows that are complete prove the chain too.
 *
 * @module
 */
import type { AuditFinding, AuditReport } from "../../contract/mod.ts";
import { epochOfStream, FaultError } from "../../kit/mod.ts";
import {
  type Archive,
  type ArchiveRow,
  type Generation,
  type Hole,
  isErased,
} from "../archive/archive.ts";
import { toArchiveRow } from "../log/archive_row.ts";
import { type LogMessage, type LogStream, readMessage } from "../log/stream.ts";

/** Messages that are read from the log at a time. */
const READS = 50;

/** Most holes that one part is expected to have. */
const MAX_HOLES = 1_000;

/** What an audit needs. */
export interface AuditDeps {
  stream: LogStream;
  /** The archive of that stream. */
  archive: Archive;
}

/** What an audit compares. */
export interface AuditRange {
  /** The first seq; by default the log's first. */
  from?: number | undefined;
  /** Most seqs. */
  size: number;
  /** Repairs what it finds, under the lease of this term. */
  repair?: { term: number };
}

/**
 * Compares a part of the log with the archive: from a seq, or the log's beginning, up to the archive's
 * position at most.
 *
 * @throws {FaultError} `unavailable` if the log is not that of the generation
 * @throws {LeaseLost} if a repair finds the lease lost
 */
export async function audit(
  deps: AuditDeps,
  generation: Generation,
  range: AuditRange,
): Promise<AuditReport> {
  const { stream: place, archive } = deps;
  const { manager, name } = place;
  const stream = await manager.streams.info(name, { deleted_details: true });
  const { epoch, position } = generation;
  if (epochOfStream(stream) !== epoch) throw new FaultError("unavailable", "the log was replaced");
  const first = Math.max(stream.state.first_seq, generation.firstSeq);
  const from = Math.max(range.from ?? first, first);
  const to = Math.min(position, from + range.size - 1);
  const report = { epoch, from, to, messages: 0, findings: [], repaired: 0 };
  if (to < from) return { ...report, to: from - 1 };

  const log = await readLog(place, from, to);
  const deleted = new Set(stream.state.deleted ?? []);
  const found = await compareRows(archive, epoch, log);
  const findings = [
    ...found.findings,
    ...await findExtra(archive, epoch, log, from, to),
    ...await findGaps(archive, generation, log, deleted, from, to),
  ].sort((a, b) => a.first - b.first);
  // Messages may have left the log while it was read.
  const { state: now } = await manager.streams.info(name, { deleted_details: true });
  const gone = new Set(now.deleted ?? []);
  const certain = findings.filter(({ kind, last }) =>
    (kind !== "lost" && kind !== "unexplained") || (last >= now.first_seq && !gone.has(last))
  );
  const repaired = range.repair === undefined
    ? 0
    : await repair(deps, range.repair.term, generation, certain, found.rows, log);
  return {
    ...report,
    messages: log.size,
    findings: certain,
    repaired,
    ...(to < position ? { next: to + 1 } : {}),
  };
}

async function readLog(
  stream: LogStream,
  from: number,
  to: number,
): Promise<Map<number, LogMessage>> {
  const log = new Map<number, LogMessage>();
  for (let seq = from; seq <= to; seq += READS) {
    const seqs = Array.from({ length: Math.min(READS, to - seq + 1) }, (_, i) => seq + i);
    const messages = await Promise.all(seqs.map((one) => readMessage(stream, one)));
    for (const message of messages) if (message !== null) log.set(message.seq, message);
  }
  return log;
}

/** Finds messages of the log that the archive lacks or has otherwise, and returns their rows. */
async function compareRows(archive: Archive, epoch: string, log: Map<number, LogMessage>) {
  const findings: AuditFinding[] = [];
  const rows: ArchiveRow[] = [];
  // What stands for messages of another stream is archived with those.
  const expected = [...log.values()].filter(({ subject }) => subject.startsWith("room.message."))
    .map((message) => toArchiveRow(message).row);
  const archived = new Map(
    (await archive.rows(epoch, expected)).map((row) => [row.seq, row]),
  );
  const rooms = [...new Set(expected.map(({ room }) => room))];
  const marks = await archive.trimMarks(epoch, rooms);
  const trimmed = new Map(rooms.map((room, i) => [room, marks[i]!]));
  for (const row of expected) {
    const there = archived.get(row.seq);
    if (there === undefined) {
      if (row.seq <= trimmed.get(row.room)!) continue;
      findings.push({ kind: "missing", first: row.seq, last: row.seq, room: row.room });
    } else if (isErased(there.event)) {
      continue;
    } else if (there.event !== row.event || there.storedAt !== row.storedAt) {
      findings.push({ kind: "changed", first: row.seq, last: row.seq, room: row.room });
    } else continue;
    rows.push(row);
  }
  return { findings, rows };
}

/** Finds rows, in the rooms that the log names, whose seq the log gives to another room. */
async function findExtra(
  archive: Archive,
  epoch: string,
  log: Map<number, LogMessage>,
  from: number,
  to: number,
): Promise<AuditFinding[]> {
  const byRoom = new Map<string, Set<number>>();
  for (const message of log.values()) {
    const { room } = toArchiveRow(message).row;
    const seqs = byRoom.get(room);
    if (seqs === undefined) byRoom.set(room, new Set([message.seq]));
    else seqs.add(message.seq);
  }
  const findings: AuditFinding[] = [];
  for (const [room, seqs] of byRoom) {
    for (const seq of await archive.seqs({ epoch, room }, from, to, to - from + 1)) {
      if (seqs.has(seq) || !log.has(seq)) continue;
      findings.push({ kind: "extra", first: seq, last: seq, room });
    }
  }
  return findings;
}

/**
 * Finds seqs that the log does not have and that nothing explains. What is in no hole was archived, so
 * the log has lost it since.
 */
async function findGaps(
  archive: Archive,
  { epoch }: Generation,
  log: Map<number, LogMessage>,
  deleted: ReadonlySet<number>,
  from: number,
  to: number,
): Promise<AuditFinding[]> {
  const holes = await archive.holes(epoch, from, to, MAX_HOLES);
  const findings: AuditFinding[] = [];
  for (let seq = from; seq <= to; seq++) {
    if (log.has(seq) || deleted.has(seq)) continue;
    const hole = holes.find(({ first, last }) => first <= seq && seq <= last);
    if (hole !== undefined && hole.kind !== "unknown") continue;
    const kind = hole === undefined ? "lost" : "unexplained";
    const before = findings.at(-1);
    if (before?.kind === kind && before.last === seq - 1) before.last = seq;
    else findings.push({ kind, first: seq, last: seq });
  }
  return findings;
}

/** Archives what the log has, and records as lost what nobody has. Returns how many seqs. */
async function repair(
  { archive }: AuditDeps,
  term: number,
  { epoch }: Generation,
  findings: readonly AuditFinding[],
  rows: readonly ArchiveRow[],
  log: Map<number, LogMessage>,
): Promise<number> {
  if (rows.length > 0) await archive.repair(term, epoch, rows);
  let repaired = rows.length;
  for (const { kind, first, last } of findings) {
    if (kind === "changed") continue;
    for (const hole of await archive.holes(epoch, first, last, MAX_HOLES)) {
      if (kind === "missing" || hole.kind === "unknown") {
        await archive.resolveHole(term, epoch, hole, { rows: [], holes: piecesOf(hole, log) });
        if (hole.kind === "unknown") repaired += hole.last - hole.first + 1;
      }
    }
  }
  return repaired;
}

/** What is left of a hole: the seqs that the log does not have, as lost. */
function piecesOf(hole: Hole, log: Map<number, LogMessage>): Hole[] {
  const pieces: Hole[] = [];
  const kind = hole.kind === "unknown" ? "expired" : hole.kind;
  let first = hole.first;
  for (const seq of [...log.keys()].sort((a, b) => a - b)) {
    if (seq < first || seq > hole.last) continue;
    if (seq > first) pieces.push({ first, last: seq - 1, kind });
    first = seq + 1;
  }
  if (first <= hole.last) pieces.push({ first, last: hole.last, kind });
  return pieces;
}
