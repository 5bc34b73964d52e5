/**
 * An archive that monitors whether its database works.
 *
 * @module
 */
import { errorText, type Logger } from "../../kit/mod.ts";
import { type Archive, LeaseLost, PositionMoved, StreamsDiffer } from "./archive.ts";

/** An archive that reports whether its database works. All streams share what is known. */
export interface MonitoredArchive extends Archive {
  of(stream: string, count: number): MonitoredArchive;
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
  return wrap(archive);

  /** Wraps the archive of one stream. */
  function wrap(archive: Archive): MonitoredArchive {
    /** Calls a method of the archive and records whether it worked. */
    const monitor = <Method extends keyof Archive>(kind: "read" | "write", method: Method) =>
      (async (...args: unknown[]) => {
        try {
          const call = archive[method] as (...args: unknown[]) => Promise<unknown>;
          const value = await call.apply(archive, args);
          record(kind);
          return value;
        } catch (error) {
          if (isRefusal(error)) record(kind);
          else record(kind, error);
          throw error;
        }
      }) as Archive[Method];
    const read = <Method extends keyof Archive>(method: Method) => monitor("read", method);
    const write = <Method extends keyof Archive>(method: Method) => monitor("write", method);
    return {
      name: database,
      of: (stream, count) => wrap(archive.of(stream, count)),
      streamCount: read("streamCount"),
      streamCounts: read("streamCounts"),
      wantStreams: read("wantStreams"),
      divide: write("divide"),
      get available() {
        return available;
      },
      lease: read("lease"),
      takeLease: write("takeLease"),
      renewLease: write("renewLease"),
      releaseLease: write("releaseLease"),
      generations: read("generations"),
      startGeneration: write("startGeneration"),
      append: write("append"),
      markVerified: write("markVerified"),
      holes: read("holes"),
      unexplained: read("unexplained"),
      resolveHole: write("resolveHole"),
      page: read("page"),
      heads: read("heads"),
      rows: read("rows"),
      trimMarks: read("trimMarks"),
      seqs: read("seqs"),
      scan: read("scan"),
      repair: write("repair"),
      rooms: read("rooms"),
      due: read("due"),
      markDue: write("markDue"),
      trim: write("trim"),
      setting: read("setting"),
      writeSetting: write("writeSetting"),
      close: () => archive.close(),
    };
  }
}

/** Whether an error says that the archive works, and that the caller is not who may write. */
function isRefusal(error: unknown): boolean {
  return error instanceof LeaseLost || error instanceof PositionMoved ||
    error instanceof StreamsDiffer;
}
