/** Misbehaving HTTP clients, faulty or malicious, do not affect others. */
import assert from "node:assert/strict";
import { openStream, poll, post, sendFrames } from "../harness/http_client.ts";
import { NO_QUOTAS, startSystem, type System, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

const base = (system: System) => `http://127.0.0.1:${system.gateways[0]!.port}`;

async function refused(answer: Promise<{ status: number; text: string }>): Promise<unknown[]> {
  const { status, text } = await answer;
  const { code, message } = JSON.parse(text);
  return [status, code, message];
}

Deno.test("a poller that stalls in two busy rooms is closed once, without affecting others", async () => {
  await using system = await startSystem({
    env: { gateway: { RATE_BURST: "1000000", ...NO_QUOTAS } },
  });
  const here = base(system);
  const { session } = await poll(here);
  const rooms = ["chat.a", "chat.b"];
  await sendFrames(here, session, 1, { type: "auth", token: await tokenFor("poller") });
  await sendFrames(here, session, 2, ...rooms.map((room) => ({ type: "subscribe", room })));
  const bob = await system.client({ user: "bob" });
  for (const room of rooms) bob.send({ type: "subscribe", room });
  await bob.takeMany("subscribed", 2);
  await until("the poller to be in both rooms", async () => {
    const counts = await Promise.all(rooms.map(async (room) => {
      bob.send({ type: "presence", room, id: room });
      return (await bob.take("presence", ({ id }) => id === room)).count;
    }));
    return counts.every((count) => count === 2);
  });
  const content = "x".repeat(30_000);
  // Both rooms deliver to it in the same turn, repeatedly, until its limit is exceeded.
  for (let n = 0; n < 60; n++) {
    for (const room of rooms) bob.send({ type: "message", room, content, id: `${room}-${n}` });
    if (n % 5 === 4) await bob.takeMany("ack", 10);
  }
  const seen: string[] = [];
  let answer = await poll(here, { session, after: 1 });
  for (;;) {
    for (const frame of answer.frames as { type: string; room: string; id: string }[]) {
      if (frame.type === "room-message") seen.push(frame.id);
    }
    if (answer.close !== undefined) break;
    answer = await poll(here, { session, after: answer.n });
  }
  assert.equal(answer.close.code, 4101);
  assert.equal(new Set(seen).size, seen.length, "nothing came twice");
  assert.ok(seen.length * content.length < 1_300_000);
  // The gateway has not restarted and works.
  bob.send({ type: "message", room: "chat.a", content: "still here", id: "last" });
  await bob.answer("last");
  assert.equal(system.gateways[0]!.process.ended, undefined);
});

Deno.test("a stream that is not read is closed with 4101, which a late reader still receives", async () => {
  await using system = await startSystem({
    env: { gateway: { RATE_BURST: "1000000", ...NO_QUOTAS } },
  });
  const here = base(system);
  await using stream = await openStream(here, {
    authorization: `Bearer ${await tokenFor("slow")}`,
  });
  await sendFrames(here, stream.session, 1, { type: "subscribe", room: "lobby" });
  const bob = await system.client({ user: "bob" });
  bob.send({ type: "subscribe", room: "lobby" });
  await bob.take("subscribed");
  await stream.take("subscribed");
  const content = "x".repeat(30_000);
  for (let n = 0; n < 900; n++) {
    bob.send({ type: "message", room: "lobby", content, id: `${n}` });
    if (n % 10 === 9) await bob.takeMany("ack", 10);
  }
  for (;;) {
    const event = await within("the close", stream.next());
    if (event?.event !== "close") continue;
    assert.deepEqual(event.data, { code: 4101, reason: "Slow consumer" });
    break;
  }
});

Deno.test("streams queued behind another on one connection take no connection slot", async () => {
  await using system = await startSystem({ env: { gateway: { MAX_CONNECTIONS: "20" } } });
  const { port } = system.gateways[0]!;
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = "GET /sse HTTP/1.1\r\nHost: x\r\n\r\n";
  await connection.write(new TextEncoder().encode(request.repeat(100)));
  const buffer = new Uint8Array(4_096);
  await connection.read(buffer);
  connection.close();
  await until("all slots to be free", async () => {
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => openStream(base(system)).catch(() => null)),
    );
    for (const stream of streams) await stream?.[Symbol.asyncDispose]();
    return streams.every((stream) => stream !== null);
  });
});

