/** A service of one's own that floods harms nobody else. */
import assert from "node:assert/strict";
import { startOwnService } from "../harness/own_service.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { declaration } from "./kit/warden_declaration.ts";

/** How much of each kind the service sends at once: five times what it may have waiting. */
const COUNT = 5_000;

Deno.test("a service that floods rooms and users harms nobody else", async () => {
  await using system = await startSystem({ own: [declaration] });
  await using _warden = await startOwnService(system, declaration, {
    main: "tests/scenarios/kit/warden.ts",
  });
  const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
  bob.send({ type: "subscribe", room: "calm.a" });
  ann.send({ type: "subscribe", room: "flood.a" });
  await Promise.all([bob.take("subscribed"), ann.take("subscribed")]);
  const data = { room: "flood.a", userId: "ann", count: COUNT };
  bob.send({
    type: "call",
    service: "warden",
    method: "flood",
    data,
    id: "flood",
    timeout: 30_000,
  });
  await ann.take("room-message");

  // While it floods, others talk, call, and read.
  for (let n = 0; n < 20; n++) {
    bob.send({ type: "message", room: "calm.a", content: n, id: `m-${n}` });
    assert.equal((await bob.answer(`m-${n}`)).type, "ack");
  }
  const may = { room: "calm.a", method: "may" };
  bob.send({ type: "call", service: "warden", method: "may", data: may, id: "may" });
  assert.equal((await bob.answer("may")).type, "result");

  const answer = await bob.answer("flood", 40_000);
  assert.ok(answer.type === "result", JSON.stringify(answer));
  const { stored, refused } = answer.data as { stored: number; refused: Record<string, number> };
  // What waits to be stored is bounded. A slow machine refuses the rest; nothing is lost without a word.
  assert.ok(Object.keys(refused).every((code) => code === "unavailable"), JSON.stringify(refused));
  assert.equal(stored + (refused.unavailable ?? 0), COUNT);
  assert.ok(stored >= 1_024, `${stored} were stored`);
  assert.equal(bob.closed, undefined);
  const calm = bob.frames.filter((frame) => frame.type === "room-message");
  assert.deepEqual(calm.map(({ content }) => content), Array.from({ length: 20 }, (_, n) => n));
  // Whoever is flooded gets it or is closed as a slow reader; what is acknowledged is in the room.
  bob.send({ type: "subscribe", room: "flood.a" });
  await bob.take("subscribed", ({ room }) => room === "flood.a");
  await until("history to have the last message", async () => {
    const id = crypto.randomUUID();
    bob.send({ type: "history", room: "flood.a", limit: 1, id });
    const page = await bob.answer(id);
    assert.ok(page.type === "history", JSON.stringify(page));
    return page.messages.length === 1;
  });
});
