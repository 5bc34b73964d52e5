/** A namespace names a service that screens messages of clients before they are published. */
import { connect, type Msg } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import type { ScreenedMessage, Verdict } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const TIMEOUT_MS = 1_000;
const screen = { service: "guard", timeoutMs: TIMEOUT_MS };

/** A request of a gateway, and how to answer it. */
interface Asked {
  message: ScreenedMessage;
  answer(verdict: Verdict | string): void;
}

/** What was asked and has not been answered. Each is answered at once if `answer` is set. */
interface Guard {
  asked: Asked[];
  answer: ((message: ScreenedMessage) => Verdict) | undefined;
  /** How many messages were asked about. */
  count: number;
}

async function withGuard(
  env: Record<string, string>,
  play: (system: System, guard: Guard, ann: TestClient, bob: TestClient) => Promise<void>,
): Promise<void> {
  await using system = await startSystem({
    env: { all: env },
    namespaces: [
      { pattern: "closed.*", screen },
      { pattern: "open.*", screen: { ...screen, onFailure: "open" } },
      { pattern: "html.*", screen, content: "html" },
      { pattern: "fleeting.*", screen, stored: false },
    ],
  });
  const guard: Guard = { asked: [], answer: undefined, count: 0 };
  const nats = await connect({ servers: system.nats.url });
  nats.subscribe("screen.guard", {
    callback(_, request: Msg) {
      guard.count++;
      const message = request.json<ScreenedMessage>();
      const answer = (verdict: Verdict | string) =>
        void request.respond(typeof verdict === "string" ? verdict : JSON.stringify(verdict));
      if (guard.answer) answer(guard.answer(message));
      else guard.asked.push({ message, answer });
    },
  });
  await nats.flush();
  const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
  for (const client of [ann, bob]) {
    for (const room of ["closed.a", "closed.b", "open.a", "html.a", "fleeting.a", "free"]) {
      client.send({ type: "subscribe", room });
      await client.take("subscribed", (frame) => frame.room === room);
    }
  }
  try {
    await play(system, guard, ann, bob);
  } finally {
    await nats.close();
  }
}

/** Sends a message, and returns the answer: `ack`, or the error's code and message. */
async function say(client: TestClient, room: string, content: unknown): Promise<string> {
  const id = crypto.randomUUID();
  client.send({ type: "message", room, content, id });
  const answer = await client.answer(id);
  return answer.type === "error" ? `${answer.code}: ${answer.message}` : answer.type;
}

const received = (client: TestClient, room: string) =>
  client.frames.flatMap((frame) =>
    frame.type === "room-message" && frame.room === room ? [frame.content] : []
  );

