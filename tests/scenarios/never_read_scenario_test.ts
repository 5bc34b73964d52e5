/** Clients that never read: they delay nobody, and their memory is bounded. */
import assert from "node:assert/strict";
import { handshake } from "../bench/targets.ts";
import { rssOf } from "../bench/processes.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const READERS = 100;
const MESSAGES = 400;
const BYTES = 30_000;

/** A member of a room on a raw socket. It reads until it has joined, and never again. */
async function neverReading(port: number, index: number): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  await socket.write(new TextEncoder().encode(await handshake(`never-${index}`)));
  const frame = new TextEncoder().encode('{"type":"subscribe","room":"flood"}');
  const chunk = new Uint8Array(4_096);
  let text = "";
  let subscribed = false;
  while (!text.includes('"subscribed"')) {
    const length = await socket.read(chunk);
    assert.ok(length, "the connection closed before the join");
    text += new TextDecoder().decode(chunk.subarray(0, length));
    if (subscribed || !text.includes('"authenticated"')) continue;
    subscribed = true;
    // A zero mask leaves the payload as it is.
    await socket.write(new Uint8Array([0x81, 0x80 | frame.length, 0, 0, 0, 0, ...frame]));
  }
  return socket;
}

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
  for (let i = 0; i < READERS; i++) sockets.push(await neverReading(port, i));
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
