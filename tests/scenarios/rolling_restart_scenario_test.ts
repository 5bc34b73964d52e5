/** Every gateway is restarted, one after the other, while users talk. Nothing is lost. */
import assert from "node:assert/strict";
import { probe } from "../../services/start/probe.ts";
import { freePort } from "../harness/ports.ts";
import { startSystem } from "../harness/system.ts";
import { startTalkers } from "../harness/talkers.ts";
import { until } from "../harness/wait.ts";

Deno.test("a rolling restart of all gateways under load loses nothing", async () => {
  const port = freePort();
  await using system = await startSystem({
    gateways: 3,
    env: { gateway: { PORT: String(port), REUSE_PORT: "true" } },
  });
  using talkers = await startTalkers({ url: `http://127.0.0.1:${port}`, rooms: 12 });
  for (const gateway of system.gateways) {
    gateway.process.signal("SIGTERM");
    // Its own health port says so, while the others answer on the port that they share.
    await until("the gateway's health port to tell of the drain", async () => {
      return (await probe(gateway.readyUrl)).text.includes("not draining");
    });
    assert.ok((await probe(`http://127.0.0.1:${port}/readyz`)).ok);
    const { code } = await gateway.process.status(60_000);
    assert.equal(code, 0, gateway.process.output.slice(-5).join("\n"));
    await gateway.restart();
    await gateway.ready();
    await talkers.talkOn();
  }
  assert.ok(await talkers.judge() > 0, "nobody was moved");
});
