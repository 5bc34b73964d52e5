/**
 * Listens again after the process ran out of file descriptors. When Deno 2.9 fails to accept a connection
 * for that reason, it stops accepting, reports no error, and never tries again: without this the gateway
 * would serve no new client until it is restarted, however many have left.
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
      if (hasFiles) {
        log.error(
          "out of file descriptors, so no client can connect: raise the limit of open files",
        );
      }
      hasFiles = false;
      return;
    }
    if (hasFiles) return;
    listening = true;
    try {
      await listenAgain();
      hasFiles = true;
      log.warn("listening again: file descriptors are available");
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