Deno.test("while a room is being joined a bounded number of posts wait", async () => {
  await using system = await startSystem();
  const here = base(system);
  await using stream = await openStream(here, { authorization: `Bearer ${await tokenFor("ann")}` });
  const { session } = stream;
  await stream.take("authenticated");
  await system.rooms[0]!.process.stop();
  const say = (id: string) => ({ type: "message", room: "lobby", content: id, id });
  await sendFrames(here, session, 1, { type: "subscribe", room: "lobby" }, say("1"));
  const statuses: number[] = [];
  // The same post repeatedly, as from an impatient client, so their order does not matter.
  const all = Promise.all([1, 2, 3, 4].map(async () => {
    statuses.push((await sendFrames(here, session, 2, say("2"))).status);
  }));
  // Two wait, the others are refused.
  await until("two to be refused", () => statuses.length === 2);
  assert.deepEqual(statuses, [503, 503]);
  system.rooms[0]!.process.signal("SIGCONT");
  await all;
  assert.deepEqual(statuses, [503, 503, 204, 204]);
  assert.equal((await stream.take("room-message")).id, "1");
  assert.equal((await stream.take("room-message")).id, "2");
});

Deno.test("posts enforce the same limits as WebSockets", async () => {
  await using system = await startSystem({ env: { gateway: { MAX_CONNECTIONS: "20" } } });
  const here = base(system);
  const head = async () => {
    const stream = await openStream(here, { authorization: `Bearer ${await tokenFor("ann")}` });
    await stream.take("authenticated");
    return stream;
  };
  await using large = await head();
  await sendFrames(here, large.session, 1, { type: "ping", id: "x".repeat(70_000) });
  assert.deepEqual(await within("the close", large.next()), {
    event: "close",
    data: { code: 1009, reason: "Frame too big" },
  });
  await using strange = await head();
  const first = new TextEncoder().encode(JSON.stringify({ session: strange.session, n: 1 }) + "\n");
  const response = await fetch(`${here}/send`, {
    method: "POST",
    body: new Uint8Array([...first, 0xff, 0xfe]),
  });
  assert.equal(response.status, 400);
  assert.match(await response.text(), /Invalid message format: not UTF-8/);
  // Unauthenticated sessions may take a tenth of all slots, for a limited time.
  await poll(here);
  await poll(here);
  assert.deepEqual(await refused(post(`${here}/poll`, "{}")), [
    503,
    "unavailable",
    "Temporarily unavailable: too many connections without a token",
  ]);
  await using another = await head();
  assert.ok(another.session);
});

Deno.test("a post to a session that has ended is not accepted", async () => {
  await using system = await startSystem();
  const here = base(system);
  const { session } = await poll(here);
  await sendFrames(here, session, 1, { type: "auth", token: await tokenFor("ann") });
  const polled = poll(here, { session, after: 1 });
  assert.equal(((await polled).frames[0] as { type: string }).type, "authenticated");
  // A hundred invalid frames close the session although it does not poll.
  const wrong = Array.from({ length: 120 }, () => ({ type: "nonsense" }));
  await sendFrames(here, session, 2, ...wrong);
  assert.deepEqual((await refused(sendFrames(here, session, 3, { type: "ping" }))).slice(0, 2), [
    404,
    "session_not_found",
  ]);
  const last = await poll(here, { session, after: 2 });
  assert.equal(last.close?.code, 4005);
});
