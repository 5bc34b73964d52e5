import assert from "node:assert/strict";
import { ALL_RIGHTS, Namespace, namespaceOf, parseNamespaces } from "../contract/mod.ts";
import { FaultError } from "../kit/mod.ts";
import { grantRights } from "./grants.ts";

const open = Namespace.parse({ pattern: ">" });

Deno.test("a token without a rooms claim has what the namespace gives", () => {
  assert.deepEqual(grantRights(open, null, "lobby"), [...ALL_RIGHTS]);
  const readOnly = Namespace.parse({ pattern: ">", access: ["subscribe", "history"] });
  assert.deepEqual(grantRights(readOnly, null, "lobby"), ["subscribe", "history"]);
});

Deno.test("a token with a claim has what the claim gives, and no more", () => {
  assert.deepEqual(grantRights(open, ["chat.*"], "chat.lobby"), [...ALL_RIGHTS]);
  const claim = { "chat.*": ["subscribe" as const, "publish" as const] };
  assert.deepEqual(grantRights(open, claim, "chat.lobby"), ["subscribe", "publish"]);
});

Deno.test("without the right to subscribe nobody enters", () => {
  const closed = Namespace.parse({ pattern: ">", access: [] });
  const cases: [Namespace, Parameters<typeof grantRights>[1]][] = [
    [closed, null],
    [open, []],
    [open, ["game.>"]],
    [open, { "chat.*": ["publish"] }],
  ];
  for (const [namespace, claim] of cases) {
    assert.throws(
      () => grantRights(namespace, claim, "chat.lobby"),
      (error) => error instanceof FaultError && error.fault.code === "forbidden",
    );
  }
});

Deno.test("rights that a namespace has no use for are void", () => {
  const bare = Namespace.parse({ pattern: ">", stored: false, presence: "off" });
  assert.deepEqual(grantRights(bare, null, "a"), ["subscribe", "publish", "trace"]);
});

Deno.test("the first namespace that matches holds", () => {
  const rules = parseNamespaces(
    '{"namespaces":[{"pattern":"chat.vip","access":[]},{"pattern":"chat.*","presence":"counts"}]}',
  );
  assert.deepEqual(namespaceOf(rules, "chat.vip").access, []);
  assert.equal(namespaceOf(rules, "chat.lobby").presence, "counts");
  assert.equal(namespaceOf(rules, "other").presence, "on");
});

Deno.test("what is wrong with a namespaces file is named", () => {
  const cases: [string, RegExp][] = [
    ["", /not JSON/],
    ["[]", /expected object/],
    ['{"namespaces":[{"pattern":"a","stord":true}]}', /stord/],
    ['{"namespaces":[{"pattern":"a","history":{"maxAge":0}}]}', /namespaces.0.history.maxAge/],
    ['{"namespaces":[{"pattern":"a","presence":"maybe"}]}', /namespaces.0.presence/],
  ];
  for (const [text, expected] of cases) assert.throws(() => parseNamespaces(text), expected, text);
});
