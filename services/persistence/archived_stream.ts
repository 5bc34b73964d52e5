/**
 * One stream of the log and its archive: the lease, the archiver, and the work of the instance that holds
 * the lease. Each stream has one of these, so instances can share the streams.
 *
 * @module
 */
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { SCHEDULES_STREAM, streamCountOf } from "../contract/mod.ts";
import {
  type Bus,
  epochOfStream,
  type Health,
  type Logger,
  Replication,
  type ReplicationOptions,
} from "../kit/mod.ts";
import type { Archive } from "./archive/archive.ts";
import { type AuditorDeps, continuousAudit, verifyGeneration } from "./audit/auditor.ts";
import { ArchiveState } from "./history/archive_state.ts";
import { limitStreamSize } from "./log/limit_stream_size.ts";
import { CannotDivide, divide } from "./log/division.ts";
import { deleteOldConsumer, type LogLimits, type LogStream, logStream } from "./log/stream.ts";
import { exportArchiveMetrics } from "./metrics.ts";
import { inTurn, repeat } from "./repeat.ts";
import { applyRetention, dueAt, type RetentionRule } from "./retention/retention.ts";
import { Archiver } from "./writer/archiver.ts";
import type { ArchiveHops } from "./writer/hops.ts";
import { keepLease, type LeaseKeeper } from "./writer/lease_keeper.ts";
import { serveLogConfirm } from "./writer/log_authority.ts";
import { type Served, WriterEndpoints } from "./writer/writer_endpoints.ts";

/**
 * How often the size of the log is checked, milliseconds. At 50 MB/s a twentieth of 1 GiB arrives
 * in that time.
 */
const STREAM_CHECK_MS = 1_000;

/** How often missing replicas are asked for, milliseconds: a server may have joined the cluster. */
const REPLICATE_MS = 30_000;

/** Most unexplained holes that readers are told about. */
const MAX_UNEXPLAINED = 1_000;

/** Options of {@link archiveStream}. */
export interface ArchivedStreamOptions {
  limits: LogLimits;
  /** The replicas of the streams; by default as many as the servers can have, up to three. */
  replication?: ReplicationOptions;
  /** Most messages archived in one transaction. */
  batch: number;
  /** How long a smaller batch waits for more messages, milliseconds. */
  batchMs: number;
  /** The retention rules; the first that matches a room applies. */
  retention: readonly RetentionRule[];
  /** How often the rules are applied, milliseconds. */
  retentionMs: number;
  /** How often the continuous audit compares another part of the log, milliseconds. */
  auditMs: number;
  /** Measures what archiving takes. */
  hops: ArchiveHops;
}

/** What the streams of an instance share. */
export interface ArchivedStreamDeps {
  bus: Bus;
  health: Health;
  log: Logger;
  manager: JetStreamManager;
  /** The archive of this stream. */
  archive: Archive;
  /** Returns how many streams the log is to have at least. */
  wanted(): number;
  /** Called when this instance has divided the stream. */
  onDivided(): void;
  /** The endpoints that the holder of this stream's lease serves beside `log.confirm`. */
  endpoints?: () => Served[];
}

/** See the module's doc. */
export interface ArchivedStream {
  readonly stream: LogStream;
  readonly archive: Archive;
  readonly state: ArchiveState;
  readonly lease: LeaseKeeper;
  readonly auditor: AuditorDeps;
  /** Stops at once to compete for the lease, and then ends the work under way. */
  stop(): Promise<void>;
}

