import assert from "node:assert/strict";
import { freePort } from "../../harness/ports.ts";
import { startSystem } from "../../harness/system.ts";
import { until } from "../../harness/wait.ts";
import { compare } from "./interest.ts";

Deno.test("interest per room brings what gateways hold, interest per bucket brings everything", async () => {
  const setting = { gateways: 4, rooms: 200, held: 50, messages: 1_000 };
  const { rooms, buckets } = await compare(setting);
  assert.deepEqual([rooms.subscriptions, rooms.received, rooms.wanted], [200, 1_000, 1_000]);
  assert.deepEqual([buckets.received, buckets.wanted], [4_000, 1_000]);
  assert.equal(buckets.subscriptions, 4 * 64);
});

Deno.test("a gateway has three subscriptions for each room that it holds, whatever its members", async () => {
  const monitoring = freePort();
  await using system = await startSystem({ natsConfig: `http: "127.0.0.1:${monitoring}"\n` });
  const subscriptions = async () => {
    const response = await fetch(`http://127.0.0.1:${monitoring}/connz?subs=true`);
    const { connections } = await response.json();
    const gateway = connections.find(({ name }: { name: string }) => name === "hopwire-gateway");
    return (gateway.subscriptions_list as string[]).filter((subject) =>
      /\.talk\.\d+$/.test(subject)
    );
  };
  const clients = [await system.client({ user: "ann" }), await system.client({ user: "bea" })];
  for (const client of clients) {
    for (let room = 0; room < 10; room++) {
      client.send({ type: "subscribe", room: `talk.${room}` });
      await client.take("subscribed");
    }
  }
  await until("three for each", async () => (await subscriptions()).length === 30);
});
