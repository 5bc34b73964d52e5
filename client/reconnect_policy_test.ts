import assert from "node:assert/strict";
import { Hopwire, type StateEvent } from "./mod.ts";
import { FakeClock } from "./test_clock.ts";
import { fakeSockets } from "./test_socket.ts";

Deno.test("backoff starts over after a stable connection; the server's wait and close codes apply", async () => {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const waits: StateEvent[] = [];
  const hop = new Hopwire("ws://nowhere", {
    token: () => "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    random: () => 0.5,
  });
  hop.on("state", (event) => event.state === "waiting" && waits.push(event));
  const disconnect = async (code?: number) => {
    sockets.at(-1)!.disconnect(code);
    await clock.advance(60_000);
  };
  await clock.advance(0);
  sockets.at(-1)!.accept();
  await clock.advance(1_000);
  await disconnect();
  sockets.at(-1)!.accept();
  await disconnect(4104);
  assert.deepEqual(waits.map(({ retryIn }) => retryIn).slice(0, 2), [500, 1_000]);
  waits.length = 0;
  sockets.at(-1)!.accept();
  await clock.advance(6_000);
  sockets.at(-1)!.receive({ type: "reconnect", after: 730 });
  sockets.at(-1)!.disconnect(4100, "Draining");
  assert.deepEqual(waits, [
    { state: "waiting", transport: "websocket", reason: "Draining", retryIn: 730 },
  ]);
  await clock.advance(730);
  // The first refusal of a token leads to an attempt with a fresh one at once; the second is final.
  const attempts = sockets.length;
  sockets.at(-1)!.open();
  sockets.at(-1)!.disconnect(4002, "Token expired");
  await clock.advance(0);
  assert.equal(sockets.length, attempts + 1);
  sockets.at(-1)!.open();
  sockets.at(-1)!.receive({ type: "error", code: "token_expired", message: "Token expired" });
  sockets.at(-1)!.disconnect(4002, "Token expired");
  await clock.advance(100_000);
  assert.equal(sockets.length, attempts + 1);
  assert.equal(hop.state, "closed");
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("close codes decide whether the client reconnects", async () => {
  for (
    const [code, state] of [
      [1000, "waiting"],
      [1001, "waiting"],
      [1003, "closed"],
      [1006, "waiting"],
      [1007, "closed"],
      [1009, "closed"],
      [1011, "waiting"],
      [4003, "closed"],
      [4004, "closed"],
      [4005, "closed"],
      [4100, "waiting"],
      [4101, "waiting"],
      [4102, "waiting"],
      [4103, "waiting"],
      [4104, "waiting"],
    ] as const
  ) {
    const clock = new FakeClock();
    const { WebSocket, sockets } = fakeSockets();
    const hop = new Hopwire("ws://nowhere", { token: "t", WebSocket, clock });
    await clock.advance(0);
    sockets[0]!.accept();
    sockets[0]!.disconnect(code);
    assert.equal(hop.state, state, `${code}`);
    hop.close();
  }
});
