/**
 * An archive that monitors whether its database works.
 *
 * @module
 */
import { errorText, type Logger } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";

/** An archive that reports whether its database works. */
export interface MonitoredArchive extends Archive {
  /** Whether the last read and the last write both succeeded; false before the first call. */
  readonly available: boolean;
}

/**
 * Wraps an archive. Monitors reads and writes separately, because a full disk still reads. Logs each
 * change of availability once.
 */
export function monitorArchive(archive: Archive, log: Logger): MonitoredArchive {
  const database = archive.name;
  const succeeded: { read?: boolean; write?: boolean } = {};
  let available = false;
  let failing = false;
  const record = (kind: "read" | "write", error?: unknown) => {
    succeeded[kind] = error === undefined;
    available = succeeded.read !== false && succeeded.write !== false;
    if (available && failing) log.info("the archive is available again", { database });
    if (!available && !failing) {
      log.error("the archive is unavailable", { database, error: errorText(error) });
    }
    failing = !available;
  };
  const monitored = <Args extends unknown[], Value>(
    kind: "read" | "write",
    method: (...args: Args) => Promise<Value>,
  ) =>
  async (...args: Args): Promise<Value> => {
    try {
      const value = await method.apply(archive, args);
      record(kind);
      return value;
    } catch (error) {
      record(kind, error);
      throw error;
    }
  };
  return {
    name: database,
    get available() {
      return available;
    },
    append: monitored("write", archive.append),
    markLost: monitored("write", archive.markLost),
    quarantine: monitored("write", archive.quarantine),
    trim: monitored("write", archive.trim),
    page: monitored("read", archive.page),
    lastSeq: monitored("read", archive.lastSeq),
    rooms: monitored("read", archive.rooms),
    close: () => archive.close(),
  };
}
