/**
 * The gateway: clients connect to it by WebSocket or HTTP, and it forwards their frames to NATS. Any
 * number of gateways may run.
 *
 * @module
 */
import { runService } from "../kit/mod.ts";
import { GATEWAY_CONFIG } from "./config.ts";
import { addDemoRoutes } from "./demo.ts";
import { startGateway } from "./gateway.ts";
import { createHttpServer, type HttpServer } from "./transport/http_server.ts";

let http: HttpServer;

await runService({
  name: "gateway",
  config: GATEWAY_CONFIG,
  async listen(app, config, log) {
    if (config.DEMO) addDemoRoutes(app, config.DEMO_TOKEN_URL);
    const { HOST: host, PORT: port, REUSE_PORT: reusePort } = config;
    http = createHttpServer(app, { host, port, reusePort }, log);
    // A gateway that shares its port listens once it can serve: see startGateway.
    if (!reusePort) await http.listen();
    return () => void http.server.close();
  },
  start: (context, config) => startGateway(context, config, http),
});
