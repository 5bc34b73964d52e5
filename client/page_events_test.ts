import assert from "node:assert/strict";
import { connectedClient } from "./test_client.ts";

/** Replaces globals that only a page has while `run` runs. */
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

Deno.test("the client reacts at once when the network returns or the page becomes visible", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  await withGlobals({ document, navigator: { onLine: true } }, async () => {
    const { clock, sockets, hop } = await connectedClient();
    const { navigator } = globalThis as unknown as { navigator: { onLine: boolean } };
    navigator.onLine = false;
    globalThis.dispatchEvent(new Event("offline"));
    assert.equal(hop.state, "waiting");
    navigator.onLine = true;
    globalThis.dispatchEvent(new Event("online"));
    await clock.advance(0);
    assert.equal(sockets.length, 2);
    sockets[1]!.accept();
    const pings = sockets[1]!.sentOf("ping").length;
    await clock.advance(1);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets[1]!.sentOf("ping").length, pings);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets[1]!.sentOf("ping").length, pings + 1);
    // The link did not survive the sleep.
    await clock.advance(3_000);
    assert.equal(hop.state, "waiting");
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(0);
    assert.equal(sockets.length, 3);
    hop.close();
    globalThis.dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(100_000);
    assert.equal(sockets.length, 3, "a closed client ignores page events");
  });
});
