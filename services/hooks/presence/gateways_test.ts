/** The warning of gateways without STATE_CONNECTIONS. */
import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { GATEWAY_ALIVE, type WebhookEndpoint } from "../../contract/mod.ts";
import { connectBus, createLogger } from "../../kit/mod.ts";
import { warnOfGateways } from "./gateways.ts";

Deno.test("a gateway without STATE_CONNECTIONS is warned of once, and only where it matters", async () => {
  await using server = await startNats();
  const lines: string[] = [];
  const log = createLogger("test", { format: "text", write: (line) => void lines.push(line) });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const warnings = warnOfGateways(bus);
  const heard = Promise.withResolvers<void>();
  bus.nats.subscribe("end", { callback: () => heard.resolve() });
  const beat = (gateway: string, connections?: boolean) =>
    bus.send(GATEWAY_ALIVE, JSON.stringify({ gateway, lease: 3_500, connections }));
  const warned = () =>
    lines.flatMap((line) => /STATE_CONNECTIONS gateway=(\w+)/.exec(line)?.[1] ?? []);

  const endpoint = { events: ["room.message"] } as WebhookEndpoint;
  warnings.set([endpoint]);
  beat("before", false);
  await bus.nats.flush();
  warnings.set([endpoint, { ...endpoint, events: ["user.connected"] }]);
  for (const gateway of ["a", "a", "b"]) beat(gateway, false);
  beat("good", true);
  beat("earlier");
  // The bound: after a thousand others it is warned of again.
  for (let i = 0; i < 1_000; i++) beat(`many${i}`, false);
  beat("a", false);
  bus.send("end", "");
  await until("all heartbeats", () => heard.promise.then(() => true));
  assert.deepEqual(warned().filter((name) => !name.startsWith("many")), ["a", "b", "a"]);
  warnings.stop();
  await bus.drain();
});
