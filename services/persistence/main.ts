/**
 * The persistence service: archives the log and serves history. Any number of instances may share
 * one database.
 *
 * @module
 */
import { ROOMS_STREAM } from "../contract/mod.ts";
import { readNamespaces, replicationOf, runService } from "../kit/mod.ts";
import { PERSISTENCE_CONFIG } from "./config.ts";
import { openArchive } from "./archive/open_archive.ts";
import { runPersistence } from "./persistence.ts";
import { createArchiveHops } from "./writer/hops.ts";

await runService({
  name: "persistence",
  description: "Archives messages, and answers for history.",
  config: PERSISTENCE_CONFIG,
  clockStream: ROOMS_STREAM,
  async start(context, config) {
    const namespaces = await readNamespaces(config.NAMESPACES_FILE);
    const archive = await openArchive(config);
    context.onDrain(() => archive.close());
    await runPersistence(context, archive, {
      streams: config.STREAMS,
      limits: { maxAge: config.STREAM_MAX_AGE, maxBytes: config.STREAM_MAX_BYTES },
      replication: replicationOf(config),
      batch: config.ARCHIVE_BATCH,
      batchMs: config.ARCHIVE_BATCH_MS,
      retentionMs: config.RETENTION_MS,
      auditMs: config.AUDIT_MS,
      hops: createArchiveHops(namespaces, config.SLOW_MESSAGE_MS),
      retention: namespaces.map(({ pattern, history }) => ({ pattern, ...history })),
    });
  },
});
