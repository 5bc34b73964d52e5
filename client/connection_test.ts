import assert from "node:assert/strict";
import { Hopwire } from "./mod.ts";
import { connectedClient } from "./test_client.ts";
import { FakeClock } from "./test_clock.ts";
import { countListeners } from "./test_listeners.ts";
import { fakeSockets } from "./test_socket.ts";

Deno.test("an attempt times out while it waits for the token or for the server", async () => {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const signals: AbortSignal[] = [];
  const hop = new Hopwire("ws://nowhere", {
    token: (
      { signal },
    ) => (signals.push(signal), signals.length === 1 ? new Promise(() => {}) : "t"),
    transports: ["websocket"],
    WebSocket,
    clock,
    random: () => 0,
    connectTimeout: 8_000,
  });
  await clock.advance(7_999);
  assert.equal(signals[0]!.aborted, false);
  await clock.advance(1);
  assert.equal(signals[0]!.aborted, true);
  assert.equal(sockets.length, 1);
  await clock.advance(8_000);
  assert.equal(sockets[0]!.readyState, 3);
  assert.equal(sockets.length, 2);
  // Frames from the abandoned attempt are ignored.
  sockets[0]!.accept();
  assert.notEqual(hop.state, "connected");
  sockets[1]!.accept();
  assert.equal(hop.state, "connected");
  hop.close();
});

Deno.test("closing from a state listener leaves no timers and no sockets", async () => {
  for (const state of ["connecting", "connected", "waiting"]) {
    const clock = new FakeClock();
    const { WebSocket, sockets } = fakeSockets();
    const hop = new Hopwire("ws://nowhere", { token: "t", WebSocket, clock });
    hop.on("state", (event) => event.state === state && hop.close());
    await clock.advance(0);
    sockets[0]?.accept();
    sockets[0]?.disconnect();
    await clock.advance(100_000);
    assert.equal(hop.state, "closed", state);
    assert.equal(clock.pendingTimers, 0, state);
    assert.ok(sockets.length <= 1, state);
  }
});

Deno.test("a closed client removes its listener from the caller's signal", async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const listeners = countListeners(signal);
  const { hop } = await connectedClient({ signal });
  assert.equal(listeners(), 1);
  hop.close();
  assert.equal(listeners(), 0);
});
