/**
 * Wires the parts of the persistence service.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import type { ServiceContext } from "../kit/mod.ts";
import type { Archive, RoomKey } from "./archive.ts";
import { ArchiveProgress } from "./archive_progress.ts";
import { API_TIMEOUT_MS, Archiver } from "./archiver.ts";
import { serveHistory } from "./history.ts";
import { repeat } from "./repeat.ts";
import { applyRetention, type RetentionRule } from "./retention.ts";
import { type LogLimits, purgeRoom, readProgress } from "./stream.ts";
import { limitStreamSize } from "./limit_stream_size.ts";
import { monitorArchive } from "./monitored_archive.ts";

/**
 * How often the size of the log is checked, milliseconds. At 50 MB/s a twentieth of 1 GiB arrives
 * in that time.
 */
const STREAM_CHECK_MS = 1_000;

/** How often the database is probed, milliseconds. Keeps readiness current without traffic. */
const PROBE_MS = 2_000;

/** Options of {@link runPersistence}. */
export interface PersistenceOptions {
  limits: LogLimits;
  /** Most messages archived in one transaction. */
  batch: number;
  /** How long a smaller batch waits for more messages, milliseconds. */
  batchMs: number;
  /** The retention rules; the first that matches a room applies. */
  retention: readonly RetentionRule[];
  /** How often the rules are applied, milliseconds. */
  retentionMs: number;
}

/**
 * Starts the service. The context's drain stops it. The caller keeps ownership of the archive and
 * closes it.
 */
export async function runPersistence(
  { bus, health, log, onDrain }: Omit<ServiceContext, "name">,
  database: Archive,
  options: PersistenceOptions,
): Promise<void> {
  const archive = monitorArchive(database, log);
  const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout: API_TIMEOUT_MS });
  const archiveProgress: ArchiveProgress = new ArchiveProgress({
    read: () => readProgress(manager),
    onLogReplaced: () => archiver.interrupt("another log has replaced the previous one"),
  });
  const { limits, batch, batchMs, retention } = options;
  const archiver = new Archiver({ bus, manager, archive, archiveProgress, limits, batch, batchMs });
  health.require("archive", () => archive.available);
  health.require("stream", () => archiver.attached);

  let draining = false;
  const tasks = [
    repeat(STREAM_CHECK_MS, "limiting the size of the log", log, async () => {
      if (archiver.attached) await limitStreamSize(manager, log);
    }),
    repeat(PROBE_MS, "probing the archive", log, () => archive.lastSeq("")),
    repeat(options.retentionMs, "retention", log, async () => {
      const purge = async ({ epoch, room }: RoomKey, upTo: number) => {
        if (epoch === archiveProgress.position?.epoch) await purgeRoom(manager, room, upTo);
      };
      const removed = await applyRetention(archive, retention, Date.now(), () => draining, purge);
      if (removed > 0) log.debug("retention deleted messages", { removed });
    }),
  ];
  archiver.start();
  const stopServing = serveHistory({ bus, archive, archiveProgress });
  onDrain(async () => {
    draining = true;
    archiveProgress.close();
    await Promise.all([archiver.stop(), ...tasks.map((stop) => stop())]);
  });
  onDrain(stopServing);
}
