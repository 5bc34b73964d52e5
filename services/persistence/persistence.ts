/**
 * Wires the parts of the persistence service.
 *
 * @module
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { HistoryErase, ROOMS_STREAM, SCHEDULES_STREAM } from "../contract/mod.ts";
import {
  epochOfStream,
  FaultError,
  Replication,
  type ReplicationOptions,
  serve,
  type ServiceContext,
} from "../kit/mod.ts";
import type { Archive } from "./archive/archive.ts";
import { monitorArchive } from "./archive/monitored_archive.ts";
import {
  type AuditorDeps,
  continuousAudit,
  serveAudit,
  verifyGeneration,
} from "./audit/auditor.ts";
import { ArchiveState } from "./history/archive_state.ts";
import { serveHistory } from "./history/history.ts";
import { limitStreamSize } from "./log/limit_stream_size.ts";
import { deleteOldConsumer, type LogLimits } from "./log/stream.ts";
import { exportArchiveMetrics } from "./metrics.ts";
import { repeat } from "./repeat.ts";
import { erase } from "./retention/erasure.ts";
import { applyRetention, dueAt, type RetentionRule } from "./retention/retention.ts";
import { API_TIMEOUT_MS, Archiver } from "./writer/archiver.ts";
import { type ArchiveHops, createArchiveHops } from "./writer/hops.ts";
import { serveLogConfirm } from "./writer/log_authority.ts";
import { WriterEndpoints } from "./writer/writer_endpoints.ts";
import { keepLease } from "./writer/lease_keeper.ts";

/**
 * How often the size of the log is checked, milliseconds. At 50 MB/s a twentieth of 1 GiB arrives
 * in that time.
 */
const STREAM_CHECK_MS = 1_000;

/** How often missing replicas are asked for, milliseconds: a server may have joined the cluster. */
const REPLICATE_MS = 30_000;

/** Most unexplained holes that readers are told about. */
const MAX_UNEXPLAINED = 1_000;

/** Options of {@link runPersistence}. */
export interface PersistenceOptions {
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
  hops?: ArchiveHops;
}

/**
 * Starts the service. The context's drain stops it. The caller keeps ownership of the archive and
 * closes it. `manager` is that of a test; by default it is made here.
 */
export async function runPersistence(
  { bus, health, log, onDrain }: Omit<ServiceContext, "name">,
  database: Archive,
  options: PersistenceOptions,
  manager?: JetStreamManager,
): Promise<void> {
  const { limits, batch, batchMs, retention, retentionMs } = options;
  const archive = monitorArchive(database, log);
  manager ??= await jetstreamManager(bus.nats, { checkAPI: false, timeout: API_TIMEOUT_MS });
  const state = new ArchiveState({
    async read() {
      const [generations, unexplained] = await Promise.all([
        archive.generations(),
        archive.unexplained(MAX_UNEXPLAINED),
      ]);
      return { generations, unexplained };
    },
    async readLogEnd() {
      const stream = await manager.streams.info(ROOMS_STREAM);
      return { epoch: epochOfStream(stream), last: stream.state.last_seq };
    },
  });
  const replication = new Replication(bus, { owner: "persistence", ...options.replication });
  const onLost = () => archiver.interrupt("the lease is lost");
  const lease = keepLease(archive, log, onLost, undefined, () => bus.connected);
  const archiver: Archiver = new Archiver({
    bus,
    manager,
    archive,
    state,
    lease,
    limits,
    replication,
    batch,
    batchMs,
    dueOf: (room, storedAt) => dueAt(retention, room, storedAt),
    hops: options.hops ?? createArchiveHops([], 0),
    onAttached: () => endpoints.attached(),
    onReleased: () => void endpoints.released(),
    async verify(term, generation) {
      const count = await verifyGeneration({ manager, archive }, term, generation);
      if (count > 0) log.warn("archived messages that an older version had not", { count });
      await deleteOldConsumer(manager);
    },
  });
  const auditor: AuditorDeps = {
    manager,
    archive,
    log,
    term: () => archiver.attached ? lease.term : null,
    generation: () => state.current,
    onRepaired: () => void state.refreshHoles().catch(() => {}),
  };
  const endpoints = new WriterEndpoints(() => [
    serveLogConfirm(bus, archiver),
    serveAudit(bus, auditor),
    serve(bus, HistoryErase, "persistence", async (request) => {
      const { term } = lease;
      if (term === null) throw new FaultError("unavailable", "another instance archives", 250);
      return await erase({ bus, manager, archive, state }, term, request);
    }),
  ]);
  const metrics = exportArchiveMetrics(state);
  health.require("no unexplained holes", () => state.unexplained === 0);
  health.require("archive", () => archive.available);
  // An instance that waits for the lease serves history, while another one archives.
  health.require("stream", () => archiver.attached || (lease.held && lease.term === null));

  let draining = false;
  const tasks = [
    repeat(STREAM_CHECK_MS, "limiting the size of the log", log, async () => {
      const current = state.current;
      // Also while the database fails: then the log fills.
      if (lease.term === null || current === null) return metrics.seen(null);
      if (archiver.attaching) return;
      await limitStreamSize(manager, log, current, metrics.seen);
    }),
    repeat(REPLICATE_MS, "replicating the streams", log, async () => {
      if (lease.term === null || !archiver.attached) return;
      for (const stream of [ROOMS_STREAM, SCHEDULES_STREAM]) {
        await replication.apply(manager, await manager.streams.info(stream));
      }
    }),
    repeat(retentionMs, "retention", log, async () => {
      const { term } = lease;
      if (term === null || !archiver.attached) return;
      const stopped = () => draining || lease.term !== term;
      const removed = await applyRetention(archive, term, retention, Date.now(), stopped);
      if (removed > 0) log.debug("retention deleted messages", { removed });
    }),
  ];
  tasks.push(repeat(options.auditMs, "the audit", log, continuousAudit(auditor)));
  archiver.start();
  const stopServing = serveHistory({ bus, archive, state, rules: retention });
  onDrain(async () => {
    draining = true;
    state.close();
    lease.giveUp();
    await Promise.all([...tasks.map((stop) => stop()), archiver.stop()]);
    await lease.stop();
  });
  onDrain(stopServing);
}
