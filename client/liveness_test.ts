import assert from "node:assert/strict";
import { connectedClient } from "./test_client.ts";

Deno.test("a link is dead if no frame arrives after a ping", async () => {
  const { clock, sockets, hop } = await connectedClient({
    pingInterval: 20_000,
    pingTimeout: 10_000,
  });
  const [socket] = sockets;
  assert.equal(socket!.sentOf("ping").length, 1);
  await clock.advance(40);
  socket!.receive({ type: "pong", id: "~" });
  assert.equal(hop.latency, 40);
  await clock.advance(20_000);
  assert.equal(socket!.sentOf("ping").length, 2);
  // Any frame proves that the link is alive.
  socket!.receive({ type: "event", topic: "x", data: 1 });
  await clock.advance(20_000);
  assert.equal(hop.state, "connected");
  assert.equal(socket!.sentOf("ping").length, 3);
  await clock.advance(9_000);
  assert.equal(hop.state, "connected");
  await clock.advance(1_000);
  assert.equal(hop.state, "waiting");
  hop.close();
  assert.equal(clock.pendingTimers, 0);
});
