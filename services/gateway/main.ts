/**
 * The gateway: WebSocket (or HTTP) in front, NATS behind. Any number of processes.
 *
 * @module
 */
import { runService } from "../kit/mod.ts";
import { GATEWAY_CONFIG } from "./config.ts";
import { addDemoRoutes } from "./demo.ts";
import { startGateway } from "./gateway.ts";
import { type Front, listen } from "./http.ts";

let front: Front;

await runService({
  name: "gateway",
  config: GATEWAY_CONFIG,
  async listen(app, config, log) {
    if (config.DEMO) addDemoRoutes(app, config.DEMO_TOKEN_URL);
    front = await listen(app, {
      host: config.HOST,
      port: config.PORT,
      reusePort: config.REUSE_PORT,
    });
    log.info("listening", { address: front.server.address() });
    return () => void front.server.close();
  },
  start: (context, config) => startGateway(context, config, front),
});
