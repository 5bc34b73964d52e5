/** A server that is cut off from its cluster is left for one that is not. */
import assert from "node:assert/strict";
import { startNatsCluster } from "../../tests/harness/nats_cluster.ts";
import { until } from "../../tests/harness/wait.ts";
import { connectBus } from "./bus.ts";
import { leaveCutOffServer } from "./cut_off_server.ts";
import { createLogger } from "./log.ts";

/** How long it may take: the server's own patience with a lost quorum, and ours. */
const LEFT_MS = 45_000;

Deno.test("a connection leaves a server through which JetStream does not answer", async () => {
  await using cluster = await startNatsCluster();
  const lines: string[] = [];
  const log = createLogger("test", { format: "text", write: (line) => void lines.push(line) });
  const bus = await connectBus({ url: cluster.url, name: "test", log });
  const stop = leaveCutOffServer(bus, "ANY");
  try {
    const name = () => bus.nats.info?.server_name;
    const before = cluster.servers.find((server) => server.name === name())!;
    cluster.isolate(before, "silence");
    await until("another server", () => bus.connected && name() !== before.name, LEFT_MS);
    assert.ok(lines.some((line) => /trying another one server=n\d/.test(line)), lines.join("\n"));
    // The rest of the cluster answers: there is no such stream.
    const reply = await until(
      "an answer",
      () => bus.nats.request("$JS.API.STREAM.INFO.ANY", "", { timeout: 2_000 }),
    );
    assert.equal(reply.json<{ error: { code: number } }>().error.code, 404);
  } finally {
    stop();
    cluster.heal();
    await bus.drain();
  }
});
