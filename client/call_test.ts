import assert from "node:assert/strict";
import { joinedRoom } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("calls that are aborted, too large or late do not disturb others", async () => {
  const { clock, hop, room, socket } = await joinedRoom();
  await assert.rejects(hop.call("a.b", { n: 1n }), TypeError);
  await assert.rejects(hop.call("a.b", "x".repeat(70_000)), { code: "too_large" });
  // Aborted calls free their slots: the next call is sent.
  const abort = new AbortController();
  const calls = Array.from({ length: 12 }, () => hop.call("a.b", 1, { signal: abort.signal }));
  const next = hop.call("a.c");
  await settled();
  assert.equal(socket().sentOf("call").length, 12);
  abort.abort();
  await Promise.allSettled(calls);
  assert.equal(socket().sentOf("call").length, 13);
  const errors: unknown[] = [];
  hop.on("error", (error) => errors.push(error));
  const [late] = socket().sentOf("call");
  socket().receive({ type: "error", code: "timeout", message: "", id: late!.id });
  assert.deepEqual(errors, [], "an answer to an aborted call is ignored");
  const last = socket().sentOf("call").at(-1)!;
  socket().receive({ type: "result", id: last.id, data: 1 });
  assert.equal(await next, 1);
  socket().disconnect();
  await clock.advance(0);
  // Without a connection a call times out, and is not sent later.
  const timedOut = assert.rejects(hop.call("a.d", 1, { timeout: 1_000 }), { code: "timeout" });
  await clock.advance(2_000);
  await timedOut;
  hop.close();
  await assert.rejects(room.history().next(), { code: "closed" });
  await assert.rejects(hop.call("a.b"), { code: "closed" });
});
