/**
 * The topology of compose.yaml's profile `cluster`, started from the previous commit. Every process is
 * replaced by one of this commit while users talk through the balancer.
 */
import assert from "node:assert/strict";
import pg from "pg";
import { WebSocket } from "ws";
import { createApiKey } from "../../services/kit/mod.ts";
import { writeApiKeys } from "../../services/start/api_keys.ts";
import { aptInstall } from "../../services/start/apt.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { probe } from "../../services/start/probe.ts";
import { type BalancedSystem, startBalancedSystem } from "../harness/balanced_system.ts";
import { postgresMissing } from "../harness/postgres.ts";
import { earlierRelease, PRESENT } from "../harness/release.ts";
import { tokenFor } from "../harness/system.ts";
import { startTalkers } from "../harness/talkers.ts";
import { until, within } from "../harness/wait.ts";

/** Why the test cannot run, or null. */
async function missing(): Promise<string | null> {
  if (await findOnPath("haproxy") === null) await aptInstall(["haproxy"], () => {});
  if (await findOnPath("haproxy") === null) return "HAProxy is not installed";
  return await postgresMissing();
}

const reason = await missing();
// deno-lint-ignore no-console
if (reason !== null) console.log(`skipping the rolling upgrade: ${reason}`);

/** Connects a WebSocket through the balancer; returns the id of its gateway and closes it. */
async function gatewayOf({ url, authority }: BalancedSystem): Promise<string> {
  const socket = new WebSocket(`${url.replace("https", "wss")}/ws`, {
    ca: authority,
    headers: { authorization: `Bearer ${await tokenFor("newcomer")}` },
  });
  try {
    const frame = await within(
      "a frame",
      new Promise<string>((resolve, reject) => {
        socket.on("message", (data) => resolve(String(data)));
        socket.on("error", reject);
      }),
    );
    const { type, connectionId } = JSON.parse(frame);
    assert.equal(type, "authenticated", frame);
    return connectionId.split("-")[0];
  } finally {
    socket.close();
  }
}

/** Asks the API through the balancer. Returns the status. */
async function askApi({ apiUrl }: BalancedSystem, key: string, client: Deno.HttpClient) {
  const response = await fetch(`${apiUrl}/v1/stats`, {
    client,
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: "{}",
  });
  await response.body?.cancel();
  return response.status;
}

Deno.test({
  name: "a rolling upgrade from the previous commit, behind a balancer, loses nothing",
  ignore: reason !== null,
  async fn() {
    const earlier = await earlierRelease();
    if (typeof earlier === "string") {
      // deno-lint-ignore no-console
      console.log(`restarting this release instead of upgrading to it: ${earlier}`);
    }
    await using release = typeof earlier === "string" ? PRESENT : earlier;
    await using system = await startBalancedSystem(release, {
      gateway: { DRAIN_WINDOW_MS: "3000" },
    });
    using client = Deno.createHttpClient({ caCerts: [system.authority] });
    const { key, entry } = createApiKey({ name: "test", scopes: ["stats"] });
    await writeApiKeys(system.apiKeysFile, [entry]);
    await until("the API to know the key", async () => {
      return await askApi(system, key, client) === 200;
    });

    using talkers = await startTalkers({
      url: system.url,
      rooms: 6,
      client: {
        WebSocket: class extends WebSocket {
          constructor(url: string) {
            super(url, { ca: system.authority });
          }
        },
        fetch: (url, init) => fetch(url, { ...init as RequestInit, client }),
      },
    });
    const gateways = new Set<string>();
    await until("newcomers at three gateways", async () => {
      return gateways.add(await gatewayOf(system)).size === 3;
    });

    for (const instance of system.instances) {
      const replaced = instance.replace(PRESENT);
      if (instance.service === "gateway") {
        await until("its drain", async () => (await probe(instance.healthUrl)).text.includes("dr"));
        // While it drains, newcomers still get in.
        await gatewayOf(system);
      }
      assert.equal(await replaced, 0, `${instance.name} ended with an error`);
      if (instance.service === "api") assert.equal(await askApi(system, key, client), 200);
      await instance.ready();
      await talkers.talkOn();
    }
    assert.ok(await talkers.judge() > 0, "nobody was moved");
    await until("new gateways alone", async () => {
      assert.ok(!gateways.has(await gatewayOf(system)));
      return true;
    });

    const database = new pg.Client({ connectionString: system.databaseUrl });
    await database.connect();
    await until("the archive to have each message", async () => {
      const { rows } = await database.query("SELECT count(*)::int AS count FROM hopwire_message");
      return rows[0].count === talkers.sent;
    });
    await database.end();
  },
});
