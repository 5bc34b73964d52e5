/** Asking all gateways: an answer is complete where all have answered or none runs, and not where nobody knows. */
import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import { GATEWAY_ALIVE, GatewayState } from "../contract/mod.ts";
import { connectBus, createLogger, ROOT_CONTEXT } from "../kit/mod.ts";
import { followGateways } from "./gateways.ts";

Deno.test("an answer says whether all gateways have answered, also after an outage of NATS", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const connect = () => connectBus({ url: server.url, name: "test", log });
  const [bus, other] = [await connect(), await connect()];
  let time = 0;
  const gateways = await followGateways(bus, () => time);
  const ask = () => gateways.ask(GatewayState, {}, { timeLeft: 200, context: ROOT_CONTEXT });
  try {
    assert.deepEqual(await ask(), { replies: [], complete: true });
    const state = { gateway: "0123456789abcdef", connections: 3, users: 2, rooms: 1 };
    other.nats.subscribe(GatewayState.subject, {
      callback: (_error, message) => void message.respond(JSON.stringify(state)),
    });
    await other.nats.flush();
    // It runs, but has not said so yet.
    assert.deepEqual(await ask(), { replies: [state], complete: false });
    other.nats.publish(
      GATEWAY_ALIVE,
      JSON.stringify({ gateway: state.gateway, lease: 3_500 }),
    );
    await until("a complete answer", async () => (await ask()).complete);
    await server.kill();
    await until("the outage", () => !bus.connected);
    // Its lease has ended meanwhile.
    time += 4_000;
    await assert.rejects(ask(), /unreachable/);
  } finally {
    gateways.close();
    await Promise.all([bus.nats.close(), other.nats.close()]);
  }
});
