/**
 * A WebSocket client on a raw socket, which reads only when it is told to.
 *
 * @module
 */
import assert from "node:assert/strict";
import { handshake } from "../bench/targets.ts";

/** See the module's doc. */
export interface RawClient {
  /** Sends frames, as JSON, in one write. */
  send(...frames: object[]): Promise<void>;
  /** Reads until `text` has arrived. */
  readUntil(text: string): Promise<void>;
  close(): void;
}

/** Connects to a gateway on this machine as a user. */
export async function connectRaw(port: number, user: string): Promise<RawClient> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(4_096);
  let received = "";
  const client: RawClient = {
    async send(...frames) {
      const parts = frames.map((frame) => {
        const bytes = encoder.encode(JSON.stringify(frame));
        assert.ok(bytes.length < 126);
        // A zero mask leaves the payload as it is.
        return new Uint8Array([0x81, 0x80 | bytes.length, 0, 0, 0, 0, ...bytes]);
      });
      let bytes = new Uint8Array(parts.flatMap((part) => [...part]));
      while (bytes.length > 0) bytes = bytes.subarray(await socket.write(bytes));
    },
    async readUntil(text) {
      while (!received.includes(text)) {
        const length = await socket.read(chunk);
        assert.ok(length, `the connection closed before ${text}`);
        received += decoder.decode(chunk.subarray(0, length), { stream: true });
      }
      received = "";
    },
    close: () => socket.close(),
  };
  await socket.write(encoder.encode(await handshake(user)));
  await client.readUntil('"authenticated"');
  return client;
}
