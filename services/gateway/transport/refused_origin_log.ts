/**
 * Logs refused origins, so that an operator sees which setting allows them. Anybody can cause such a
 * line, so their rate is bounded.
 *
 * @module
 */
import { type Logger, LogThrottle } from "../../kit/mod.ts";

/** Longest origin in a line, characters: a scheme and a host name (at most 253) with its port. */
const MAX_ORIGIN_LENGTH = 300;

/** See the module's doc. */
export class RefusedOriginLog {
  readonly #throttle: LogThrottle;

  /** `now` is a monotonic clock in milliseconds; tests pass their own. */
  constructor(now?: () => number) {
    this.#throttle = new LogThrottle(now);
  }

  /**
   * Warns of a refused origin, at most once a second. The line has the number of lines suppressed since
   * the last one. `origin` is the request's header as received, `address` the client's.
   */
  warn(log: Logger, origin: string | undefined, address: string): void {
    this.#throttle.run((suppressed) => {
      log.warn("refused an origin: to allow it, add it to ALLOWED_ORIGINS", {
        origin: describeOrigin(origin),
        address,
        suppressed,
      });
    });
  }
}

/** Shared by all transports, so that the bound holds for the process. */
export const refusedOrigins = new RefusedOriginLog();

/**
 * Returns scheme, host and port alone. A browser sends nothing else, but another client may put
 * credentials or a token into the header.
 */
function describeOrigin(origin: string | undefined): string {
  // Browsers send "null" for sandboxed pages and files.
  if (origin === undefined || origin === "null") return "null";
  const url = URL.parse(origin);
  if (url === null) return "invalid";
  return `${url.protocol}//${url.host}`.slice(0, MAX_ORIGIN_LENGTH);
}
