import assert from "node:assert/strict";
import { Hopwire, type HopwireOptions } from "./mod.ts";
import { fakeClient, FakeClock, fakeSockets } from "./test_clock.ts";
import { countListeners } from "./test_listeners.ts";

/** A client that is connected, and what it is made of. */
async function connected(options: Partial<HopwireOptions> = {}) {
  const client = fakeClient("https://chat.example/base/ws?x=1", { random: () => 1, ...options });
  await client.clock.move(0);
  client.sockets[0]!.accept();
  return client;
}

/** Gives the page things it has not here, while something runs. */
async function withGlobals(values: Record<string, unknown>, run: () => Promise<void>) {
  const before = Object.keys(values).map((name) =>
    [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const
  );
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    await run();
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) delete (globalThis as Record<string, unknown>)[name];
      else Object.defineProperty(globalThis, name, descriptor);
    }
  }
}

Deno.test("the address is made of whatever names the server", async () => {
  const { sockets, hop } = await connected();
  assert.equal(sockets[0]!.url, "wss://chat.example/base/ws");
  assert.deepEqual(sockets[0]!.sent[0], { type: "auth", token: "t", id: "~" });
  hop.close();
});

Deno.test("pings are sent, answered or not: without anything heard the link is dead", async () => {
  const { clock, sockets, hop } = await connected({ pingInterval: 20_000, pingTimeout: 10_000 });
  const [socket] = sockets;
  assert.equal(socket!.of("ping").length, 1);
  await clock.move(40);
  socket!.give({ type: "pong", id: "~" });
  assert.equal(hop.latency, 40);
  await clock.move(20_000);
  assert.equal(socket!.of("ping").length, 2);
  // Anything will do.
  socket!.give({ type: "event", topic: "x", data: 1 });
  await clock.move(20_000);
  assert.equal(hop.state, "connected");
  assert.equal(socket!.of("ping").length, 3);
  await clock.move(9_000);
  assert.equal(hop.state, "connected");
  await clock.move(1_000);
  assert.equal(hop.state, "waiting");
  hop.close();
  assert.equal(clock.waiting, 0);
});

Deno.test("a network that is back, or somebody who looks, is reacted to at once", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  await withGlobals({ document, navigator: { onLine: true } }, async () => {
    const { clock, sockets, hop } = await connected();
    const { navigator } = globalThis as unknown as { navigator: { onLine: boolean } };
    navigator.onLine = false;
    globalThis.dispatchEvent(new Event("offline"));
    assert.equal(hop.state, "waiting");
    navigator.onLine = true;
    globalThis.dispatchEvent(new Event("online"));
    await clock.move(0);
    assert.equal(sockets.length, 2);
    sockets[1]!.accept();
    const pings = sockets[1]!.of("ping").length;
    await clock.move(1);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets[1]!.of("ping").length, pings);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets[1]!.of("ping").length, pings + 1);
    // It did not outlive the sleep.
    await clock.move(3_000);
    assert.equal(hop.state, "waiting");
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.move(0);
    assert.equal(sockets.length, 3);
    hop.close();
    globalThis.dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.move(100_000);
    assert.equal(sockets.length, 3, "who is closed listens to nothing any more");
  });
});

Deno.test("a token is refreshed a minute before its end, of a short life halfway", async () => {
  for (const [life, wait] of [[3_600_000, 3_540_000], [90_000, 45_000], [10_000, 5_000]] as const) {
    let given = 0;
    const { clock, sockets, hop } = await connected({
      token: () => `t${given++}`,
      pingTimeout: 1e9,
    });
    sockets[0]!.give({ type: "authenticated", expiresAt: Date.now() + life });
    await clock.move(wait - 1_000);
    assert.equal(given, 1, `${life}`);
    // The server says so as soon as a minute is left: of a short life that is at once.
    if (life < 60_000) sockets[0]!.give({ type: "token-expiring", expiresAt: 0 });
    await clock.move(1_500);
    assert.equal(given, 2, `${life}`);
    assert.deepEqual(sockets[0]!.of("auth").at(-1), { type: "auth", token: "t1", id: "~" });
    assert.equal(sockets.length, 1);
    hop.close();
  }
});

