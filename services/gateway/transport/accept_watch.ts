/**
 * Listens again after the process had no file left for another connection. Deno 2.9 stops to accept
 * connections when that fails once, tells nobody, and never tries again: without this the gateway would
 * refuse everybody until it is restarted, however many clients have left.
 *
 * @module
 */
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import { Server as NetServer } from "node:net";
import type { Logger } from "../../kit/mod.ts";

/** How often the process is asked whether it has files left, milliseconds. */
const CHECK_MS = 500;

/** A file that a gateway may read. */
const SOME_FILE = new URL("../../contract/generated/schemas.json", import.meta.url);

/** See the module's doc. */
export interface AcceptWatch {
  /** Whether the process has files left. */
  readonly hasFiles: boolean;
  /** Stops watching. */
  stop(): void;
}

/** What {@link watchAccepts} does and asks; the defaults are those of a gateway. */
export interface AcceptWatchOptions {
  /** Opens and closes a file. Throws if that is impossible. */
  tryFile?: () => void;
  checkMs?: number;
}

/** Watches, and calls `listenAgain` once files are left again after there were none. */
export function watchAccepts(
  listenAgain: () => Promise<void>,
  log: Logger,
  { tryFile = () => Deno.openSync(SOME_FILE).close(), checkMs = CHECK_MS }: AcceptWatchOptions = {},
): AcceptWatch {
  let hasFiles = true;
  let listening = false;
  const check = async () => {
    if (listening) return;
    try {
      tryFile();
    } catch (error) {
      if ((error as { code?: string }).code !== "EMFILE") return;
      if (hasFiles) log.error("no file is left for another connection: see Before production");
      hasFiles = false;
      return;
    }
    if (hasFiles) return;
    listening = true;
    try {
      await listenAgain();
      hasFiles = true;
      log.warn("listening again, after no file was left for a while");
    } catch {
      // The next check tries again.
    } finally {
      listening = false;
    }
  };
  const timer = setInterval(() => void check(), checkMs);
  Deno.unrefTimer(timer as unknown as number);
  return {
    get hasFiles() {
      return hasFiles;
    },
    stop: () => clearInterval(timer),
  };
}

/** Stops listening, and nothing else: what an HTTP server does beside that when it closes is left out. */
export function stopListening(server: Server | TlsServer): void {
  NetServer.prototype.close.call(server);
}
