/** A live listener that is too slow, on a real server. */
import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { liveSubject } from "../../contract/mod.ts";
import { connectBus } from "../bus.ts";
import { createLogger } from "../log.ts";
import { listenLive } from "./live.ts";
import { listenerOf } from "./listening.ts";
import { createParts } from "./parts_fixture.ts";

Deno.test("a live listener holds 1,024 messages, drops more and says so, and goes on afterwards", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const { parts, lines, stop } = createParts(bus, "audit", ["listen"]);
  const gate = Promise.withResolvers<void>();
  const handled: unknown[] = [];
  const listener = listenerOf("work.*", async ({ content }) => {
    await gate.promise;
    handled.push(content);
  }, {});
  listenLive(parts, listener);
  const say = (content: number) => {
    const from = { userId: "ann", username: "Ann", timestamp: Date.now() };
    const message = { room: "work.a", id: `m-${content}`, content, ...from };
    bus.nats.publish(liveSubject("work.a"), JSON.stringify(message));
  };
  for (let i = 0; i < 1_500; i++) say(i);
  const what = "messages are dropped, because they come faster than they are handled";
  const [line] = await until("a warning", () => lines(what).length > 0 && lines(what));
  assert.deepEqual([line!.level, line!.pattern], ["warn", "work.*"]);
  await bus.nats.flush();
  gate.resolve();
  await until("those that it holds", () => handled.length === 1_024);
  say(1_500);
  await until("the next one", () => handled.length === 1_025);
  assert.deepEqual(handled, [...Array(1_024).keys(), 1_500]);
  await stop();
  await bus.drain();
});
