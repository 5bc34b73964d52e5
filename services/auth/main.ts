/**
 * The auth service: verifies tokens; for development it also issues them. Any number of instances.
 *
 * @module
 */
import { AuthVerify } from "../contract/mod.ts";
import { runService, serve } from "../kit/mod.ts";
import { AUTH_CONFIG, type KeySource, keySourceOf } from "./config.ts";
import { addTokenRoute } from "./dev_tokens.ts";
import { createKeys } from "./keys.ts";
import { createVerifier } from "./verify.ts";

let source: KeySource;

await runService({
  name: "auth",
  config: AUTH_CONFIG,
  routes(app, config) {
    // Here rather than in start: a wrong configuration is refused without waiting for NATS.
    source = keySourceOf(config);
    if (config.AUTH_DEV_TOKENS && source.kind === "secret") {
      addTokenRoute(app, config, source.secret);
    }
  },
  async start({ bus, log }, config) {
    if (config.AUTH_DEV_TOKENS) {
      log.warn("development tokens are on: POST /token signs a token for anybody who asks");
    }
    const verifyToken = createVerifier(config, await createKeys(source, log), log);
    serve(bus, AuthVerify, "auth", ({ token }) => verifyToken(token));
  },
});
