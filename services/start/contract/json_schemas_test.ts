/** The JSON Schemas accept what the schemas of the contract accept. */
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { CLIENT_FRAMES, ServerFrame } from "../../contract/mod.ts";
import { busChannels } from "./bus/channels.ts";
import { documents } from "./documents.ts";
import { clientFrameName, SCHEMAS, serverFrameName } from "./named_schemas.ts";
import { protocolText } from "./protocol_text.ts";

const bundle = JSON.parse((await documents())["schemas.json"]!);
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false });
ajv.addSchema(bundle);

/** Whether the JSON Schema of this name accepts a value. */
function accepts(name: string, value: unknown): boolean {
  return ajv.getSchema(`${bundle.$id}#/$defs/${name}`)!(value) as boolean;
}

const protocol = protocolText(
  await Deno.readTextFile(new URL("../../contract/PROTOCOL.md", import.meta.url)),
);

/** A value that the schema of this name accepts. */
interface Sample {
  name: string;
  value: unknown;
}

const frames: Sample[] = [
  ...Object.keys(CLIENT_FRAMES).flatMap((type) =>
    protocol.examples("client", type).map((value) => ({ name: clientFrameName(type), value }))
  ),
  ...ServerFrame.options.map(({ shape }) => shape.type.value).flatMap((type) =>
    protocol.examples("server", type).map((value) => ({ name: serverFrameName(type), value }))
  ),
];
const payloads: Sample[] = busChannels({}).flatMap(({ message, reply }) =>
  [message, ...reply === undefined ? [] : [reply]].flatMap(({ payload, examples }) =>
    payload === undefined ? [] : examples.map((value) => ({ name: payload, value }))
  )
);
const bodies: Sample[] = [
  { name: "PollHead", value: {} },
  { name: "PollAnswer", value: pollAnswer() },
  { name: "DevTokenRequest", value: { username: "Ada", rooms: { "chat.*": ["subscribe"] } } },
  { name: "DevTokenRequest", value: { username: "Ada", rooms: ["chat.>"], calls: ["dice.*"] } },
];

function pollAnswer(): unknown {
  const session = "5f0c9a.0af7651916cd43dd8448eb211c80319c";
  return { session, n: 2, frames: [{ type: "pong" }], close: { code: 4100, reason: "Draining" } };
}

Deno.test("every schema compiles, and their expressions need no lookaround", () => {
  const names = Object.keys(bundle.$defs);
  assert.deepEqual(names, Object.keys(SCHEMAS));
  for (const name of names) assert.ok(ajv.getSchema(`${bundle.$id}#/$defs/${name}`), name);
  // The engines of Go and Rust have none.
  for (const [, pattern] of JSON.stringify(bundle).matchAll(/"pattern":"((?:\\.|[^"])*)"/g)) {
    assert.doesNotMatch(pattern!, /\(\?[=!<]/);
  }
});

Deno.test("every example of PROTOCOL.md, of the bus and of HTTP is accepted", () => {
  assert.ok(frames.length > 40 && payloads.length > 20);
  for (const { name, value } of [...frames, ...payloads, ...bodies]) {
    assert.ok(accepts(name, value), `${name}: ${JSON.stringify(value)}`);
  }
  for (const { name, value } of frames) {
    const any = name in clientNames ? "ClientFrame" : "ServerFrame";
    assert.ok(accepts(any, value), `${any}: ${JSON.stringify(value)}`);
  }
});

Deno.test("what two fields must not be together, or one of them must be, is refused", () => {
  const room = "lobby";
  for (
    const [name, value] of [
      ["SubscribeFrame", { type: "subscribe" }],
      ["UnsubscribeFrame", { type: "unsubscribe" }],
      ["HistoryFrame", { type: "history", room, before: 1, after: 1, id: "h" }],
      ["AuthRevokeRequest", { userId: "u7", tokenId: "t1" }],
      ["AuthRevokeRequest", {}],
      ["AuthUnrevokeRequest", { userId: "u7", tokenId: "t1" }],
    ] as const
  ) {
    assert.ok(!accepts(name, value) && !SCHEMAS[name]!.safeParse(value).success, name);
  }
});

const clientNames = Object.fromEntries(
  Object.keys(CLIENT_FRAMES).map((type) => [clientFrameName(type), true]),
);

/** Values that fields are replaced by. No text here has half a character, or one of two code units. */
const other = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, "", "lobby", "a b", "chat.lobby", "a..b", [], {}),
  fc.constantFrom<unknown>("x".repeat(64), "x".repeat(65), "x".repeat(128), "x".repeat(129)),
  fc.constantFrom<unknown>(-1, 0, 0.5, 1, 500, 501, 60_000, 60_001, 2 ** 53, 1e300),
  fc.constantFrom<unknown>(
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
  ),
  fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
  fc.integer(),
);

/** One change of a sample: at a place of it, a value is replaced, or removed, or another is added. */
const change = fc.record({
  place: fc.nat(),
  what: fc.constantFrom("replace", "remove", "add"),
  key: fc.constantFrom("room", "channel", "id", "before", "after", "tokenId", "userId", "x"),
  other,
});

type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

function changed(value: unknown, { place, what, key, other }: Change) {
  const copy = structuredClone(value);
  const places: [parent: Record<string, unknown>, key: string][] = [];
  const visit = (at: unknown) => {
    if (typeof at !== "object" || at === null) return;
    for (const [name, item] of Object.entries(at)) {
      places.push([at as Record<string, unknown>, name]);
      visit(item);
    }
  };
  visit(copy);
  if (places.length === 0) return other;
  const [parent, name] = places[place % places.length]!;
  if (what === "replace") parent[name] = other;
  else if (what === "add" && !Array.isArray(parent)) parent[key] = other;
  else if (Array.isArray(parent)) parent.splice(Number(name), 1);
  else delete parent[name];
  return copy;
}

Deno.test("what zod accepts JSON Schema accepts, and what it refuses JSON Schema refuses", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...frames, ...payloads, ...bodies),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      ({ name, value }, changes) => {
        const sample = changes.reduce(changed, value);
        const { success, error } = SCHEMAS[name]!.safeParse(sample);
        assert.equal(
          accepts(name, sample),
          success,
          `${name}: ${JSON.stringify(sample)}: ${error?.message}`,
        );
      },
    ),
    { numRuns: 3_000 },
  );
});
