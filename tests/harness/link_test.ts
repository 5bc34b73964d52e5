/** A link with a delay: bytes come late, in order, and no more than its bound are under way. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { startLink } from "./link.ts";
import { until, within } from "./wait.ts";

const DELAY_MS = 30;
const BOUND = 64 * 1024;
const PART = new Uint8Array(16 * 1024);
const PARTS = 128;
/** What a socket reads at once. */
const READ = 64 * 1024;

Deno.test("a link with a delay keeps order, and makes the sender wait at its bound", async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => accepted.resolve(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await using link = await startLink(port, { delay: DELAY_MS, maxUnderWay: BOUND });
  const near = connect(link.port, "127.0.0.1");
  try {
    near.on("error", () => {});
    const far = await within("the connection", accepted.promise);
    far.on("error", () => {});
    const received: number[] = [];
    far.on("data", (bytes: Uint8Array) => {
      for (let i = 0; i < bytes.length; i++) received.push(bytes[i]!);
    });
    const began = performance.now();
    near.write("0");
    near.write("1");
    await until("two bytes", () => received.length === 2);
    assert.deepEqual(received, [48, 49]);
    assert.ok(performance.now() - began >= DELAY_MS);

    // No more than the bound and one read of 64 KiB are under way during each delay.
    const started = performance.now();
    for (let i = 0; i < PARTS; i++) near.write(PART.map(() => i));
    link.silence();
    link.heal();
    await until("everything", () => received.length === 2 + PARTS * PART.length);
    const fewest = Math.floor(PARTS * PART.length / (BOUND + READ)) - 1;
    assert.ok(performance.now() - started >= fewest * DELAY_MS, "the bound does not hold");
    for (let i = 2; i < received.length; i += PART.length) {
      assert.equal(received[i], Math.floor((i - 2) / PART.length));
    }

    const ended = new Promise((resolve) => near.on("close", resolve));
    link.cut();
    await within("the cut", ended);
    assert.equal(link.connections, 0);
  } finally {
    near.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});
