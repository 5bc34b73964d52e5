/** Clients that never read: they delay nobody, and their memory is bounded. */
import assert from "node:assert/strict";
import { rssOf } from "../bench/processes.ts";
import { joinOnRawSocket } from "../harness/raw_socket.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const READERS = 100;
const MESSAGES = 400;
const BYTES = 30_000;

Deno.test("a hundred clients that never read use bounded memory and delay nobody", async () => {
  await using system = await startSystem({ env: { gateway: { PRESENCE_LINGER_MS: "0" } } });
  const { port, process } = system.gateways[0]!;
  const [reader, speaker] = [
    await system.client({ user: "reader" }),
    await system.client({ user: "speaker" }),
  ];
  for (const client of [reader, speaker]) {
    client.send({ type: "subscribe", room: "flood" });
    await client.take("subscribed");
  }
  const sockets: Deno.TcpConn[] = [];
  for (let i = 0; i < READERS; i++) {
    sockets.push(await joinOnRawSocket(port, `never-${i}`, "flood"));
  }
  const before = rssOf(process.pid);
  let most = before;
  const content = "x".repeat(BYTES);
  for (let i = 0; i < MESSAGES; i++) {
    speaker.send({ type: "message", room: "flood", id: `m-${i}`, content });
    if (i % 20 !== 19) continue;
    await reader.takeMany("room-message", 20);
    most = Math.max(most, rssOf(process.pid));
  }
  // Each is closed with 4101 once more than 1 MiB is pending. Then none is in the room.
  await until("all of them to be closed", async () => {
    reader.send({ type: "presence", room: "flood", id: `p-${performance.now()}` });
    return (await reader.take("presence")).count === 2;
  });
  // Each was sent 12 MB. At most 1 MiB is pending per client, and members of a room share it.
  assert.ok(most - before < 200 * 2 ** 20, `${(most - before) / 2 ** 20} MiB`);
  for (const socket of sockets) socket.close();
});
