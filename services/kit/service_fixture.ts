/**
 * A service that starts when `POST /go` asks it to. For the test of what being ready means.
 *
 * @module
 */
import { runService } from "./service.ts";

const asked = Promise.withResolvers<void>();

await runService({
  name: "fixture",
  config: {},
  routes: (app) =>
    app.post("/go", (context) => {
      asked.resolve();
      return context.body(null, 204);
    }),
  async start({ bus, log }) {
    await asked.promise;
    bus.nats.subscribe("fixture.calls", { callback: () => {} });
    log.info("subscribed");
  },
});
