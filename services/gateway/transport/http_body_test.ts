import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { bodyOf } from "./http_body.ts";

Deno.test("bodies are whole, each within its limit, and all of them within one", async () => {
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request, 100_000);
    response.end(JSON.stringify(body === null ? "gone" : "text" in body ? body.text.length : body));
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
    // Byte by byte.
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
    // What was refused or read is given back.
    for (let i = 0; i < 20; i++) assert.equal(await post("x".repeat(60_000)), 60_000);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
