import assert from "node:assert/strict";
import { Hopwire } from "./mod.ts";
import { FakeClock } from "./test_clock.ts";
import { fakeSockets } from "./test_socket.ts";

/** Returns a `fetch` that plays a server without WebSocket. It accepts every token. */
function httpServer(): typeof fetch {
  return (input, init) => {
    const path = new URL(String(input)).pathname;
    if (path === "/base/send") return Promise.resolve(new Response(null, { status: 204 }));
    const events = 'event: open\ndata: {"session":"s"}\n\n' +
      'data: {"type":"authenticated","userId":"ann","username":"Ann","expiresAt":null}\n\n';
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(events));
        init?.signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    });
    return Promise.resolve(new Response(stream));
  };
}

/** Lets seconds pass. The client's `import` of the fallback, which takes real time, takes none of them. */
async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    await clock.advance(1_000);
    await import("./http_link.ts");
  }
}

Deno.test("a WebSocket that opens and passes nothing through counts as blocked", async () => {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets((socket) => queueMicrotask(() => socket.open()));
  const hop = new Hopwire("https://chat.example/base", {
    token: "t",
    transports: ["websocket", "sse"],
    WebSocket,
    fetch: httpServer(),
    clock,
    random: () => 0,
    pingTimeout: 1e9,
  });
  await pass(clock, 40);
  assert.deepEqual([hop.state, hop.transport], ["connected", "sse"]);
  // Two attempts and one probe.
  assert.equal(sockets.length, 3);
  hop.close();
  assert.ok(sockets.every(({ readyState }) => readyState === 3), "every socket is closed");
});

Deno.test("WebSocket is not probed if it is not an allowed transport", async () => {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const hop = new Hopwire("https://chat.example/base", {
    token: "t",
    transports: ["poll", "sse"],
    WebSocket,
    fetch: (input, init) =>
      String(input).endsWith("/poll")
        ? Promise.resolve(new Response("blocked", { status: 403 }))
        : httpServer()(input, init),
    clock,
    random: () => 0,
    pingTimeout: 1e9,
  });
  await pass(clock, 20);
  // A proxy's 403 blocks one transport. Only the server's own 403 ends the client.
  assert.deepEqual([hop.state, hop.transport, sockets.length], ["connected", "sse", 0]);
  hop.close();
});
