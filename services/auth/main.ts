/**
 * The auth service: verifies tokens, and issues them for development. Any number of instances may
 * run.
 *
 * @module
 */
import { AuthVerify, DENIALS_STREAM } from "../contract/mod.ts";
import { runService, serve } from "../kit/mod.ts";
import { AUTH_CONFIG, type KeySource, keySourceOf } from "./config.ts";
import { addTokenRoute, warnOfDevTokens } from "./dev_tokens.ts";
import { serveIssue } from "./issue.ts";
import { createKeyGetter } from "./keys.ts";
import { createRefusedTokenLog } from "./refused_token_log.ts";
import { serveRevocations } from "./revocations.ts";
import { createVerifier } from "./verify.ts";
import { verifyBatch } from "./verify_batch.ts";

let source: KeySource;

await runService({
  name: "auth",
  description: "Verifies tokens, and keeps revocations and bans.",
  config: AUTH_CONFIG,
  clockStream: DENIALS_STREAM,
  routes(app, config) {
    // Here rather than in start: reports a wrong configuration without waiting for NATS.
    source = keySourceOf(config);
    if (config.AUTH_DEV_TOKENS && source.kind === "secret") {
      addTokenRoute(app, config, source.secret);
    }
  },
  async start({ bus, log, health, onDrain }, config) {
    warnOfDevTokens(config, log);
    const revocations = serveRevocations(bus, config);
    health.require("revocations", () => revocations.isFresh());
    onDrain(() => revocations.stop());
    const keys = await createKeyGetter(source, log);
    const verifyToken = revocations.check(createVerifier(config, keys, log));
    serveIssue(bus, config, source);
    const refused = createRefusedTokenLog(log);
    serve(bus, AuthVerify, "auth", (request) => verifyBatch(request, verifyToken, refused));
  },
});
