/**
 * A Redis server for the peers that need one.
 *
 * @module
 */
import { freePort } from "../../harness/ports.ts";
import { startProcess } from "../../harness/process.ts";
import { until } from "../../harness/wait.ts";

/** A running redis-server. */
export interface Redis extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  readonly address: string;
}

/** Starts redis-server with an append-only file that is synced once a second, as NATS's is. */
export async function startRedis(): Promise<Redis> {
  const port = freePort();
  const data = await Deno.makeTempDir({ prefix: "hopwire-redis-" });
  const redis = startProcess("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", data],
    ...["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"],
  ]);
  await until("redis-server to accept connections", async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  });
  return {
    pid: redis.pid,
    url: `redis://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await redis.kill();
      await Deno.remove(data, { recursive: true });
    },
  };
}