Deno.test("an attempt that hangs is given up, whatever it hangs in", async () => {
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
  await clock.move(7_999);
  assert.equal(signals[0]!.aborted, false);
  await clock.move(1);
  assert.equal(signals[0]!.aborted, true);
  assert.equal(sockets.length, 1);
  await clock.move(8_000);
  assert.equal(sockets[0]!.readyState, 3);
  assert.equal(sockets.length, 2);
  // What the first says now is nobody's.
  sockets[0]!.accept();
  assert.notEqual(hop.state, "connected");
  sockets[1]!.accept();
  assert.equal(hop.state, "connected");
  hop.close();
});

Deno.test("a listener that closes in the midst of it leaves nothing behind", async () => {
  for (const state of ["connecting", "connected", "waiting"]) {
    const clock = new FakeClock();
    const { WebSocket, sockets } = fakeSockets();
    const hop = new Hopwire("ws://nowhere", { token: "t", WebSocket, clock });
    hop.on("state", (event) => event.state === state && hop.close());
    await clock.move(0);
    sockets[0]?.accept();
    sockets[0]?.lose();
    await clock.move(100_000);
    assert.equal(hop.state, "closed", state);
    assert.equal(clock.waiting, 0, state);
    assert.ok(sockets.length <= 1, state);
  }
});

Deno.test("a clock that is wrong makes no storm of tokens, and a token that fails is tried again", async () => {
  let given = 0;
  const ahead = await connected({ token: () => `t${given++}`, pingTimeout: 1e9 });
  ahead.sockets[0]!.give({ type: "authenticated", expiresAt: Date.now() - 3_600_000 });
  await ahead.clock.move(600_000);
  assert.equal(given, 1);
  // The server knows better.
  ahead.sockets[0]!.give({ type: "token-expiring", expiresAt: 0 });
  await ahead.clock.move(0);
  assert.equal(given, 2);
  ahead.hop.close();

  given = 0;
  let works = true;
  const { clock, sockets, hop } = await connected({
    token: () => {
      given++;
      if (!works) throw new Error("away");
      return "t";
    },
    pingTimeout: 1e9,
  });
  const errors: unknown[] = [];
  hop.on("error", (error) => errors.push(error));
  sockets[0]!.give({ type: "authenticated", expiresAt: Date.now() + 120_000 });
  works = false;
  await clock.move(61_000);
  assert.ok(errors.length >= 1);
  works = true;
  await clock.move(15_000);
  assert.equal(sockets[0]!.of("auth").length, 2);
  assert.equal(hop.state, "connected");
  hop.close();
});

Deno.test("who gave a signal is not kept by it once the client is closed", async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const listening = countListeners(signal);
  const { hop } = await connected({ signal });
  assert.equal(listening(), 1);
  hop.close();
  assert.equal(listening(), 0);
});

/** A server that speaks HTTP alone, as `fetch`: its stream opens and accepts every token. */
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

Deno.test("a WebSocket that opens and lets nothing through is no better than none", async () => {
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
  for (let i = 0; i < 40; i++) await clock.move(1_000);
  assert.deepEqual([hop.state, hop.transport], ["connected", "sse"]);
  // Two tries, and the question whether it works after all.
  assert.equal(sockets.length, 3);
  hop.close();
  assert.ok(sockets.every(({ readyState }) => readyState === 3), "none is left open");
});

Deno.test("a WebSocket is not asked for by who does not want one", async () => {
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
  for (let i = 0; i < 20; i++) await clock.move(1_000);
  // What something between forbids is not what the server forbids.
  assert.deepEqual([hop.state, hop.transport, sockets.length], ["connected", "sse", 0]);
  hop.close();
});
