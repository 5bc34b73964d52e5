/** The client in a worker, which has no document and no window. */
import assert from "node:assert/strict";
import { ROOT } from "../harness/root.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { within } from "../harness/wait.ts";

Deno.test("the client runs in a worker", async () => {
  await using system = await startSystem();
  const program = `import { Hopwire } from "file://${ROOT}client/mod.ts";
self.onmessage = async ({ data: { url, token } }) => {
  const hop = new Hopwire(url, { token });
  const room = hop.join("chat.worker");
  const received = new Promise((resolve) => room.on("message", ({ content }) => resolve(content)));
  const { seq } = await room.send("from a worker");
  self.postMessage([seq > 0, await received]);
  hop.close();
};`;
  const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  const worker = new Worker(address, { type: "module" });
  try {
    const answer = new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    worker.postMessage({ url: system.url(), token: await tokenFor("ann") });
    assert.deepEqual(await within("the worker", answer), [true, "from a worker"]);
  } finally {
    worker.terminate();
    URL.revokeObjectURL(address);
  }
});
