import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody } from "./http_body.ts";

Deno.test("bodies are read completely, within the limit of each and the limit of all", async () => {
  const server = createServer(async (request, response) => {
    const body = await readBody(request, 100_000);
    response.end(
      JSON.stringify(body === null ? "disconnected" : "text" in body ? body.text.length : body),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const post = async (body: BodyInit) => {
    const response = await fetch(url, { method: "POST", body });
    return await response.json();
  };
  try {
    assert.equal(await post(""), 0);
    assert.equal(await post("x".repeat(50_000)), 50_000);
    // In many small parts.
    const pieces = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 2_000; i++) controller.enqueue(new TextEncoder().encode("é"));
        controller.close();
      },
    });
    assert.equal(await post(pieces), 2_000);
    assert.match(JSON.stringify(await post("x".repeat(600_000))), /too_large|unavailable/);
    assert.match(JSON.stringify(await post("x".repeat(200_000))), /unavailable/);
    assert.match(JSON.stringify(await post(new Uint8Array([0xff]))), /not UTF-8/);
    // A body that was read or refused no longer counts towards the limit of all.
    for (let i = 0; i < 20; i++) assert.equal(await post("x".repeat(60_000)), 60_000);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
