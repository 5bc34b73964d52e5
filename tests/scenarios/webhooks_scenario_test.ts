/** Webhooks of messages, and the commands of an operator: delivered at least once, to each endpoint by itself. */
import assert from "node:assert/strict";
import * as z from "zod";
import {
  connectBus,
  createLogger,
  NATS_CONFIG,
  natsOptions,
  readConfig,
} from "../../services/kit/mod.ts";
import { webhooks } from "../../services/start/commands/webhooks.ts";
import { codeBlock, commandLines } from "../harness/code_blocks.ts";
import { secretOf, startReceiver, writeWebhooks } from "../harness/receiver.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** Quick tries, so that a test need not wait. */
const RETRY = { firstDelayMs: 50, maxDelayMs: 400, maxAttempts: 1_000 };

Deno.test("messages reach the endpoints that want them", async (t) => {
  await using shop = startReceiver();
  await using slow = startReceiver([secretOf(2)]);
  const common = { events: ["room.message"], retry: RETRY, timeoutMs: 2_000 };
  const endpoints = {
    shop: { ...common, id: "shop", url: shop.url, secrets: [secretOf(1)], rooms: ["chat.*"] },
    slow: { ...common, id: "slow", url: slow.url, secrets: [secretOf(2)] },
  };
  await using system = await startSystem({ webhooks: Object.values(endpoints) });
  const change = (changes: { [id in keyof typeof endpoints]?: object }) =>
    writeWebhooks(
      system.folder,
      Object.entries(endpoints).map(([id, one]) => ({ ...one, ...changes[id as "shop"] })),
    );
  const ann = await system.client({ user: "ann" });
  for (const room of ["chat.a", "news"]) {
    ann.send({ type: "subscribe", room });
    await ann.take("subscribed");
  }
  let count = 0;
  const say = async (room = "chat.a") => {
    const id = `m${count++}`;
    ann.send({ type: "message", room, content: { n: count }, id });
    await ann.take("ack");
    return id;
  };
  const arrived = (id: string, receiver = shop) =>
    receiver.event("room.message", ({ data }) => data.id === id);

  await t.step("signed, with what the message says, in the rooms that are wanted", async () => {
    await say("news");
    const id = await say();
    const { data } = await arrived(id);
    assert.deepEqual(
      [data.room, data.userId, data.username, data.content],
      ["chat.a", "ann", "ann", { n: 2 }],
    );
    assert.equal(shop.events.length, 1);
    const [{ id: webhookId, events }] = shop.accepted as [typeof shop.accepted[number]];
    assert.equal(webhookId, events[0]!.id);
    await arrived("m0", slow);
  });

  await t.step(
    "a receiver that is down for a while gets everything, under the same ids",
    async () => {
      await shop.close();
      const first = shop.requests.length;
      const ids = [await say(), await say(), await say()];
      shop.open();
      let refused = 2;
      shop.answer = () => refused-- > 0 ? 500 : 204;
      for (const id of ids) await arrived(id);
      const requests = shop.requests.slice(first);
      assert.ok(requests.length >= 5);
      assert.equal(new Set(requests.map(({ id }) => id)).size, 3);
    },
  );

  await t.step("an endpoint that does not answer delays no other", async () => {
    const release = Promise.withResolvers<void>();
    slow.answer = async () => {
      await release.promise;
      return 204;
    };
    const before = slow.accepted.length;
    const ids = await Promise.all(Array.from({ length: 20 }, () => say()));
    for (const id of ids) await arrived(id);
    assert.equal(slow.accepted.length, before);
    release.resolve();
    slow.answer = () => 204;
    for (const id of ids) await arrived(id, slow);
  });

  await t.step("batches: several events in one request, within their bounds", async () => {
    await change({ shop: { batch: { maxEvents: 7, maxWaitMs: 200 } } });
    await system.hooks[0]!.process.line("read the endpoints of webhooks again");
    const first = shop.requests.length;
    const ids = await Promise.all(Array.from({ length: 30 }, () => say()));
    for (const id of ids) await arrived(id);
    const sizes = shop.requests.slice(first).map(({ events }) => events.length);
    assert.ok(Math.max(...sizes) > 1 && Math.max(...sizes) <= 7, sizes.join());
  });

  await t.step("secrets rotate: both sign, and a receiver may know either", async () => {
    await change({ shop: { secrets: [secretOf(3), secretOf(1)] } });
    await until("two signatures", async () => {
      await arrived(await say());
      return shop.requests.at(-1)!.headers.get("webhook-signature")!.split(" ").length === 2;
    });
    shop.secrets = [secretOf(3)];
    await arrived(await say());
    await change({ shop: { secrets: [secretOf(3)] } });
    await until("one signature", async () => {
      await arrived(await say());
      return shop.requests.at(-1)!.headers.get("webhook-signature")!.split(" ").length === 1;
    });
  });

  await t.step("a wrong file leaves the endpoints as they were, and says why", async () => {
    await change({ shop: { url: "http://shop.example/hooks" } });
    await system.hooks[0]!.process.line(/old ones stay.*https/);
    await change({ shop: { secrets: [secretOf(3)] } });
  });

  await t.step("kill -9 while events are under way: nothing is missing", async () => {
    let requests = 0;
    shop.answer = () => ++requests % 3 === 0 ? 503 : 204;
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push(await say());
    await system.hooks[0]!.restart();
    for (let i = 0; i < 20; i++) ids.push(await say());
    for (const id of ids) await arrived(id);
    for (const id of ids) await arrived(id, slow);
  });
});