Deno.test("a service screens messages", (t) =>
  withGuard({}, async (system, guard, ann, bob) => {
    await t.step("and accepts, refuses or replaces them", async () => {
      guard.answer = ({ content }) =>
        content === "rude"
          ? { verdict: "refuse", reason: "be nice" }
          : content === "secret"
          ? { verdict: "replace", content: "***" }
          : { verdict: "accept" };
      for (const room of ["closed.a", "fleeting.a"]) {
        assert.equal(await say(ann, room, "hello"), "ack");
        assert.equal(await say(ann, room, "rude"), "forbidden: Not allowed: be nice");
        assert.equal(await say(ann, room, "secret"), "ack");
        await until("both", () => received(bob, room).length === 2);
        assert.deepEqual(received(bob, room), ["hello", "***"]);
      }
      ann.send({ type: "history", room: "closed.a", id: "h" });
      const page = await ann.answer("h");
      assert.ok(page.type === "history");
      assert.deepEqual(page.messages.map(({ content }) => content), ["***", "hello"]);
    });

    await t.step("knows who says what where, and is asked about nothing else", async () => {
      const before = guard.count;
      assert.equal(await say(ann, "free", "hello"), "ack");
      ann.send({ type: "signal", room: "closed.a", content: "typing" });
      await bob.take("room-signal");
      assert.equal(guard.count, before);
      guard.answer = undefined;
      const answer = say(bob, "closed.a", { nested: ["content"] });
      const [asked] = await until("the request", () => guard.asked.length === 1 && guard.asked);
      assert.deepEqual(asked!.message, {
        room: "closed.a",
        userId: "bob",
        username: "bob",
        content: { nested: ["content"] },
      });
      asked!.answer({ verdict: "accept" });
      assert.equal(await answer, "ack");
      guard.asked = [];
    });

    await t.step("what it replaces is checked like any content", async () => {
      guard.answer = ({ room }) => ({
        verdict: "replace",
        content: room === "html.a" ? "<b>hi</b><script>x</script>" : "x".repeat(33_000),
      });
      assert.match(await say(ann, "closed.a", "short"), /^too_large: /);
      assert.equal(await say(ann, "html.a", "<i>hi</i>"), "ack");
      await until("the message", () => received(bob, "html.a").length > 0);
      assert.deepEqual(received(bob, "html.a"), ["<b>hi</b>"]);
    });

    await t.step("the order of a sender is kept, and no other room waits", async () => {
      guard.answer = undefined;
      const before = received(bob, "closed.a").length;
      const all = ["1", "2", "3"].map((content) => say(ann, "closed.a", content));
      await until("all requests", () => guard.asked.length === 3);
      guard.asked[2]!.answer({ verdict: "accept" });
      guard.asked[1]!.answer({ verdict: "refuse" });
      const beside = say(ann, "closed.b", "beside");
      await until("its request", () => guard.asked.length === 4);
      guard.asked[3]!.answer({ verdict: "accept" });
      assert.equal(await beside, "ack");
      assert.equal(await say(bob, "free", "hello"), "ack");
      assert.equal(received(bob, "closed.a").length, before);
      guard.asked[0]!.answer({ verdict: "accept" });
      assert.deepEqual(await Promise.all(all), ["ack", "forbidden: Not allowed", "ack"]);
      await until("both", () => received(bob, "closed.a").length === before + 2);
      assert.deepEqual(received(bob, "closed.a").slice(-2), ["1", "3"]);
      guard.asked = [];
    });

    await t.step("without an answer in time the namespace decides", async () => {
      const closed = say(ann, "closed.a", "late");
      const open = say(ann, "open.a", "late");
      assert.match(await closed, /^unavailable: .*the message could not be screened/);
      assert.equal(await open, "ack");
      guard.asked = [];
      for (const garbage of ["yes", '{"verdict":"maybe"}']) {
        guard.answer = undefined;
        const answer = say(ann, "closed.b", "hello");
        await until("the request", () => guard.asked.length === 1);
        guard.asked[0]!.answer(garbage);
        assert.match(await answer, /^unavailable: /);
        guard.asked = [];
      }
    });

    await t.step("a message is not published after its sender has left", async () => {
      const cid = await system.client({ user: "cid" });
      cid.send({ type: "subscribe", room: "closed.a" });
      await cid.take("subscribed");
      cid.send({ type: "message", room: "closed.a", content: "left", id: "m" });
      await until("the request", () => guard.asked.length === 1);
      cid.send({ type: "unsubscribe", room: "closed.a" });
      await cid.take("unsubscribed");
      guard.asked[0]!.answer({ verdict: "accept" });
      const answer = await cid.answer("m");
      assert.equal(answer.type === "error" && answer.code, "room_not_found");
      assert.ok(!received(bob, "closed.a").includes("left"));
      guard.asked = [];
    });

    await t.step("a flood that nobody screens harms no other room", async () => {
      // Below what a user may send at once, and above what may wait of one user.
      const many = 800;
      for (let n = 0; n < many; n++) {
        ann.send({ type: "message", room: "closed.a", content: n, id: `flood-${n}` });
      }
      await until("the flood to arrive", () => guard.asked.length >= 100);
      assert.equal(await say(bob, "free", "still here"), "ack");
      assert.ok(guard.asked.length <= 600, `${guard.asked.length} are asked about at a time`);
      guard.answer = () => ({ verdict: "accept" });
      assert.equal((await ann.answer(`flood-0`)).type, "error");
      await until("the rest", () =>
        ann.frames.filter((frame) =>
          (frame.type === "ack" || frame.type === "error") && frame.id?.startsWith("flood-")
        ).length === many, 60_000);
      assert.equal(ann.closed, undefined);
      const numbers = received(bob, "closed.a").filter((content) =>
        typeof content === "number"
      );
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) =>
          Number(a) - Number(b)
        ),
      );
    });
  }));

Deno.test("without the service that screens: closed refuses, open publishes", async () => {
  await using system = await startSystem({
    namespaces: [
      { pattern: "closed.*", screen },
      { pattern: "open.*", screen: { ...screen, onFailure: "open" } },
    ],
  });
  const ann = await system.client({ user: "ann" });
  for (const room of ["closed.a", "open.a"]) {
    ann.send({ type: "subscribe", room });
    await ann.take("subscribed");
  }
  assert.match(await say(ann, "closed.a", "hello"), /^unavailable: /);
  assert.equal(await say(ann, "open.a", "hello"), "ack");
});

Deno.test("screening is a hop of the message's trace", async () => {
  await using receiver = startOtlpReceiver();
  await withGuard(receiver.env, async (_, guard, ann) => {
    guard.answer = ({ content }) => ({ verdict: content === "rude" ? "refuse" : "accept" });
    assert.equal(await say(ann, "closed.a", "hello"), "ack");
    assert.match(await say(ann, "closed.a", "rude"), /^forbidden: /);
    const hops = (traceId: string) =>
      receiver.spans.filter((span) =>
        span.traceId === traceId && span.attributes["hopwire.hop"] !== undefined
      );
    const [stored, refused] = await until("both traces", () => {
      const screened = receiver.spans.filter(({ name }) => name === "screen");
      const stored = screened.find(({ traceId }) =>
        hops(traceId).some(({ name }) => name === "bus.store")
      );
      const refused = screened.find(({ attributes }) => attributes["error.type"] === "forbidden");
      return stored && refused && [stored, refused];
    });
    const find = (name: string) => hops(stored!.traceId).find((span) => span.name === name)!;
    assert.equal(stored!.parentSpanId, find("edge.receive").spanId);
    assert.equal(find("bus.store").parentSpanId, stored!.spanId);
    // They tile: each begins where the one before ends, to the precision of clocks.
    assert.ok(Math.abs(find("edge.receive").end - stored!.start) < 5_000);
    assert.ok(Math.abs(stored!.end - find("bus.store").start) < 5_000);
    assert.ok(!hops(refused!.traceId).some(({ name }) => name === "bus.store"));
  });
});
