/**
 * The HTTP API for back-ends: what clients and operators do over WebSocket and NATS, as requests with an
 * API key. Any number of instances may run.
 *
 * @module
 */
import { ROOMS_STREAM } from "../contract/mod.ts";
import { createLogger, readNamespaces, runService } from "../kit/mod.ts";
import { type Api, createApi } from "./api.ts";
import { API_CONFIG } from "./config.ts";

let api: Api;

await runService({
  name: "api",
  description: "The HTTP API for back-ends.",
  config: API_CONFIG,
  clockStream: ROOMS_STREAM,
  routes(app, config) {
    const log = createLogger("api", { level: config.LOG_LEVEL, format: config.LOG_FORMAT });
    api = createApi(config, log);
    api.addRoutes(app);
  },
  async start(context, config) {
    await api.connect(context, await readNamespaces(config.NAMESPACES_FILE));
  },
});
