/**
 * Wires the parts of the persistence service.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { HistoryErase, roomsStream, streamIndexOf } from "../contract/mod.ts";
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
import { erase } from "./retention/erasure.ts";
import { API_TIMEOUT_MS } from "./writer/archiver.ts";
import { type ArchiveHops, createArchiveHops } from "./writer/hops.ts";

/** Options of {@link runPersistence}. */
export interface PersistenceOptions extends Omit<ArchivedStreamOptions, "hops"> {
  /** How many streams the log has; 1 by default. */
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
  { streams: count = 1, ...rest }: PersistenceOptions,
  manager?: JetStreamManager,
): Promise<void> {
  const options = { ...rest, hops: rest.hops ?? createArchiveHops([], 0) };
  const archive = monitorArchive(database, log);
  const reached = manager ??
    await managerOfLeaders(bus, { timeout: API_TIMEOUT_MS });
  health.require("archive", () => archive.available);
  const streams: ArchivedStream[] = [];
  /** What the instance that archives the first stream answers for all of them. */
  const endpoints = () => [
    serveAudit(bus, streams.map(({ auditor }) => auditor)),
    serve(bus, HistoryErase, "persistence", async (request) => {
      if (streams[0]!.lease.term === null) {
        throw new FaultError("unavailable", "another instance archives", 250);
      }
      return await erase({ bus, streams }, request);
    }),
  ];
  for (let index = 0; index < count; index++) {
    const deps = {
      bus,
      health,
      log,
      manager: reached,
      archive: archive.of(roomsStream(index), count),
      ...(index === 0 ? { endpoints } : {}),
    };
    streams.push(archiveStream(deps, options, index, count));
  }
  const stopServing = serveHistory({
    bus,
    archive,
    stateOf: (room) => streams[streamIndexOf(room, count)]!.state,
    rules: options.retention,
  });
  onDrain(async () => {
    await Promise.all(streams.map((stream) => stream.stop()));
  });
  onDrain(stopServing);
}
