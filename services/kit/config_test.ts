import assert from "node:assert/strict";
import * as z from "zod";
import { BASE_CONFIG, ConfigError, flag, integer, list, ratio, readConfig } from "./config.ts";

const schema = z.object({
  ...BASE_CONFIG,
  COUNT: integer(1, 10).default(5),
  ON: flag().default(false),
  NAMES: list().default([]),
  NEEDED_SECRET: z.string().min(8, "expected 8 characters or more"),
});

function read(env: Record<string, string>) {
  return readConfig(schema, (name) => ({ NEEDED_SECRET: "12345678", ...env })[name]);
}

Deno.test("defaults stand where nothing, or nothing but blanks in a list, is given", () => {
  const config = read({ COUNT: "", NAMES: " a, ,b " });
  assert.deepEqual([config.COUNT, config.ON, config.NAMES], [5, false, ["a", "b"]]);
  assert.deepEqual([config.HOST, config.LOG_FORMAT], ["127.0.0.1", "json"]);
});

Deno.test("what is wrong is one line with the variable's name", () => {
  const cases: [Record<string, string>, string][] = [
    [{ COUNT: "11" }, 'COUNT: expected a whole number from 1 to 10 (got "11")'],
    [{ COUNT: "1.5" }, 'COUNT: expected a whole number from 1 to 10 (got "1.5")'],
    [{ COUNT: "-1" }, 'COUNT: expected a whole number from 1 to 10 (got "-1")'],
    [{ ON: "yes" }, 'ON: expected "true" or "false" (got "yes")'],
    [{ PORT: "99999" }, 'PORT: expected a whole number from 0 to 65535 (got "99999")'],
    [{ NEEDED_SECRET: "" }, "NEEDED_SECRET: must be set"],
    [{ NEEDED_SECRET: "short" }, "NEEDED_SECRET: expected 8 characters or more"],
    [
      { NATS_URL: "http://a:secret@b" },
      "NATS_URL: expected nats://host:port (or tls://, several separated by commas)",
    ],
  ];
  for (const [env, message] of cases) {
    assert.throws(() => read(env), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, message);
      return true;
    });
  }
});

Deno.test("a part of a whole is from 0 to 1", () => {
  const schema = z.object({ PART: ratio() });
  for (const [text, value] of [["0", 0], ["1", 1], ["0.01", 0.01], [".5", 0.5]] as const) {
    assert.equal(readConfig(schema, () => text).PART, value);
  }
  for (const text of ["1.1", "-1", "1e9", "half", "."]) {
    assert.throws(
      () => readConfig(schema, () => text),
      /^ConfigError: PART: expected a number from 0/,
    );
  }
});
