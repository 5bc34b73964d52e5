/**
 * The parts of the persistence service, put together.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import type { ServiceContext } from "../kit/mod.ts";
import type { Archive, RoomKey } from "./archive.ts";
import { Barrier } from "./barrier.ts";
import { API_TIMEOUT_MS, Archiver } from "./consume.ts";
import { serveHistory } from "./history.ts";
import { repeat } from "./repeat.ts";
import { applyRetention, type RetentionRule } from "./retention.ts";
import { dropFromLog, type LogLimits, readProgress } from "./stream.ts";
import { tendStream } from "./tend_stream.ts";
import { watchArchive } from "./watch_archive.ts";

/** How often the size of the log is looked at, milliseconds: at 50 MB/s a twentieth of 1 GiB. */
const TEND_MS = 1_000;

/** How often the database is asked something, so that readiness is known without traffic, ms. */
const PROBE_MS = 2_000;

/** How it is run. */
export interface PersistenceOptions {
  limits: LogLimits;
  batch: number;
  batchMs: number;
  retention: readonly RetentionRule[];
  /** How often messages that are to go by the rules are looked for, milliseconds. */
  retentionMs: number;
}

/** Starts everything; it is stopped by the context's drain. The archive stays the caller's. */
export async function runPersistence(
  { bus, health, log, onDrain }: Omit<ServiceContext, "name">,
  database: Archive,
  options: PersistenceOptions,
): Promise<void> {
  const archive = watchArchive(database, log);
  const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout: API_TIMEOUT_MS });
  const barrier: Barrier = new Barrier({
    read: () => readProgress(manager),
    onOtherLog: () => archiver.interrupt("the log is another one now"),
  });
  const { limits, batch, batchMs, retention } = options;
  const archiver = new Archiver({ bus, manager, archive, barrier, limits, batch, batchMs });
  health.require("archive", () => archive.reached);
  health.require("stream", () => archiver.attached);

  let draining = false;
  const house = [
    repeat(TEND_MS, "tending the log", log, async () => {
      if (archiver.attached) await tendStream(manager, log);
    }),
    repeat(PROBE_MS, "asking the archive", log, () => archive.lastSeq("")),
    repeat(options.retentionMs, "retention", log, async () => {
      const drop = async ({ epoch, room }: RoomKey, upTo: number) => {
        if (epoch === barrier.position?.epoch) await dropFromLog(manager, room, upTo);
      };
      const removed = await applyRetention(archive, retention, Date.now(), () => draining, drop);
      if (removed > 0) log.debug("messages were taken by retention", { removed });
    }),
  ];
  archiver.start();
  const stopServing = serveHistory({ bus, archive, barrier });
  onDrain(async () => {
    draining = true;
    barrier.close();
    await Promise.all([archiver.stop(), ...house.map((stop) => stop())]);
  });
  onDrain(stopServing);
}
