/**
 * The gateway: WebSocket (or HTTP) in front, NATS behind. Any number of processes.
 *
 * @module
 */
import { runService } from "../kit/mod.ts";
import { GATEWAY_CONFIG } from "./config.ts";
import { addDemoRoutes } from "./demo.ts";
import { startGateway } from "./gateway.ts";
import { createFront, type Front } from "./transport/http_server.ts";

let front: Front;

await runService({
  name: "gateway",
  config: GATEWAY_CONFIG,
  async listen(app, config, log) {
    if (config.DEMO) addDemoRoutes(app, config.DEMO_TOKEN_URL);
    const { HOST: host, PORT: port, REUSE_PORT: reusePort } = config;
    front = createFront(app, { host, port, reusePort }, log);
    // Where others listen too, only what can be served is taken from them: see startGateway.
    if (!reusePort) await front.listen();
    return () => void front.server.close();
  },
  start: (context, config) => startGateway(context, config, front),
});
