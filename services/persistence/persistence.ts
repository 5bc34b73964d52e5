/**
 * Wires the parts of the persistence service.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import {
  HistoryErase,
  parentOf,
  roomsStream,
  SEQS_PER_STREAM,
  streamIndexOf,
} from "../contract/mod.ts";
import { FaultError, managerOfLeaders, serve, type ServiceContext } from "../kit/mod.ts";
import type { Archive } from "./archive/archive.ts";
import { monitorArchive } from "./archive/monitored_archive.ts";
import {
  type ArchivedStream,
  type ArchivedStreamOptions,
  archiveStream,
} from "./archived_stream.ts";
import { serveAudit } from "./audit/auditor.ts";
import { serveHistory } from "./history/history.ts";
import { countOfLog } from "./log/stream.ts";
import { repeat } from "./repeat.ts";
import { erase } from "./retention/erasure.ts";
import { API_TIMEOUT_MS } from "./writer/archiver.ts";
import { type ArchiveHops, createArchiveHops } from "./writer/hops.ts";

/** How often this instance looks how many streams the log has, milliseconds. */
const COUNT_MS = 500;

/** Options of {@link runPersistence}. */
export interface PersistenceOptions extends Omit<ArchivedStreamOptions, "hops"> {
  /** How many streams the log has at least; 1 by default. */
  streams?: number;
  hops?: ArchiveHops;
}

/**
 * Starts the service. The context's drain stops it. The caller keeps ownership of the archive and
 * closes it. `manager` is that of a test; by default it is made here.
 */
export async function runPersistence(
  { bus, health, log, onDrain }: Omit<ServiceContext, "name">,
  database: Archive,
  { streams: wanted = 1, ...rest }: PersistenceOptions,
  manager?: JetStreamManager,
): Promise<void> {
  const options = { ...rest, hops: rest.hops ?? createArchiveHops([], 0) };
  const archive = monitorArchive(database, log);
  const reached = manager ??
    await managerOfLeaders(bus, { timeout: API_TIMEOUT_MS });
  health.require("archive", () => archive.available);
  /** By their numbers. While streams are divided, a number may be missing. */
  const streams: ArchivedStream[] = [];
  let stopped = false;
  /** The most streams that any instance wants. Whoever holds the lease of one divides it. */
  let most = 1;
  /** What the instance that archives the first stream answers for all of them. */
  const endpoints = () => [
    serveAudit(bus, () => streams.map(({ auditor }) => auditor)),
    serve(bus, HistoryErase, "persistence", async (request) => {
      if (streams[0]!.lease.term === null) {
        throw new FaultError("unavailable", "another instance archives", 250);
      }
      return await erase({ bus, streams }, request);
    }),
  ];
  const start = (index: number, count: number) => {
    const deps = {
      bus,
      health,
      log,
      manager: reached,
      archive: archive.of(roomsStream(index), count),
      wanted: () => most,
      onDivided: () => void follow().catch(() => {}),
      ...(index === 0 ? { endpoints } : {}),
    };
    streams[index] = archiveStream(deps, options, index, count);
  };
  /** Archives every stream that the log has. The archive knows; before the first message the log does. */
  const follow = async () => {
    let counts = await archive.streamCounts();
    if (counts.length === 0) {
      if (streams.length > 0) return;
      const count = await countOfLog(reached) ?? wanted;
      counts = Array<number>(count).fill(count);
    } else most = await archive.wantStreams(wanted);
    if (stopped) return;
    for (const [index, count] of counts.entries()) {
      if (count === undefined) continue;
      if (streams[index] === undefined) start(index, count);
      else streams[index].stream.count = Math.max(streams[index].stream.count, count);
    }
  };
  health.require("stream", () => streams.length > 0);
  const stopFollowing = repeat(COUNT_MS, "looking for the streams of the log", log, follow);
  void follow().catch(() => {});
  const streamOf = (room: string) => {
    let index = streamIndexOf(room, streams.map(({ stream }) => stream.count));
    // For a moment it may be unknown here; that from which it has the room shares its rows.
    while (streams[index] === undefined && index > 0) index = parentOf(index)!;
    const found = streams[index];
    if (found === undefined) throw new FaultError("unavailable", "the log is not known yet", 500);
    return found;
  };
  const stopServing = serveHistory({
    bus,
    archiveOf: (room) => streamOf(room).archive,
    stateOf: (room) => streamOf(room).state,
    // Another instance has divided the stream a moment ago.
    async find(room, seq) {
      if (Math.floor(seq / SEQS_PER_STREAM) > streamOf(room).stream.index) await follow();
    },
    rules: options.retention,
  });
  onDrain(async () => {
    stopped = true;
    await stopFollowing();
    await Promise.all(streams.map((stream) => stream.stop()));
  });
  onDrain(stopServing);
}
