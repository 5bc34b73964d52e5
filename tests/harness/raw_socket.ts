/**
 * A member of a room on a raw socket, for tests of clients that read slowly or never.
 *
 * @module
 */
import assert from "node:assert/strict";
import { handshake } from "../bench/targets.ts";

/** Joins a room on a raw socket. What comes after that is not read. */
export async function joinOnRawSocket(
  port: number,
  user: string,
  room: string,
): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  await socket.write(new TextEncoder().encode(await handshake(user)));
  const frame = new TextEncoder().encode(JSON.stringify({ type: "subscribe", room }));
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
