/**
 * Uses the HTTP API that compose.yaml runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../harness/wait.ts";
import type { ComposeSystem } from "./system.ts";

/** Where compose.yaml publishes it. */
const API = "http://127.0.0.1:8070";

/** Makes a key in the container `secrets`, as services/api/README.md says. */
const CREATE = [
  "--allow-env=DATA_DIR,API_KEYS_FILE",
  "--allow-read=/secrets/api",
  "--allow-write=/secrets/api",
  "services/start/commands/api_key.ts",
  "create",
  "--scopes",
  "stats",
  "--file",
  "/secrets/api/api-keys.json",
];

/** Makes a key, and waits until the running API takes it. */
export async function useApi(system: ComposeSystem): Promise<void> {
  const made = await system.compose("run", "--rm", "--user", "deno", "secrets", ...CREATE);
  const key = /^hw_\S+/m.exec(made)?.[0];
  assert.ok(key !== undefined, made);
  await until("the API to know the key", async () => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${API}/v1/stats`, { method: "POST", headers, body: "{}" });
    await response.body?.cancel();
    return response.status === 200;
  });
}
