import { jetstreamManager } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { deleteOldBucket } from "./old_bucket.ts";
import { connectTestBus } from "./rooms_suite.ts";

Deno.test("the bucket of an earlier release is deleted, and no other stream", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const { streams } = await jetstreamManager(bus.nats);
  for (const name of ["KV_PRESENCE", "KV_OTHER"]) {
    await streams.add({ name, subjects: [`$KV.${name.slice(3)}.>`] });
  }
  await deleteOldBucket(bus);
  const names: string[] = [];
  for await (const { config } of streams.list()) names.push(config.name);
  assert.deepEqual(names, ["KV_OTHER"]);
});

Deno.test("where there is none, nothing happens and nothing is logged as a warning", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await deleteOldBucket(bus);
  assert.deepEqual(bus.lines.filter((line) => /"level":"(warn|error)"/.test(line)), []);
});
