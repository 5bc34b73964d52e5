import assert from "node:assert/strict";
import * as z from "zod";
import { BASE_CONFIG } from "./base_config.ts";
import { ConfigError, describeVariable, flag, integer, list, ratio, readConfig } from "./config.ts";

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

Deno.test("an empty variable has its default, and a list drops blank parts", () => {
  const config = read({ COUNT: "", NAMES: " a, ,b " });
  assert.deepEqual([config.COUNT, config.ON, config.NAMES], [5, false, ["a", "b"]]);
  assert.deepEqual([config.HOST, config.LOG_FORMAT], ["127.0.0.1", "json"]);
});

Deno.test("an error is one line that names the variable, and holds no secret", () => {
  const cases: [Record<string, string>, string][] = [
    [{ COUNT: "11" }, 'COUNT: expected a whole number from 1 to 10 (got "11")'],
    [{ COUNT: "1.5" }, 'COUNT: expected a whole number from 1 to 10 (got "1.5")'],
    [{ COUNT: "-1" }, 'COUNT: expected a whole number from 1 to 10 (got "-1")'],
    [{ ON: "yes" }, 'ON: expected "true" or "false" (got "yes")'],
    [{ COUNT: "https://ann:secret@b" }, "COUNT: expected a whole number from 1 to 10"],
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

Deno.test("a ratio is from 0 to 1", () => {
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

Deno.test("a schema tells its variable's meaning, unit, range and default", () => {
  const described = (schema: z.ZodType) => describeVariable(schema);
  assert.deepEqual(
    described(integer(0, 86_400_000).default(5).meta({ description: "A wait.", unit: "ms" })),
    { description: "A wait.", unit: "ms", range: "0 to 86,400,000", default: "5" },
  );
  assert.deepEqual(described(z.enum(["a", "b"]).default("b").meta({ description: "A choice." })), {
    description: "A choice.",
    range: "a, b",
    default: "b",
  });
  // An empty list as the default is no default; metadata overrides what the schema says.
  assert.deepEqual(described(list().default([]).meta({ description: "Names.", range: "names" })), {
    description: "Names.",
    range: "names",
  });
  assert.deepEqual(described(z.string().optional()), { description: "" });
});
