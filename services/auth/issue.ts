/**
 * Signs tokens for the HTTP API. Only the API's user of NATS may ask, and the secret stays here: whoever gets
 * hold of the API can have tokens signed as long as that lasts, but takes no secret away.
 *
 * @module
 */
import { AuthIssue, MAX_TOKEN_LENGTH, nameProblem } from "../contract/mod.ts";
import { type Bus, FaultError, serve } from "../kit/mod.ts";
import type { AuthConfig, KeySource } from "./config.ts";
import { signToken } from "./sign_token.ts";

/** Serves {@link AuthIssue}. */
export function serveIssue(bus: Bus, config: AuthConfig, source: KeySource): void {
  serve(bus, AuthIssue, "auth", async ({ userId, username, rooms, calls = [], ttl }) => {
    if (source.kind !== "secret") {
      throw new FaultError("forbidden", "auth has no secret to sign with: others issue the tokens");
    }
    for (const [field, name] of Object.entries({ userId, username: username ?? "" })) {
      const problem = nameProblem(name);
      if (problem !== undefined) throw new FaultError("invalid_format", `${field}: ${problem}`);
    }
    const content = { userId, username: username || userId, rooms, calls, ttl };
    const signed = await signToken(content, config, source.secret);
    if (signed.token.length <= MAX_TOKEN_LENGTH) return signed;
    throw new FaultError("too_large", `the token would be longer than ${MAX_TOKEN_LENGTH}`);
  });
}