/** Starts to archive a stream, by its number among `count`. */
export function archiveStream(
  deps: ArchivedStreamDeps,
  options: ArchivedStreamOptions,
  index: number,
  count: number,
): ArchivedStream {
  const { bus, health, log, manager, archive, endpoints = () => [] } = deps;
  const { limits, batch, batchMs, retention, retentionMs } = options;
  const stream = logStream(manager, index, count);
  const { name } = stream;
  const attributes = count > 1 ? { stream: name } : undefined;
  const state = new ArchiveState({
    async read() {
      const [generations, unexplained] = await Promise.all([
        archive.generations(),
        archive.unexplained(MAX_UNEXPLAINED),
      ]);
      return { generations, unexplained };
    },
    async readLogEnd() {
      const info = await manager.streams.info(name);
      return { epoch: epochOfStream(info), last: info.state.last_seq };
    },
  });
  const replication = new Replication(bus, { owner: "persistence", ...options.replication });
  const onLost = () => archiver.interrupt("the lease is lost");
  const useful = () => bus.connected;
  const lease: LeaseKeeper = keepLease(archive, log, onLost, undefined, useful);
  const archiver: Archiver = new Archiver({
    bus,
    stream,
    archive,
    state,
    lease,
    limits,
    replication,
    batch,
    batchMs,
    dueOf: (room, storedAt) => dueAt(retention, room, storedAt),
    hops: options.hops,
    onAttached: () => served.attached(),
    onReleased: () => void served.released(),
    async verify(term, generation) {
      const found = await verifyGeneration({ stream, archive }, term, generation);
      if (found > 0) log.warn("archived messages that an older version had not", { count: found });
      await deleteOldConsumer(stream);
    },
  });
  const auditor: AuditorDeps = {
    stream,
    archive,
    log,
    attributes,
    term: () => archiver.attached ? lease.term : null,
    generation: () => state.current,
    onRepaired: () => void state.refreshHoles().catch(() => {}),
  };
  const served = new WriterEndpoints(() => [serveLogConfirm(bus, name, archiver), ...endpoints()]);
  const metrics = exportArchiveMetrics(state, attributes);
  const of = count > 1 ? ` of ${name}` : "";
  health.require(`no unexplained holes${of}`, () => state.unexplained === 0);
  // An instance that waits for the lease serves history, while another one archives.
  health.require(
    index === 0 ? "stream" : `stream ${name}`,
    () => archiver.attached || (lease.held && lease.term === null),
  );

  /** What changes the stream's settings runs alone: NATS takes all of them at once. */
  const alone = inTurn();
  let draining = false;
  /** Whether the stream cannot be divided at all. */
  let refused = false;
  const tasks = [
    repeat(STREAM_CHECK_MS, `limiting the size of the log${of}`, log, async () => {
      const current = state.current;
      // Also while the database fails: then the log fills.
      if (lease.term === null || current === null) return metrics.seen(null);
      if (archiver.attaching) return;
      const seen = (info: StreamInfo) => {
        metrics.seen(info);
        // It must give up the rooms that another one has taken, if it took them back meanwhile.
        if (streamCountOf(info.config.subjects) < stream.count) {
          archiver.interrupt("it was divided");
        }
      };
      await alone(() => limitStreamSize(stream, log, current, seen));
      // Another instance may have repaired them.
      if (stream.count > 1 && state.unexplained > 0) await state.refreshHoles();
    }),
    repeat(STREAM_CHECK_MS, `dividing the stream${of}`, log, async () => {
      const { term } = lease;
      if (stream.count >= deps.wanted() || term === null || !archiver.attached || refused) return;
      const archived = () => archiver.attached ? state.current : null;
      const parts = { bus, log, stream, archive, limits, replication, term, archived, alone };
      try {
        await divide(parts).finally(deps.onDivided);
      } catch (error) {
        if (!(error instanceof CannotDivide)) throw error;
        refused = true;
        log.error("the log keeps as many streams as it has", { error: error.message });
      }
    }),
    repeat(REPLICATE_MS, `replicating the streams${of}`, log, async () => {
      if (lease.term === null || !archiver.attached) return;
      for (const one of index === 0 ? [name, SCHEDULES_STREAM] : [name]) {
        await alone(async () => replication.apply(manager, await manager.streams.info(one)));
      }
    }),
    repeat(retentionMs, `retention${of}`, log, async () => {
      const { term } = lease;
      if (term === null || !archiver.attached) return;
      const stopped = () => draining || lease.term !== term;
      const removed = await applyRetention(archive, term, retention, Date.now(), stopped);
      if (removed > 0) log.debug("retention deleted messages", { removed });
    }),
    repeat(options.auditMs, `the audit${of}`, log, continuousAudit(auditor)),
  ];
  archiver.start();
  return {
    stream,
    archive,
    state,
    lease,
    auditor,
    async stop() {
      draining = true;
      state.close();
      lease.giveUp();
      await Promise.all([...tasks.map((stop) => stop()), archiver.stop()]);
      await lease.stop();
    },
  };
}
