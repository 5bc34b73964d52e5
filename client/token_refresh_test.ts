import assert from "node:assert/strict";
import { connectedClient } from "./test_client.ts";

Deno.test("a token is refreshed a minute before it expires, or halfway if it is short-lived", async () => {
  for (
    const [lifetime, wait] of [[3_600_000, 3_540_000], [90_000, 45_000], [10_000, 5_000]] as const
  ) {
    let supplied = 0;
    const { clock, sockets, hop } = await connectedClient({
      token: () => `t${supplied++}`,
      pingTimeout: 1e9,
    });
    sockets[0]!.receive({ type: "authenticated", expiresAt: Date.now() + lifetime });
    await clock.advance(wait - 1_000);
    assert.equal(supplied, 1, `${lifetime}`);
    // The server warns when a minute is left: at once if the token lives for less.
    if (lifetime < 60_000) sockets[0]!.receive({ type: "token-expiring", expiresAt: 0 });
    await clock.advance(1_500);
    assert.equal(supplied, 2, `${lifetime}`);
    assert.deepEqual(sockets[0]!.sentOf("auth").at(-1), { type: "auth", token: "t1", id: "~" });
    assert.equal(sockets.length, 1);
    hop.close();
  }
});

Deno.test("a wrong device clock causes no refresh loop, and a failed refresh is retried", async () => {
  let supplied = 0;
  const wrongClock = await connectedClient({ token: () => `t${supplied++}`, pingTimeout: 1e9 });
  wrongClock.sockets[0]!.receive({ type: "authenticated", expiresAt: Date.now() - 3_600_000 });
  await wrongClock.clock.advance(600_000);
  assert.equal(supplied, 1);
  // The server's clock is right, so its warning counts.
  wrongClock.sockets[0]!.receive({ type: "token-expiring", expiresAt: 0 });
  await wrongClock.clock.advance(0);
  assert.equal(supplied, 2);
  wrongClock.hop.close();

  supplied = 0;
  let works = true;
  const { clock, sockets, hop } = await connectedClient({
    token: () => {
      supplied++;
      if (!works) throw new Error("unavailable");
      return "t";
    },
    pingTimeout: 1e9,
  });
  const errors: unknown[] = [];
  hop.on("error", (error) => errors.push(error));
  sockets[0]!.receive({ type: "authenticated", expiresAt: Date.now() + 120_000 });
  works = false;
  await clock.advance(61_000);
  assert.ok(errors.length >= 1);
  works = true;
  await clock.advance(15_000);
  assert.equal(sockets[0]!.sentOf("auth").length, 2);
  assert.equal(hop.state, "connected");
  hop.close();
});
