/** Readers that never read: they delay nobody, and what they cost is bounded. */
import assert from "node:assert/strict";
import { handshake } from "../bench/targets.ts";
import { rssOf } from "../bench/processes.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const READERS = 100;
const MESSAGES = 400;
const BYTES = 30_000;

/** A member of a room on a bare socket: it reads until it is in, and never again. */
async function neverReading(port: number, index: number): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  await socket.write(new TextEncoder().encode(await handshake(`never-${index}`)));
  const frame = new TextEncoder().encode('{"type":"subscribe","room":"flood"}');
  const chunk = new Uint8Array(4_096);
  let text = "";
  let subscribed = false;
  while (!text.includes('"subscribed"')) {
    const length = await socket.read(chunk);
    assert.ok(length, "it was closed before it was in");
    text += new TextDecoder().decode(chunk.subarray(0, length));
    if (subscribed || !text.includes('"authenticated"')) continue;
    subscribed = true;
    // A mask of nought: it is there, and changes nothing.
    await socket.write(new Uint8Array([0x81, 0x80 | frame.length, 0, 0, 0, 0, ...frame]));
  }
  return socket;
}

Deno.test("a hundred readers that never read cost bounded memory, and delay nobody", async () => {
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
  // Each is closed with 4101 once more than 1 MiB waits for it; then none is in the room any more.
  await until("all of them to be closed", async () => {
    reader.send({ type: "presence", room: "flood", id: `p-${performance.now()}` });
    return (await reader.take("presence")).count === 2;
  });
  // 12 MB was said to each of them; what waits is 1 MiB each at most, and shared where it is a room's.
  assert.ok(most - before < 200 * 2 ** 20, `${(most - before) / 2 ** 20} MiB`);
  for (const socket of sockets) socket.close();
});
