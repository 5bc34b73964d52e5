/**
 * Uses the HTTP API, for tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  ALL_API_SCOPES,
  type ApiKey,
  type ApiScope,
  type ErrorCode,
} from "../../services/contract/mod.ts";
import { createApiKey } from "../../services/kit/mod.ts";
import { readApiKeys, writeApiKeys } from "../../services/start/api_keys.ts";
import type { System } from "./system.ts";
import { until } from "./wait.ts";

/** What the API answered. */
export interface ApiAnswer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** How a request differs from the usual one. */
export interface ApiRequest {
  key?: string | null;
  headers?: Record<string, string>;
  api?: number;
}

/** The API of a system. */
export interface TestApi {
  readonly url: string;
  /** A key that may do everything. */
  readonly key: string;
  /** Does an operation and returns the answer. */
  send(operation: string, body: unknown, request?: ApiRequest): Promise<ApiAnswer>;
  /** Does an operation that is done; returns what it answered. */
  // deno-lint-ignore no-explicit-any
  done(operation: string, body: unknown, request?: ApiRequest): Promise<any>;
  /** Does an operation that is refused with this code; returns the answer. */
  refused(
    code: ErrorCode,
    operation: string,
    body: unknown,
    request?: ApiRequest,
  ): Promise<ApiAnswer>;
  /** Makes a key, and waits until the API knows it. */
  addKey(about?: Partial<Omit<ApiKey, "scopes">> & { scopes?: ApiScope[] }): Promise<string>;
  /** Removes a key from the file. */
  removeKey(key: string): Promise<void>;
}

/** Uses the API of a system that was started with `apis`. */
export async function apiOf(system: System): Promise<TestApi> {
  const file = `${system.folder}/api-keys.json`;
  const urlOf = (index: number) => `http://127.0.0.1:${system.apis[index]!.port}`;
  const post = async (
    operation: string,
    body: unknown,
    { key, headers = {}, api = 0 }: ApiRequest,
  ): Promise<ApiAnswer> => {
    const response = await fetch(`${urlOf(api)}/v1/${operation}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...key === null ? {} : { authorization: `Bearer ${key}` },
        ...headers,
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) };
  };
  const addKey: TestApi["addKey"] = async (about = {}) => {
    const made = createApiKey({ name: "test", scopes: [...ALL_API_SCOPES], ...about });
    await writeApiKeys(file, [...await readApiKeys(file), made.entry]);
    for (let api = 0; api < system.apis.length; api++) {
      await until("the API to know the key", async () => {
        // Without scopes that would matter: an empty body is refused after the key is known.
        const { status } = await post("batch", {}, { key: made.key, api });
        return status !== 401 || (about.expiresAt ?? Infinity) < Date.now();
      });
    }
    return made.key;
  };
  const key = await addKey();
  const send: TestApi["send"] = (operation, body, request = {}) =>
    post(operation, body, { ...request, key: request.key === undefined ? key : request.key });
  return {
    url: urlOf(0),
    key,
    addKey,
    send,
    async done(operation, body, request) {
      const { status, body: answer } = await send(operation, body, request);
      assert.equal(status, 200, `${operation}: ${JSON.stringify(answer)}`);
      return answer;
    },
    async refused(code, operation, body, request) {
      const answer = await send(operation, body, request);
      assert.equal(answer.body.error?.code, code, `${operation}: ${JSON.stringify(answer.body)}`);
      return answer;
    },
    async removeKey(key) {
      const id = key.split("_")[1];
      await writeApiKeys(file, (await readApiKeys(file)).filter((entry) => entry.id !== id));
    },
  };
}
