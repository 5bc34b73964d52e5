/**
 * An archive that knows whether its database does what it is asked.
 *
 * @module
 */
import { errorText, type Logger } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";

/** An archive, and whether its database is reached; false before the first call. */
export interface WatchedArchive extends Archive {
  readonly reached: boolean;
}

/**
 * Wraps an archive. Reading and writing are watched apart, since a full disk still reads; both must
 * have worked the last time. Each change is logged once.
 */
export function watchArchive(archive: Archive, log: Logger): WatchedArchive {
  const database = archive.name;
  const worked: { read?: boolean; write?: boolean } = {};
  let reached = false;
  let failing = false;
  const note = (kind: "read" | "write", error?: unknown) => {
    worked[kind] = error === undefined;
    reached = worked.read !== false && worked.write !== false;
    if (reached && failing) log.info("the archive is reached again", { database });
    if (!reached && !failing) {
      log.error("the archive is not reached", { database, error: errorText(error) });
    }
    failing = !reached;
  };
  const watch = <Args extends unknown[], Value>(
    kind: "read" | "write",
    method: (...args: Args) => Promise<Value>,
  ) =>
  async (...args: Args): Promise<Value> => {
    try {
      const value = await method.apply(archive, args);
      note(kind);
      return value;
    } catch (error) {
      note(kind, error);
      throw error;
    }
  };
  return {
    name: database,
    get reached() {
      return reached;
    },
    append: watch("write", archive.append),
    markLost: watch("write", archive.markLost),
    setAside: watch("write", archive.setAside),
    trim: watch("write", archive.trim),
    page: watch("read", archive.page),
    lastSeq: watch("read", archive.lastSeq),
    rooms: watch("read", archive.rooms),
    close: () => archive.close(),
  };
}
