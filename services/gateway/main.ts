/**
 * The gateway: WebSocket in front, NATS behind. Any number of processes.
 *
 * @module
 */
import type { Server } from "node:http";
import { runService } from "../kit/mod.ts";
import { GATEWAY_CONFIG } from "./config.ts";
import { addDemoRoutes } from "./demo.ts";
import { startGateway } from "./gateway.ts";
import { listen } from "./http.ts";

let server: Server;

await runService({
  name: "gateway",
  config: GATEWAY_CONFIG,
  async listen(app, config, log) {
    if (config.DEMO) addDemoRoutes(app, config.DEMO_TOKEN_URL);
    server = await listen(app, {
      host: config.HOST,
      port: config.PORT,
      reusePort: config.REUSE_PORT,
    });
    log.info("listening", { address: server.address() });
    return () => void server.close();
  },
  start: (context, config) => startGateway(context, config, server),
});
