/**
 * Monitor: receives the telemetry of every service, keeps the last minutes of it, and shows where the
 * time of a message went.
 *
 * @module
 */
import { ROOMS_STREAM } from "../contract/mod.ts";
import { createLogger, readNamespaces, runService } from "../kit/mod.ts";
import { MONITOR_CONFIG } from "./config.ts";
import { createMonitor, type Monitor } from "./monitor.ts";

let monitor: Monitor;

await runService({
  name: "monitor",
  description: "Receives telemetry, and shows where the time of messages goes.",
  config: MONITOR_CONFIG,
  clockStream: ROOMS_STREAM,
  routes(app, config) {
    const log = createLogger("monitor", { level: config.LOG_LEVEL, format: config.LOG_FORMAT });
    if (config.MONITOR_TOKEN === undefined && !config.MONITOR_REMOTE && !isLocal(config.HOST)) {
      log.warn("only this machine may use monitor: set MONITOR_TOKEN", { host: config.HOST });
    }
    monitor = createMonitor(config, log);
    monitor.addRoutes(app);
  },
  async start(context, config) {
    monitor.connect(context, await readNamespaces(config.NAMESPACES_FILE));
  },
});

function isLocal(host: string): boolean {
  return /^(127\.|localhost$|::1$)/.test(host);
}
