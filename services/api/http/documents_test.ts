import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import { OPERATIONS } from "../operations/mod.ts";
import { openApiDocument } from "./openapi.ts";
import { createPage } from "./page.ts";

const document = JSON.parse(JSON.stringify(openApiDocument()));

Deno.test("the document is valid OpenAPI 3.1, and has every operation", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(validator.version, "3.1");
  assert.deepEqual(
    Object.keys(document.paths),
    OPERATIONS.map(({ name }) => `/v1/${name}`),
  );
});

Deno.test("every example is what its operation takes, by its schemas in both forms", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  for (const { name, request, example } of OPERATIONS) {
    assert.ok(request.safeParse(example).success, name);
    const { schema } = document.paths[`/v1/${name}`].post.requestBody.content["application/json"];
    const check = ajv.compile(schema);
    assert.ok(check(example), `${name}: ${JSON.stringify(check.errors)}`);
    assert.ok(!check({ ...example, unknown: 1 }), name);
  }
});

Deno.test("the page escapes what it shows, and needs nothing from elsewhere", () => {
  const { html, policy } = createPage({
    info: { title: "<script>alert(1)</script>", version: "1", description: "a `<b>`" },
  });
  assert.ok(html.includes("&lt;script&gt;alert(1)") && html.includes("<code>&lt;b&gt;</code>"));
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'/);
  assert.doesNotMatch(createPage(document).html, /<script|<link|<img|src=|@import|url\(/);
});
