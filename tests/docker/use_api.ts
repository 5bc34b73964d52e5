/**
 * Uses the HTTP API that compose.yaml runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { changed, codeBlocks, commandLines } from "../harness/code_blocks.ts";
import { until } from "../harness/wait.ts";
import type { ComposeSystem } from "./system.ts";

/** Where compose.yaml publishes it. */
const API = "http://127.0.0.1:8070";

/** Makes a key by the command of services/api/README.md, and waits until the running API takes it. */
export async function useApi(system: ComposeSystem): Promise<void> {
  const [, block] = await codeBlocks("services/api/README.md", "## Keys", "sh", 2);
  const [command] = commandLines(changed(block!, ["--scopes publish", "--scopes stats"]));
  const [docker, compose, ...args] = command!.split(/ +/);
  assert.deepEqual([docker, compose], ["docker", "compose"]);
  const made = await system.compose(...args);
  const key = /^hw_\S+/m.exec(made)?.[0];
  assert.ok(key !== undefined, made);
  await until("the API to know the key", async () => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${API}/v1/stats`, { method: "POST", headers, body: "{}" });
    await response.body?.cancel();
    return response.status === 200;
  });
}
