/**
 * Counts refused tokens, and logs why they are refused and which setting decides it, so that an operator can mend either. A line
 * never contains the token or a claim of it.
 *
 * @module
 */
import type { Fault } from "../contract/mod.ts";
import { events, type Logger, LogThrottle } from "../kit/mod.ts";

/** The settings that decide, by the first word of a refusal's detail. */
const SETTINGS: Record<string, string> = {
  expired: "AUTH_CLOCK_TOLERANCE",
  malformed: "",
  algorithm: "AUTH_ALGORITHMS",
  header: "",
  key: "AUTH_JWKS_URL",
  signature: "AUTH_SECRET, AUTH_PUBLIC_KEY, AUTH_PUBLIC_KEY_FILE or AUTH_JWKS_URL",
  issuer: "AUTH_ISSUER",
  audience: "AUTH_AUDIENCE",
  not: "AUTH_CLOCK_TOLERANCE",
  claims: "",
  revoked: "",
};

/** Makes the log of one service; at most one line a second. `now` is for tests. */
export function createRefusedTokenLog(
  log: Logger,
  now?: () => number,
): (refusal: Fault) => void {
  const throttle = new LogThrottle(now);
  const counter = events("hopwire.tokens.refused");
  return ({ code, message }) => {
    // An unavailable key set is logged where the fetch fails.
    if (code !== "unauthorized" && code !== "token_expired") return;
    // The detail stands after the sentence of the code; a claim's value is in none.
    const detail = code === "token_expired" ? "expired" : message.replace(/^[^:]*: ?/, "");
    const word = detail.split(/[ :]/)[0]!;
    const reason = Object.hasOwn(SETTINGS, word) ? word : "other";
    counter.add(1, { reason });
    throttle.run((suppressed) => {
      const setting = SETTINGS[reason] ?? "";
      log.warn("refused a token", {
        reason: detail,
        ...(setting === "" ? {} : { setting }),
        suppressed,
      });
    });
  };
}
