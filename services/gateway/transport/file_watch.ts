/**
 * Tells when the process has run out of file descriptors, so that no client can connect.
 *
 * @module
 */
import type { Logger } from "../../kit/mod.ts";

/** How often the process is asked whether it has files left, milliseconds. */
const CHECK_MS = 500;

/** A file that a gateway may read. */
const SOME_FILE = new URL("../../contract/generated/schemas.json", import.meta.url);

/** The errors for no files left: in the process, and in the whole system. */
const NO_FILES = ["EMFILE", "ENFILE"];

const NO_FILES_LEFT =
  "out of file descriptors, so no client can connect: raise the limit of open files";

/** See the module's doc. */
export interface FileWatch {
  /** Whether the process had files left at the last check. */
  readonly hasFiles: boolean;
  /** Stops watching. */
  stop(): void;
}

/** Watches from now on, and logs when files run out and when there are some again. */
export function watchFiles(log: Logger): FileWatch {
  let hasFiles = true;
  const check = () => {
    const had = hasFiles;
    hasFiles = canOpen();
    if (had === hasFiles) return;
    if (hasFiles) log.warn("file descriptors are available again");
    else log.error(NO_FILES_LEFT);
  };
  const timer = setInterval(check, CHECK_MS);
  Deno.unrefTimer(timer as unknown as number);
  return {
    get hasFiles() {
      return hasFiles;
    },
    stop: () => clearInterval(timer),
  };
}

function canOpen(): boolean {
  try {
    Deno.openSync(SOME_FILE).close();
    return true;
  } catch (error) {
    return !NO_FILES.includes((error as { code?: string }).code ?? "");
  }
}
