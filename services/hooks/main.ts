/**
 * Webhooks: tells back-ends by HTTP what happens in rooms. Any number of instances may run; one works.
 *
 * @module
 */
import { HOOKS_STREAM } from "../contract/mod.ts";
import { createLogger, runService } from "../kit/mod.ts";
import { HOOKS_CONFIG } from "./config.ts";
import { type EndpointsFile, followEndpoints } from "./endpoints_file.ts";
import { type Hooks, startHooks } from "./hooks.ts";

let file: EndpointsFile;
let hooks: Hooks | undefined;

await runService({
  name: "hooks",
  description: "Tells back-ends by HTTP what happens in rooms.",
  config: HOOKS_CONFIG,
  clockStream: HOOKS_STREAM,
  routes(_, config) {
    // Before NATS is needed: a wrong file ends the process at once.
    const log = createLogger("hooks", { level: config.LOG_LEVEL, format: config.LOG_FORMAT });
    file = followEndpoints(
      config.WEBHOOKS_FILE,
      log,
      (endpoints) => hooks?.changed(endpoints),
    );
  },
  async start(context, config) {
    hooks = await startHooks(context, config, file);
  },
});
