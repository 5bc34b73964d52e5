/**
 * The gateway: clients connect to it by WebSocket or HTTP, and it forwards their frames to NATS. Any
 * number of gateways may run.
 *
 * @module
 */
import { ROOMS_STREAM } from "../contract/mod.ts";
import { runService } from "../kit/mod.ts";
import { GATEWAY_CONFIG } from "./config.ts";
import { addDemoRoutes } from "./demo.ts";
import { addDocumentRoutes } from "./documents.ts";
import { startGateway } from "./gateway.ts";
import { serveHealthPort } from "./transport/health_port.ts";
import { createHttpServer, type HttpServer } from "./transport/http_server.ts";

/** How long the rest of a drain takes at most: acks that are under way, and the last closes. */
const DRAIN_REST_MS = 12_000;

let http: HttpServer;

await runService({
  name: "gateway",
  description: "Connects clients over WebSocket and HTTP to the bus.",
  config: GATEWAY_CONFIG,
  clockStream: ROOMS_STREAM,
  drainDeadline: ({ DRAIN_WINDOW_MS }) => DRAIN_WINDOW_MS + DRAIN_REST_MS,
  async listen(app, config, log) {
    if (config.DEMO) {
      addDemoRoutes(app, { tokenUrl: config.DEMO_TOKEN_URL, monitorUrl: config.DEMO_MONITOR_URL });
    }
    if (config.API_DOCS ?? config.DEMO) addDocumentRoutes(app);
    http = await createHttpServer(app, config, log);
    await serveHealthPort(app, config, log);
    // A gateway that shares its port listens once it can serve: see startGateway.
    if (!config.REUSE_PORT) await http.listen();
    return () => http.close();
  },
  start: (context, config) => startGateway(context, config, http),
});
