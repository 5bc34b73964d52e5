import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { freePort } from "../../tests/harness/ports.ts";
import { startProcess } from "../../tests/harness/process.ts";
import { until } from "../../tests/harness/wait.ts";

Deno.test("a service is ready once NATS knows what it answers, not before", async () => {
  await using nats = await startNats();
  const url = `http://127.0.0.1:${freePort()}`;
  const fixture = new URL("service_fixture.ts", import.meta.url).pathname;
  await using service = startProcess(Deno.execPath(), ["run", "--frozen", "-A", fixture], {
    env: { NATS_URL: nats.url, HOST: "127.0.0.1", PORT: new URL(url).port, LOG_FORMAT: "json" },
  });
  const ready = async () => {
    const response = await fetch(`${url}/readyz`);
    const text = await response.text();
    return response.ok ? "ready" : text;
  };
  await until(
    "the service to wait for its start",
    async () => /started/.test(await ready().catch(() => "")) && !/nats/.test(await ready()),
  );
  await nats.process.stop();
  await (await fetch(`${url}/go`, { method: "POST" })).body?.cancel();
  await service.line("subscribed");
  assert.match(await ready(), /started/);
  nats.process.signal("SIGCONT");
  await until("the service to be ready", async () => await ready() === "ready");
  service.signal("SIGTERM");
  assert.equal((await service.status()).code, 0, service.output.join("\n"));
});
