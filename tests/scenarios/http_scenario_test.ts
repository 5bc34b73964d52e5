/** Clients without a WebSocket: streams and polls, at any gateway, with the same guarantees. */
import assert from "node:assert/strict";
import { openStream, poll, post, sendFrames } from "../harness/http_client.ts";
import { NO_QUOTAS, startSystem, type System, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

const base = (system: System, gateway = 0) => `http://127.0.0.1:${system.gateways[gateway]!.port}`;

Deno.test("a stream carries frames down and posts carry them up, through any gateway", async () => {
  await using system = await startSystem({ gateways: 2 });
  const [here, there] = [base(system), base(system, 1)];
  await using stream = await openStream(here);
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  const { session } = stream;
  const token = await tokenFor("ann");
  assert.equal((await sendFrames(there, session, 1, { type: "auth", token })).status, 204);
  assert.equal((await stream.take("authenticated")).userId, "ann");
  const bob = await system.client({ user: "bob", gateway: 1 });
  bob.send({ type: "subscribe", room: "lobby" });
  await bob.take("subscribed");
  await sendFrames(
    there,
    session,
    2,
    { type: "subscribe", room: "lobby" },
    { type: "message", room: "lobby", content: "by post", id: "1" },
  );
  assert.equal((await stream.take("subscribed")).room, "lobby");
  assert.equal((await bob.take("room-message")).content, "by post");
  assert.equal((await stream.take("room-message")).content, "by post");
  const seq = (await stream.take("ack")).seq as number;
  assert.ok(seq > 0);
  // The same post again, as after a lost response, is applied once.
  await sendFrames(here, session, 2, { type: "message", room: "lobby", content: "twice", id: "2" });
  await sendFrames(here, session, 3, { type: "message", room: "lobby", content: "once", id: "3" });
  assert.equal((await stream.take("room-message")).content, "once");
  bob.send({ type: "message", room: "lobby", content: "to the stream", id: "b" });
  assert.equal((await stream.take("room-message")).content, "to the stream");
  // A gap in the numbers of posts ends the session.
  const gap = await sendFrames(here, session, 5, { type: "ping" });
  assert.equal(gap.status, 404);
  for (;;) {
    const event = await within("the end of the stream", stream.next());
    if (event?.event !== "close") continue;
    assert.deepEqual(event.data, { code: 4104, reason: "Unavailable" });
    break;
  }
  assert.equal(await stream.next(), null);
  assert.equal((await sendFrames(there, session, 6, { type: "ping" })).status, 404);
});

Deno.test("long polling delivers everything in order, and repeats a lost response", async () => {
  await using system = await startSystem({ gateways: 2 });
  const [here, there] = [base(system), base(system, 1)];
  const { session, n } = await poll(here);
  assert.equal(n, 1);
  await sendFrames(there, session, 1, { type: "auth", token: await tokenFor("ann") });
  const first = await poll(there, { session, after: n });
  assert.equal((first.frames[0] as { type: string }).type, "authenticated");
  await sendFrames(here, session, 2, { type: "subscribe", room: "lobby" });
  let answer = first;
  const got: { type: string; content?: unknown }[] = [];
  const more = async () => {
    answer = await poll(there, { session, after: answer.n });
    got.push(...answer.frames as typeof got);
  };
  while (!got.some(({ type }) => type === "subscribed")) await more();
  const bob = await system.client({ user: "bob", gateway: 1 });
  bob.send({ type: "subscribe", room: "lobby" });
  await bob.take("subscribed");
  for (let i = 0; i < 50; i++) bob.send({ type: "message", room: "lobby", content: i });
  await bob.takeMany("room-message", 50);
  const messages = () => got.filter(({ type }) => type === "room-message");
  while (messages().length < 50) {
    // Each response is requested twice, as if the first had been lost.
    const again = await poll(here, { session, after: answer.n });
    assert.deepEqual(await poll(there, { session, after: answer.n }), again);
    answer = again;
    got.push(...answer.frames as typeof got);
  }
  assert.deepEqual(
    messages().map(({ content }) => content),
    Array.from({ length: 50 }, (_, i) => i),
  );
});

Deno.test("a session ends if its client stops polling or leaves its stream", async () => {
  await using system = await startSystem({
    env: { gateway: { PING_INTERVAL_MS: "300", PONG_TIMEOUT_MS: "300", PRESENCE_LINGER_MS: "0" } },
  });
  const here = base(system);
  const watcher = await system.client({ user: "watcher" });
  watcher.send({ type: "subscribe", room: "lobby" });
  await watcher.take("subscribed");
  const { session } = await poll(here);
  const enter = { type: "subscribe", room: "lobby" };
  await sendFrames(here, session, 1, { type: "auth", token: await tokenFor("poller") });
  await poll(here, { session, after: 1 });
  await sendFrames(here, session, 2, enter);
  assert.equal((await watcher.take("user-joined")).userId, "poller");
  assert.equal((await watcher.take("user-left")).userId, "poller");
  await until("the session to be forgotten", async () => {
    return (await sendFrames(here, session, 3, { type: "ping" })).status === 404;
  });
  {
    await using stream = await openStream(here, {
      authorization: `Bearer ${await tokenFor("streamer")}`,
    });
    await stream.take("authenticated");
    await sendFrames(here, stream.session, 1, enter);
    assert.equal((await watcher.take("user-joined")).userId, "streamer");
  }
  assert.equal((await watcher.take("user-left")).userId, "streamer");
  // A stream whose client is silent is closed like a WebSocket without pong.
  await using silent = await openStream(here, {
    authorization: `Bearer ${await tokenFor("silent")}`,
  });
  await silent.take("authenticated");
  const end = await within("the close", silent.next());
  assert.deepEqual(end, { event: "close", data: { code: 4103, reason: "No pong" } });
});

Deno.test("errors are reported by status and code", async () => {
  await using system = await startSystem({
    env: { gateway: { ALLOWED_ORIGINS: "https://app.example", MAX_CONNECTIONS: "1" } },
  });
  const here = base(system);
  const refused = async (answer: Promise<{ status: number; text: string }>) => {
    const { status, text } = await answer;
    const { type, code, message } = JSON.parse(text);
    assert.equal(type, "error");
    return [status, code, message];
  };
  const session = `${"0".repeat(16)}.${"0".repeat(32)}`;
  assert.deepEqual(await refused(post(`${here}/send`, "{")), [
    400,
    "invalid_format",
    "Invalid message format: the first line is not JSON",
  ]);
  assert.deepEqual(await refused(post(`${here}/send`, '{"session":"x","n":1}')), [
    400,
    "invalid_format",
    "Invalid message format: session: expected the session's key",
  ]);
  assert.deepEqual(await refused(sendFrames(here, session, 1)), [
    404,
    "session_not_found",
    "Session not found",
  ]);
  const large = await refused(post(`${here}/poll`, "x".repeat(600_000)));
  assert.deepEqual(large, [413, "too_large", "Content too large: more than 524288 bytes"]);
  const get = await fetch(`${here}/poll`);
  assert.equal(get.status, 405);
  assert.equal(get.headers.get("allow"), "POST, OPTIONS");
  await get.text();
  const evil = { headers: { origin: "https://evil.example" } };
  assert.deepEqual((await refused(post(`${here}/poll`, "{}", evil))).slice(0, 2), [
    403,
    "forbidden",
  ]);
  const ours = await fetch(`${here}/poll`, {
    method: "OPTIONS",
    headers: { origin: "https://app.example" },
  });
  assert.equal(ours.status, 204);
  assert.equal(ours.headers.get("access-control-allow-origin"), "https://app.example");
  await using stream = await openStream(here);
  assert.ok(stream.session);
  assert.deepEqual((await refused(post(`${here}/poll`, "{}"))).slice(0, 2), [503, "unavailable"]);
  // The key of a stream is not valid for polling.
  const polled = await refused(post(`${here}/poll`, JSON.stringify({ session: stream.session })));
  assert.deepEqual(polled.slice(0, 2), [400, "invalid_format"]);
});

Deno.test("frames waiting for a poll are bounded: above the limit the session ends with 4101", async () => {
  await using system = await startSystem({
    env: { gateway: { RATE_BURST: "1000000", ...NO_QUOTAS } },
  });
  const here = base(system);
  const { session } = await poll(here);
  await sendFrames(here, session, 1, { type: "auth", token: await tokenFor("poller") });
  await sendFrames(here, session, 2, { type: "subscribe", room: "lobby" });
  const bob = await system.client({ user: "bob" });
  bob.send({ type: "subscribe", room: "lobby" });
  await bob.take("subscribed");
  await until("the poller to join", async () => {
    bob.send({ type: "presence", room: "lobby", id: "p" });
    return (await bob.take("presence", ({ id }) => id === "p")).count === 2;
  });
  const content = "x".repeat(30_000);
  for (let i = 0; i < 60; i++) {
    bob.send({ type: "message", room: "lobby", content, id: `${i}` });
    // The publisher receives its own messages and must not exceed its limit.
    if (i % 10 === 9) await bob.takeMany("ack", 10);
  }
  let answer = await poll(here, { session, after: 1 });
  while (answer.close === undefined) answer = await poll(here, { session, after: answer.n });
  assert.equal(answer.close.code, 4101);
});

Deno.test("a draining gateway announces it over HTTP too", async () => {
  await using system = await startSystem();
  const here = base(system);
  await using stream = await openStream(here);
  const { session } = await poll(here);
  const polling = poll(here, { session, after: 1 });
  // Whoever is answered now was read after the poll, which must be waiting when the signal comes.
  for (let i = 0; i < 3; i++) await (await fetch(`${here}/healthz`)).text();
  system.gateways[0]!.process.signal("SIGTERM");
  assert.equal(typeof (await stream.take("reconnect")).after, "number");
  assert.deepEqual(await stream.next(), {
    event: "close",
    data: { code: 4100, reason: "Draining" },
  });
  const last = await polling;
  assert.equal((last.frames.at(-1) as { type: string }).type, "reconnect");
  assert.deepEqual(last.close, { code: 4100, reason: "Draining" });
});
