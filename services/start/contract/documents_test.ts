/** The documents are current and valid. */
import asyncApiSpecs from "@asyncapi/specs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import { documents, GENERATED } from "./documents.ts";
import type { Json, JsonObject } from "./json_schemas.ts";

const current = await documents();

function read(name: string): JsonObject {
  return JSON.parse(current[name]!);
}

/** Every reference of a document. */
function refsOf(value: Json): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(refsOf);
  return Object.entries(value).flatMap(([key, item]) =>
    key === "$ref" && typeof item === "string" ? [item] : refsOf(item)
  );
}

/** What a reference within a document leads to. */
function resolve(document: JsonObject, ref: string): Json | undefined {
  const path = ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/"));
  return path.reduce<Json | undefined>(
    (at, part) => (at as JsonObject | undefined)?.[part],
    document,
  );
}

Deno.test("the documents in services/contract/generated/ are up to date", async () => {
  for (const [name, text] of Object.entries(current)) {
    const written = await Deno.readTextFile(new URL(name, GENERATED)).catch(() => "");
    assert.ok(written === text, `${name} is out of date: run "deno task contract"`);
  }
  const found = [...Deno.readDirSync(GENERATED)].map(({ name }) => name);
  assert.deepEqual(found.sort(), Object.keys(current).sort());
});

Deno.test("the AsyncAPI document is valid", () => {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  // deno-lint-ignore no-explicit-any
  const valid = ajv.compile((asyncApiSpecs as any).schemasWithoutId["3.0.0"]);
  assert.ok(valid(read("asyncapi.json")), JSON.stringify(valid.errors?.slice(0, 5), null, 1));
  // The validator notices what is wrong.
  assert.ok(!valid({ ...read("asyncapi.json"), operations: { one: { action: "shout" } } }));
});

Deno.test("the OpenAPI documents are valid", async () => {
  for (const name of ["openapi.json", "monitor-openapi.json"]) {
    const { valid, errors } = await new Validator().validate(read(name));
    assert.ok(valid, `${name}: ${JSON.stringify(errors, null, 1)}`);
  }
  const broken = { ...read("openapi.json"), paths: { "/poll": { post: { responses: 4 } } } };
  assert.ok(!(await new Validator().validate(broken)).valid);
});

Deno.test("examples are what their schemas accept", () => {
  const openapi = read("openapi.json");
  const monitor = read("monitor-openapi.json");
  const { components } = read("asyncapi.json") as { components: JsonObject };
  const dialects = {
    openapi: new Ajv2020({ strict: false }).addSchema({ ...openapi, $id: "urn:test:openapi" }),
    monitor: new Ajv2020({ strict: false }).addSchema({ ...monitor, $id: "urn:test:monitor" }),
    asyncapi: new Ajv({ strict: false }).addSchema({ components, $id: "urn:test:asyncapi" }),
  };
  let checked = 0;
  const check = (dialect: keyof typeof dialects, schema: Json, value: Json) => {
    const { $ref } = schema as JsonObject;
    if ($ref === undefined) return;
    const valid = dialects[dialect].getSchema(`urn:test:${dialect}${$ref}`)!;
    assert.ok(valid(value), `${$ref}: ${JSON.stringify(value)}: ${JSON.stringify(valid.errors)}`);
    checked++;
  };
  for (
    const { payload, headers, examples = [] } of Object.values(components.messages!) as Message[]
  ) {
    for (const example of examples) {
      if ("payload" in example) check("asyncapi", payload, example.payload!);
      if ("headers" in example) check("asyncapi", headers, example.headers!);
    }
  }
  /** Finds the content of bodies and answers, wherever it is. */
  const visit = (dialect: "openapi" | "monitor", value: Json): void => {
    if (typeof value !== "object" || value === null) return;
    const { schema, example, examples } = value as JsonObject;
    if (schema !== undefined && example !== undefined) check(dialect, schema, example);
    for (const one of Object.values(schema && examples || {})) {
      check(dialect, schema!, (one as JsonObject).value!);
    }
    for (const one of Object.values(value)) visit(dialect, one);
  };
  visit("openapi", openapi.paths!);
  visit("monitor", monitor.paths!);
  assert.ok(checked > 80, String(checked));
});

interface Message {
  payload: Json;
  headers: Json;
  examples?: JsonObject[];
}

Deno.test("references lead somewhere, and operations use messages of their channel", () => {
  for (const name of ["asyncapi.json", "openapi.json", "monitor-openapi.json", "schemas.json"]) {
    const document = read(name);
    const refs = refsOf(document);
    assert.ok(refs.length > (name.startsWith("monitor") ? 15 : 50), name);
    for (const ref of refs) assert.ok(resolve(document, ref) !== undefined, `${name}: ${ref}`);
  }
  const { operations } = read("asyncapi.json") as { operations: Record<string, JsonObject> };
  for (const [name, operation] of Object.entries(operations)) {
    for (const part of [operation, operation.reply as JsonObject | undefined]) {
      if (part === undefined) continue;
      const channel = (part.channel as { $ref: string }).$ref;
      for (const { $ref } of part.messages as { $ref: string }[]) {
        assert.ok($ref.startsWith(`${channel}/messages/`), `${name}: ${$ref}`);
      }
    }
  }
});

Deno.test("the page has no script and no style of its own, and its links lead somewhere", () => {
  const page = current["docs.html"]!;
  assert.doesNotMatch(page, /<script|<style|\sstyle=|\son\w+=|javascript:/i);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!);
  assert.equal(new Set(ids).size, ids.length, "an id is there twice");
  for (const [, href] of page.matchAll(/ href="([^"]+)"/g)) {
    if (href!.startsWith("#")) assert.ok(ids.includes(href!.slice(1)), `no ${href}`);
    else assert.match(href!, /^(https:\/\/|\/(docs\.css|[\w-]+\.json)$)/);
  }
});
