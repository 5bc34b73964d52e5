/**
 * Reads the log of nats-server, of which people should see the warnings and errors only: it starts
 * with a banner of twenty lines and reports each step of its shutdown.
 *
 * @module
 */
import type { Logger } from "../kit/mod.ts";

/** `[pid] date time [level] message` */
const LINE = /^\[\d+\] [\d/]+ [\d:.]+ \[(DBG|TRC|INF|WRN|ERR|FTL)\] ?(.*)$/;

/** Logs a line of nats-server's output, unless it is one of the normal operation. */
export function logNatsLine(line: string, log: Logger): void {
  const [, level, message] = LINE.exec(line) ?? [];
  switch (level) {
    case "DBG":
    case "TRC":
    case "INF":
      return;
    case "WRN":
      return log.warn(message!);
    default:
      // What is not a log line is an error in the configuration file, or a stack trace.
      if (line.trim() !== "") log.error(message ?? line);
  }
}
