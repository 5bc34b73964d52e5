import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../kit/mod.ts";
import { GATEWAY_CONFIG } from "./config.ts";

const originsOf = (text: string) =>
  readConfig(z.object(GATEWAY_CONFIG), (name) => name === "ALLOWED_ORIGINS" ? text : undefined)
    .ALLOWED_ORIGINS;

Deno.test("ALLOWED_ORIGINS accepts origins as browsers send them, and *", () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["*", ["*"]],
    ["https://app.example", ["https://app.example"]],
    ["http://localhost:5173, https://a.example:8443", [
      "http://localhost:5173",
      "https://a.example:8443",
    ]],
    ["http://[::1]:3000", ["http://[::1]:3000"]],
    ["capacitor://localhost", ["capacitor://localhost"]],
    ["chrome-extension://abcdef", ["chrome-extension://abcdef"]],
  ];
  for (const [text, origins] of cases) assert.deepEqual(originsOf(text), origins);
});

Deno.test("ALLOWED_ORIGINS refuses what no browser sends, and says what to write", () => {
  const cases: [string, string][] = [
    [
      "localhost:5173",
      '"localhost:5173" has no scheme, write "http://localhost:5173" or "https://localhost:5173"',
    ],
    ["https://app.example,app.example", '"app.example" has no scheme'],
    ["null", '"null" has no scheme'],
    ["https://app.example/", 'write "https://app.example/" as "https://app.example"'],
    ["https://app.example/chat?x=1", 'as "https://app.example"'],
    ["https://App.example:443", 'write "https://App.example:443" as "https://app.example"'],
    ["capacitor://localhost/", 'as "capacitor://localhost"'],
    ["https://*.example", 'wildcards such as "https://*.example" are not supported'],
    ["wss://app.example", '"wss://app.example" must start with http:// or https://'],
    ["https://", '"https://" is not an origin'],
    ["https://user:hunter2@app.example", "an origin has no credentials"],
  ];
  for (const [text, problem] of cases) {
    assert.throws(() => originsOf(text), (error) => {
      const { message } = error as Error;
      assert.ok(
        message.startsWith(
          "ALLOWED_ORIGINS: expected origins such as https://app.example, or *; ",
        ),
        message,
      );
      assert.ok(!message.includes("hunter2"), message);
      assert.ok(message.includes(problem), `${message}\n${problem}`);
      return true;
    });
  }
});