Deno.test("events that an endpoint refuses are given up, and can be replayed", async (t) => {
  await using shop = startReceiver();
  const endpoint = {
    id: "shop",
    url: shop.url,
    secrets: [secretOf(1)],
    events: ["room.message"],
    retry: { firstDelayMs: 20, maxDelayMs: 50, maxAttempts: 4 },
    batch: { maxEvents: 10, maxWaitMs: 50 },
  };
  const env = { gateway: { STATE_CONNECTIONS: "false" } };
  await using system = await startSystem({ webhooks: [endpoint], hooks: 1, env });
  const log = createLogger("test", { level: "error", format: "text" });
  const options = natsOptions(
    readConfig(z.object(NATS_CONFIG), (name) => system.natsEnv("operator")[name]),
    "operator",
  );
  const bus = await connectBus({ options, name: "operator", log });
  const command = (...args: string[]) => webhooks(bus, args);
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "chat.a" });
  await ann.take("subscribed");
  const say = async (content: string) => {
    ann.send({ type: "message", room: "chat.a", content, id: content });
    await ann.take("ack");
  };
  const contents = () =>
    shop.events.map(({ data }) => (data as { content?: unknown }).content as string);
  let poison = true;
  shop.answer = ({ events }) =>
    poison && events.some(({ data }) => (data as { content?: unknown }).content === "poison")
      ? new Response("cannot read this", { status: 422 })
      : 204;

  await t.step("a poisonous event does not take others with it", async () => {
    await Promise.all(["one", "poison", "two"].map(say));
    await until("the dead letter", async () => /poison|422/.test(await command("dead")));
    const dead = await command("dead", "--endpoint", "shop");
    assert.match(dead, /shop {2}msg_\S+ {2}room\.message, 4 attempts: HTTP 422: cannot read this$/);
    assert.deepEqual([...new Set(contents())].sort(), ["one", "two"]);
    assert.equal(await command("dead", "--endpoint", "other"), "there are no dead letters");
  });

  await t.step("an event that is given up again soon after its replay is kept again", async () => {
    const id = /msg_\S+/.exec(await command("dead"))![0];
    assert.equal(await command("replay", "--all"), "1 event is sent again");
    await until("the letter", async () => (await command("dead")).includes(id));
    const attempts = shop.requests.filter(({ events }) => events.some((event) => event.id === id));
    assert.ok(attempts.length >= 8, `${attempts.length} attempts`);
  });

  await t.step("replay delivers it, once, under the same id", async () => {
    poison = false;
    const id = /msg_\S+/.exec(await command("dead"))![0];
    assert.equal(await command("replay", "--id", "msg_0_0"), "0 events are sent again");
    assert.equal(await command("replay", "--since", "2020-01-01"), "1 event is sent again");
    const event = await shop.event("room.message", (event) => event.id === id);
    assert.equal(event.data.content, "poison");
    assert.equal(await command("dead"), "there are no dead letters");
    assert.equal(await command("replay", "--all"), "0 events are sent again");
  });

  await t.step("the commands of services/hooks/README.md", async () => {
    const block = await codeBlock("services/hooks/README.md", "## Retries", "sh");
    const answers: string[] = [];
    // Hooks looks every two seconds what waits.
    await until("nothing to wait", async () => (await command("list")).includes("ok: 0 waiting"));
    for (const line of commandLines(block)) {
      const [, words] = /^deno task webhooks (.+)$/.exec(line)!;
      answers.push(await command(...words!.split(" ")));
    }
    const expected = [
      /^shop {2}ok: 0 waiting/,
      /^there are no dead letters$/,
      /^0 events are sent again$/,
      /^shop: HTTP 204, in \d+ ms$/,
      /^shop is enabled$/,
    ];
    assert.equal(answers.length, expected.length);
    expected.forEach((pattern, index) => assert.match(answers[index]!, pattern));
    await shop.event("webhook.test");
  });

  await t.step("test sends one event, and says what came back", async () => {
    assert.match(await command("test", "shop"), /^shop: HTTP 204, in \d+ ms$/);
    await shop.event("webhook.test");
    shop.answer = () => new Response(null, { status: 302, headers: { location: "/other" } });
    await assert.rejects(command("test", "shop"), /HTTP 302/);
    await assert.rejects(command("test", "other"), /there is no endpoint other/);
    await assert.rejects(command("replay"), /usage/);
  });

  await t.step("410 disables an endpoint, also after a restart; its events wait", async () => {
    shop.answer = () => 410;
    await say("while-gone");
    const disabled = () => command("list").then((text) => /shop {2}disabled \(it ans/.test(text));
    await until("the endpoint to be disabled", disabled);
    await system.hooks[0]!.restart();
    await system.hooks[0]!.ready();
    await until("the endpoint to be disabled again", disabled);
    shop.answer = () => 204;
    await say("later");
    const requests = shop.requests.length;
    assert.match(await command("list"), /shop {2}disabled/);
    assert.equal(shop.requests.length, requests);
    assert.equal(await command("enable", "shop"), "shop is enabled");
    await until("what has waited", () => contents().includes("while-gone"));
    await until("what came meanwhile", () => contents().includes("later"));
    await until("nothing to wait", async () => /shop {2}ok: 0 waiting/.test(await command("list")));
  });

  await t.step(
    "a gateway that does not state connections is warned of, if they matter",
    async () => {
      const { process } = system.hooks[0]!;
      const warning = "a gateway runs without STATE_CONNECTIONS";
      assert.ok(!process.output.some((line) => line.includes(warning)));
      await writeWebhooks(system.folder, [{
        ...endpoint,
        events: ["room.message", "user.connected"],
      }]);
      await process.line(warning);
    },
  );

  await t.step(
    "what the file disables, or does not have, is neither enabled nor replayed",
    async () => {
      poison = true;
      shop.answer = () => new Response("\x1b[2Jcannot\x07 read this", { status: 422 });
      await say("another");
      await until("the dead letter", async () => /another|422/.test(await command("dead")));
      assert.match(await command("dead"), /HTTP 422: \[2Jcannot read this$/);
      const { process } = system.hooks[0]!;
      await writeWebhooks(system.folder, [{ ...endpoint, enabled: false }]);
      await until("the file", async () => /shop {2}disabled/.test(await command("list")));
      await assert.rejects(command("enable", "shop"), /"enabled": false/);
      await writeWebhooks(system.folder, [{ ...endpoint, id: "other" }]);
      await until("the file", async () => /^other /.test(await command("list")), 10_000);
      assert.equal(process.ended, undefined);
      await assert.rejects(command("replay", "--endpoint", "shop"), /there is no endpoint shop/);
      assert.equal(await command("replay", "--all"), "0 events are sent again");
      assert.match(await command("dead"), /shop {2}msg_/);
    },
  );
  await bus.drain();
});
