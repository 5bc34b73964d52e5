/** Screening of what back-ends publish by the HTTP API, and of what services post for users. */
import { connect, type Msg } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import type { ScreenedMessage, Verdict } from "../../services/contract/mod.ts";
import { apiOf, type TestApi } from "../harness/api.ts";
import type { TestClient } from "../harness/client.ts";
import { startOwnService } from "../harness/own_service.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { declaration } from "./kit/warden_declaration.ts";

/** The service that screens: what it was asked, and how it answers. Undefined: not at all. */
interface Guard {
  asked: ScreenedMessage[];
  answer: ((message: ScreenedMessage) => Verdict) | undefined;
  /** Answers that wait. */
  held: (() => void)[];
}

async function withGuard(
  play: (system: System, api: TestApi, guard: Guard, ann: TestClient) => Promise<void>,
): Promise<void> {
  const screen = { service: "guard", timeoutMs: 1_000 };
  await using system = await startSystem({
    apis: 1,
    own: [declaration],
    env: { api: { API_DEADLINE_MS: "3000" } },
    namespaces: [
      { pattern: "closed.*", screen },
      { pattern: "open.*", screen: { ...screen, onFailure: "open" } },
      { pattern: "slow.*", screen: { ...screen, timeoutMs: 10_000, onFailure: "open" } },
      { pattern: "html.*", screen, content: "html" },
      { pattern: "fleeting.*", screen, stored: false },
      { pattern: "own.*", screen: { service: "warden" } },
    ],
  });
  const guard: Guard = { asked: [], answer: undefined, held: [] };
  const nats = await connect({ servers: system.nats.url });
  nats.subscribe("screen.guard", {
    callback(_, request: Msg) {
      const message = request.json<ScreenedMessage>();
      guard.asked.push(message);
      const { answer } = guard;
      const accept = () => void request.respond(JSON.stringify({ verdict: "accept" }));
      if (answer === undefined) guard.held.push(accept);
      else request.respond(JSON.stringify(answer(message)));
    },
  });
  await nats.flush();
  const ann = await system.client({ user: "ann" });
  for (const room of ["closed.a", "open.a", "slow.a", "html.a", "fleeting.a", "own.a"]) {
    ann.send({ type: "subscribe", room });
    await ann.take("subscribed", (frame) => frame.room === room);
  }
  try {
    await play(system, await apiOf(system), guard, ann);
  } finally {
    await nats.close();
  }
}

/** As a strict service: no bad words, no secrets. */
const strict = ({ content }: ScreenedMessage): Verdict =>
  content === "rude"
    ? { verdict: "refuse", reason: "be nice" }
    : content === "secret"
    ? { verdict: "replace", content: "<b>hi</b><script>x</script>" }
    : { verdict: "accept" };

Deno.test("what back-ends publish and what services post for users is screened", (t) =>
  withGuard(async (system, api, guard, ann) => {
    const received = (room: string) =>
      ann.frames.flatMap((frame) =>
        frame.type === "room-message" && frame.room === room ? [frame.content] : []
      );
    const say = (room: string, content: unknown) => ({ room, userId: "bot", content });
    await using _warden = await startOwnService(system, declaration, {
      main: "tests/scenarios/kit/warden.ts",
    });

    await t.step("accepted, refused, replaced, and checked after that", async () => {
      guard.answer = strict;
      for (const room of ["closed.a", "fleeting.a"]) {
        await api.done("publish", say(room, "hello"));
        const { status, body } = await api.refused("forbidden", "publish", say(room, "rude"));
        assert.deepEqual([status, body.error.message], [403, "Not allowed: be nice"]);
        await until("the message", () => received(room).length === 1);
      }
      assert.deepEqual(guard.asked[0], {
        room: "closed.a",
        userId: "bot",
        username: "bot",
        content: "hello",
      });
      await api.done("publish", say("html.a", "secret"));
      await until("the message", () => received("html.a").length === 1);
      assert.deepEqual(received("html.a"), ["<b>hi</b>"]);
    });

    await t.step("each room of a broadcast and each operation of a batch", async () => {
      const rooms = ["closed.a", "free", "open.a"];
      const { results } = await api.done("broadcast", { rooms, userId: "bot", content: "rude" });
      assert.deepEqual(
        results.map((one: { error?: { code: string } }) => one.error?.code),
        ["forbidden", undefined, "forbidden"],
      );
      const operations = ["hello", "rude", "again"].map((content) => ({
        op: "publish",
        data: say("closed.a", content),
      }));
      const batch = await api.done("batch", { operations });
      assert.deepEqual(
        batch.results.map((one: { error?: { code: string } }) => one.error?.code),
        [undefined, "forbidden", undefined],
      );
    });

    await t.step("signals are not, nor is what a key publishes that nobody screens", async () => {
      const before = guard.asked.length;
      await api.done("signal", say("closed.a", "rude"));
      const key = await api.addKey({ unscreened: true });
      await api.done("publish", say("closed.a", "rude"), { key });
      await until("the message", () => received("closed.a").includes("rude"));
      assert.equal(guard.asked.length, before);
    });

    await t.step("without an answer in time the namespace decides", async () => {
      guard.answer = undefined;
      const closed = api.refused("unavailable", "publish", say("closed.a", "late"));
      await api.done("publish", say("open.a", "late"));
      await until("the message", () => received("open.a").includes("late"));
      assert.equal((await closed).status, 503);
      assert.ok(!received("closed.a").includes("late"));
    });

    await t.step(
      "a request that ends before the service must answer publishes nothing",
      async () => {
        guard.held = [];
        await api.refused("timeout", "publish", say("slow.a", "too late"));
        for (const answer of guard.held) answer();
        guard.answer = strict;
        await api.done("publish", say("slow.a", "in time"));
        await until("the message", () => received("slow.a").includes("in time"));
        assert.ok(!received("slow.a").includes("too late"));
      },
    );

    await t.step("a service has what users say screened, and trusts itself else", async () => {
      const ask = async (data: unknown) => {
        const id = crypto.randomUUID();
        ann.send({ type: "call", service: "warden", method: "post", data, id });
        const answer = await ann.answer(id);
        return answer.type === "error" ? answer.message : answer.type;
      };
      const post = { room: "closed.a", content: "rude", screen: true };
      assert.equal(await ask(post), "Not allowed: be nice");
      assert.equal(await ask({ ...post, content: "by a service" }), "result");
      await until("the message", () => received("closed.a").includes("by a service"));
      assert.equal(guard.asked.at(-1)!.userId, "ann");
      const before = guard.asked.length;
      assert.equal(await ask({ ...post, screen: false }), "result");
      // Nobody screens this room; the service itself screens that one, and does not ask itself.
      assert.equal(await ask({ ...post, room: "free" }), "result");
      assert.equal(await ask({ ...post, room: "own.a" }), "result");
      assert.equal(guard.asked.length, before);
      ann.send({ type: "message", room: "own.a", content: "echo", id: "echo" });
      assert.equal((await ann.answer("echo")).type, "ack");
      await until("what the screener says", () => received("own.a").includes("heard echo"));
    });
  }));
