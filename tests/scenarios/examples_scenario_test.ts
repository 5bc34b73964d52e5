/** The examples of services/kit/examples/, against the real system. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { inboxPrefix } from "../../services/contract/mod.ts";
import { declaration as doorman } from "../../services/kit/examples/doorman/declaration.ts";
import { declaration as moderator } from "../../services/kit/examples/moderator/declaration.ts";
import { declaration as storyteller } from "../../services/kit/examples/storyteller/declaration.ts";
import type { Declaration } from "../../services/kit/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { goFor, pythonFor, type Runner } from "../harness/languages.ts";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { startOwnService } from "../harness/own_service.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const FOLDER = "services/kit/examples";

/** How long a program may take to start, milliseconds. */
const START_MS = 60_000;

const startExample = (system: System, declaration: Declaration, env: Record<string, string> = {}) =>
  startOwnService(system, declaration, { main: `${FOLDER}/${declaration.name}/main.ts`, env });

async function join(client: TestClient, room: string): Promise<void> {
  client.send({ type: "subscribe", room });
  await client.take("subscribed", (frame) => frame.room === room);
}

/** Sends a message, and returns the answer: `ack`, or the error's message. */
async function say(client: TestClient, room: string, content: unknown): Promise<string> {
  const id = crypto.randomUUID();
  client.send({ type: "message", room, content, id });
  const answer = await client.answer(id);
  return answer.type === "error" ? answer.message : answer.type;
}

Deno.test("the moderator refuses, hides and warns, as hops of the message's trace", async () => {
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({
    own: [moderator],
    env: { all: receiver.env },
    namespaces: [{ pattern: "public.*", screen: { service: "moderator", timeoutMs: 10_000 } }],
  });
  await using _service = await startExample(system, moderator, receiver.env);
  const ann = await system.client({ user: "ann" });
  await join(ann, "public.a");
  assert.equal(await say(ann, "public.a", "hello"), "ack");
  for (let n = 0; n < 3; n++) {
    const answer = await say(ann, "public.a", "Darn it");
    assert.equal(answer, 'Not allowed: please do not say "darn"');
  }
  assert.deepEqual((await ann.take("event")).data, { refused: 3 });
  assert.equal(await say(ann, "public.a", "my card is 4111 1111 1111 1111, ok?"), "ack");
  await ann.take("room-message", ({ content }) => content === "my card is [hidden], ok?");
  await until("the service's part of a trace", () => {
    const asked = receiver.spans.find(({ name }) => name === "screen");
    return receiver.spans.some(({ name, traceId, parentSpanId }) =>
      name === "process screen.moderator" && traceId === asked?.traceId &&
      parentSpanId === asked.spanId
    );
  });
});

Deno.test("the storyteller streams its answer and stores it once, also after a question while it was down", async () => {
  await using system = await startSystem({ own: [storyteller] });
  const ann = await system.client({ user: "ann" });
  await join(ann, "story.a");
  const env = { STORYTELLER_PAUSE_MS: "5" };
  const first = await startExample(system, storyteller, env);
  const answered = (question: string) =>
    ann.take(
      "room-message",
      ({ content }) => JSON.stringify(content).includes(`asked: ${question}.`),
    );
  assert.equal(await say(ann, "story.a", "why?"), "ack");
  await answered("why?");
  const texts = ann.frames.flatMap((frame) =>
    frame.type === "room-signal" ? [(frame.content as { text: string }).text] : []
  );
  assert.ok(texts.length > 3, String(texts));
  for (const [n, text] of texts.entries()) assert.ok(text.startsWith(texts[n - 1] ?? ""), text);

  first.signal("SIGTERM");
  assert.equal((await first.status()).code, 0, first.output.join("\n"));
  assert.equal(await say(ann, "story.a", "when?"), "ack");
  await using _second = await startExample(system, storyteller, env);
  await answered("when?");
  const stored = ann.frames.filter((f) => f.type === "room-message" && f.userId === "storyteller");
  assert.equal(stored.length, 2);
});

Deno.test("the doorman tells who came and who left", async () => {
  await using system = await startSystem({ own: [doorman] });
  const owner = await system.client({ user: "owner" });
  const early = await system.client({ user: "early" });
  await join(early, "lounge");
  await using _service = await startExample(system, doorman, { DOORMAN_MS: "100" });
  const ann = await system.client({ user: "ann" });
  // The doorman has looked when it tells of somebody who comes after that.
  await until("word of ann", async () => {
    await join(ann, "lounge");
    const told = await owner.take("event", () => true, 1_000).catch(() => {
      ann.send({ type: "unsubscribe", room: "lounge" });
    });
    return told && JSON.stringify(told.data) === '{"room":"lounge","came":["ann"],"left":[]}';
  });
  ann.send({ type: "unsubscribe", room: "lounge" });
  const gone = await owner.take(
    "event",
    ({ data }) => JSON.stringify(data).includes('"left":["ann"]'),
  );
  assert.equal(gone.topic, "doorman.changed");
});

const languages: Record<string, Runner> = {
  Python: await pythonFor(`${FOLDER}/python`, "dice.py", ["nats", "nkeys"]),
  Go: await goFor(`${FOLDER}/go`),
};

for (const [language, runner] of Object.entries(languages)) {
  const why = "missing" in runner ? `; skipped: ${runner.missing}` : "";
  Deno.test({
    name: `a service in ${language} answers, listens and posts by the contract alone${why}`,
    ignore: "missing" in runner,
    async fn() {
      if ("missing" in runner) return;
      await using receiver = startOtlpReceiver();
      await using system = await startSystem({
        natsServices: ["dice=calls+listen+post"],
        env: { all: receiver.env },
      });
      await using service = startProcess(runner.command, runner.args, {
        cwd: ROOT,
        env: { ...system.natsEnv("dice"), NATS_INBOX_PREFIX: inboxPrefix("dice") },
      });
      await service.line("ready", START_MS);
      const traces: string[] = [];
      const nats = await connect({ servers: system.nats.url });
      nats.subscribe("room.live.*.table.a", {
        callback: (_, { headers }) => void traces.push(headers?.get("traceparent") ?? ""),
      });
      await nats.flush();
      const ann = await system.client({ user: "ann" });
      const roll = async (data?: unknown) => {
        const id = crypto.randomUUID();
        ann.send({ type: "call", service: "dice", method: "roll", data, id });
        const answer = await ann.answer(id);
        if (answer.type === "error") return answer.code;
        return answer.type === "result" && (answer.data as { rolled: number }).rolled;
      };
      assert.ok([1, 2].includes(await roll({ sides: 2 }) as number));
      assert.ok([1, 2, 3, 4, 5, 6].includes(await roll() as number));
      assert.equal(await roll({ sides: 1 }), "invalid_format");
      await join(ann, "table.a");
      assert.equal(await say(ann, "table.a", "roll"), "ack");
      const rolled = await ann.take("room-message", ({ userId }) => userId === "dice");
      assert.match(String(rolled.content), /^ann rolled [1-6]$/);
      assert.ok(rolled.seq > 0);
      const [asked, answered] = await until("both messages", () => traces.length === 2 && traces);
      assert.match(asked!, /^00-[0-9a-f]{32}-/);
      assert.equal(answered!.slice(0, 35), asked!.slice(0, 35), "the answer has another trace");
      await nats.close();
      service.signal("SIGTERM");
      assert.equal((await service.status()).code, 0, service.output.join("\n"));
    },
  });
}
