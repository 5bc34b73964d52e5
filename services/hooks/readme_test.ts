/** The README's blocks match the schemas, and the example receiver verifies what hooks signs. */
import assert from "node:assert/strict";
import { codeBlock, codeBlocks } from "../../tests/harness/code_blocks.ts";
import { freePort } from "../../tests/harness/ports.ts";
import { startProcess } from "../../tests/harness/process.ts";
import { secretOf } from "../../tests/harness/receiver.ts";
import { ROOT } from "../../tests/harness/root.ts";
import { until } from "../../tests/harness/wait.ts";
import { WebhookBatch, WebhookEvent } from "../contract/mod.ts";
import { signedHeaders } from "./delivery/sign.ts";
import { parseEndpoints } from "./endpoints_file.ts";

const file = await codeBlock("services/hooks/README.md", "# Webhooks", "json");
const [event, batch] = await codeBlocks("services/hooks/README.md", "## Events", "json", 2);

Deno.test("the README's file and bodies match the schemas", () => {
  assert.equal(parseEndpoints(file).length, 2);
  for (const [schema, json] of [[WebhookEvent, event!], [WebhookBatch, batch!]] as const) {
    assert.deepEqual(schema.parse(JSON.parse(json)), JSON.parse(json));
  }
});

Deno.test("the example receiver takes what is signed, once, and nothing else", async () => {
  const port = freePort();
  await using receiver = startProcess(
    Deno.execPath(),
    ["run", "--frozen", "--allow-net", "--allow-env", "services/hooks/examples/receiver.ts"],
    { cwd: ROOT, env: { PORT: String(port), WEBHOOK_SECRET: secretOf(1) } },
  );
  const post = async (body: string, secret: string) => {
    const signed = signedHeaders({ id: "x", seconds: Math.floor(Date.now() / 1_000), body }, [
      secret,
    ]);
    const url = `http://127.0.0.1:${port}/`;
    const response = await fetch(url, { method: "POST", body, headers: signed });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await until("the receiver to answer", () => post(event!, secretOf(1))), 204);
  assert.equal(await post(event!, secretOf(2)), 401);
  assert.equal(await post(event!, secretOf(1)), 204);
  assert.equal(await post(batch!, secretOf(1)), 204);
  await receiver.line("room.vacated");
  assert.equal(receiver.output.filter((line) => line.includes("room.message")).length, 1);
});
