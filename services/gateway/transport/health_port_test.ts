import assert from "node:assert/strict";
import { Hono } from "hono";
import { addHealthRoutes, ConfigError, createHealth, createLogger } from "../../kit/mod.ts";
import { serveHealthPort } from "./health_port.ts";

const log = createLogger("test", { level: "error" });

Deno.test("the health port answers health checks, and nothing else", async () => {
  const health = createHealth();
  let draining = false;
  health.require("not draining", () => !draining);
  const app = new Hono();
  addHealthRoutes(app, health);
  app.get("/", (c) => c.text("the demo page"));
  const file = await Deno.makeTempFile();
  const options = { HOST: "127.0.0.1", PORT: 8080, HEALTH_PORT: 0, HEALTH_PORT_FILE: file };
  const server = await serveHealthPort(app, options, log);
  const port = Number(await Deno.readTextFile(file));
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await get("/readyz"), [200, '{"status":"ok"}']);
  // As HAProxy asks by default.
  const old = await Deno.connect({ hostname: "127.0.0.1", port });
  await old.write(new TextEncoder().encode("GET /readyz HTTP/1.0\r\n\r\n"));
  assert.match(await new Response(old.readable).text(), /^HTTP\/1\.\d 200 /);
  draining = true;
  assert.deepEqual(await get("/healthz"), [200, '{"status":"ok"}']);
  assert.deepEqual(await get("/readyz"), [
    503,
    '{"status":"not ready","missing":["not draining"]}',
  ]);
  for (const path of ["/", "/ws", "/poll"]) assert.deepEqual(await get(path), [404, ""]);
  await assert.rejects(
    serveHealthPort(app, { HOST: "127.0.0.1", PORT: 8080, HEALTH_PORT: port }, log),
    new RegExp(`^Error: HEALTH_PORT: cannot listen on 127.0.0.1:${port}: `),
  );
  server!.closeAllConnections();
  await new Promise((resolve) => server!.close(resolve));
  await Deno.remove(file);
});

Deno.test("settings of the health port that contradict each other are errors", async () => {
  const refused = async (options: { HEALTH_PORT?: number; HEALTH_PORT_FILE?: string }) => {
    const error = await serveHealthPort(
      new Hono(),
      { HOST: "127.0.0.1", PORT: 8080, ...options },
      log,
    ).catch((error) => error);
    assert.ok(error instanceof ConfigError);
    return error.message;
  };
  assert.match(await refused({ HEALTH_PORT: 8080 }), /^HEALTH_PORT: is the port of clients/);
  assert.match(await refused({ HEALTH_PORT_FILE: "/tmp/x" }), /^HEALTH_PORT_FILE: HEALTH_PORT /);
});
