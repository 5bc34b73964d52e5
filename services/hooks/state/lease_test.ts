/** One instance holds the lease, also when an answer of JetStream is lost. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { HOOK_STATE_SUBJECTS, HOOKS_STATE_STREAM } from "../../contract/mod.ts";
import { connectBus, createLogger } from "../../kit/mod.ts";
import { keepLease, RENEW_MS } from "./lease.ts";
import { createStateStore, type StateStore } from "./state_store.ts";

Deno.test("a renewal whose answer was lost is written again before it counts", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const manager = await jetstreamManager(bus.nats);
  const subjects = [HOOK_STATE_SUBJECTS];
  await manager.streams.add({ name: HOOKS_STATE_STREAM, subjects, max_msgs_per_subject: 1 });
  const store = createStateStore(bus);
  const writes: string[] = [];
  let lose = false;
  const watched: StateStore = {
    read: (key, schema) => store.read(key, schema),
    async write(key, value, expected) {
      const seq = await store.write(key, value, expected);
      writes.push(lose ? "lost" : seq === undefined ? "refused" : "written");
      // The keeper's next turn begins after this.
      if (seq === undefined) setTimeout(() => writes.push("turn"), RENEW_MS);
      if (!lose) return seq;
      lose = false;
      throw new Error("no answer");
    },
  };
  const nothing = () => {};
  const [first, second] = [watched, store].map((one) =>
    keepLease(bus, one, { taken: nothing, lost: nothing, looked: nothing })
  );
  await until("one to hold it", () => first!.held !== second!.held);
  if (second!.held) await second!.release();
  await until("the first to hold it", () => first!.held);
  lose = true;
  await until("the loss and what follows", () => {
    const at = writes.indexOf("lost");
    return at >= 0 && writes.length > at + 2;
  });
  const at = writes.indexOf("lost");
  assert.deepEqual(writes.slice(at, at + 3), ["lost", "refused", "written"]);
  assert.equal(first!.held, true);
  assert.equal(second!.held, false);
  await first!.release();
  await second!.release();
  await bus.drain();
});
