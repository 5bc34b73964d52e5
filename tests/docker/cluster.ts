/**
 * The checks of the profile `cluster`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { until, within } from "../harness/wait.ts";
import { check } from "./check.ts";
import { say } from "./commands.ts";
import type { ComposeSystem } from "./system.ts";

const [PAGE, SOCKET] = ["https://localhost:8443/", "wss://localhost:8443/ws"];

const ROOM = "chat.cluster";

/** How long a request may fail after a server was killed, milliseconds. */
const RECOVERY_MS = 60_000;

/** What a client of the cluster trusts. */
interface Trust {
  authority: string;
  client: Deno.HttpClient;
}

/** Publishes a message through the balancer, and waits until it is acknowledged and delivered. */
async function sayInRoom(content: string, { authority, client }: Trust): Promise<void> {
  const response = await fetch(`${PAGE}token`, {
    client,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "Ann", userId: "ann" }),
  });
  const { token } = await response.json();
  const socket = new WebSocket(SOCKET, {
    ca: authority,
    headers: { authorization: `Bearer ${token}` },
  });
  const send = (frame: object) => socket.send(JSON.stringify(frame));
  try {
    await within(
      "the message",
      new Promise<void>((resolve, reject) => {
        socket.on("error", reject);
        socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
        socket.on("message", (data) => {
          const frame = JSON.parse(String(data));
          if (frame.type === "error") reject(new Error(JSON.stringify(frame)));
          if (frame.type === "authenticated") send({ type: "subscribe", channel: ROOM });
          if (frame.type === "subscribed") send({ type: "message", room: ROOM, content, id: "1" });
          if (frame.type === "room-message" && frame.content === content) resolve();
        });
      }),
    );
  } finally {
    socket.close();
  }
}

/** Starts the cluster, kills parts of it, and removes it with its data. */
export async function tryCluster(system: ComposeSystem): Promise<void> {
  const compose = (...args: string[]) => system.compose("--profile", "cluster", ...args);
  const up = async () => {
    await compose("up", "-d", "balancer");
    await system.healthy("cluster");
  };
  try {
    if (!await check("the cluster comes up healthy", up)) {
      say(await compose("logs", "--no-color", "--tail", "20"));
      return;
    }
    const { stdout: authority } = await system.exec(
      "balancer",
      "cat",
      "/secrets/balancer/authority.pem",
    );
    using client = Deno.createHttpClient({ caCerts: [authority] });
    const trust = { authority, client };
    await check("a client talks through the balancer", () => sayInRoom("first", trust));
    await check("the demo page responds by TLS", async () => {
      assert.match(await (await fetch(PAGE, { client })).text(), /<html/i);
    });
    for (const service of ["gateway-1", "auth-1", "rooms-2", "nats-2"]) {
      await check(`clients talk on after the end of ${service}`, async () => {
        await compose("kill", service);
        await until("a client to talk", async () => {
          await sayInRoom(`without ${service}`, trust);
          return true;
        }, RECOVERY_MS);
        await compose("start", service);
        await system.healthy("cluster");
      });
    }
    await check("the archive has the messages", async () => {
      await until("them", async () => {
        const sql = `SELECT count(*) FROM hopwire_message WHERE room = '${ROOM}'`;
        const psql = ["psql", "-U", "hopwire", "-Atc", sql];
        return Number((await system.exec("cluster-postgres", ...psql)).stdout) >= 5;
      }, RECOVERY_MS);
    });
  } finally {
    await compose("down", "-v");
  }
}
