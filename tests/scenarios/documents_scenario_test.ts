/** The documents of the contract are served, and what travels is what they say. */
import { connect } from "@nats-io/transport-node";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import {
  AuthRevocations,
  HistoryRead,
  RoomsBan,
  RoomsBans,
  RoomsPresence,
} from "../../services/contract/mod.ts";
import { busChannels } from "../../services/start/contract/bus/channels.ts";
import { matchesSubject } from "../../services/start/contract/bus/users.ts";
import { post, sendFrames } from "../harness/http_client.ts";
import { freePort } from "../harness/ports.ts";
import { ROOT } from "../harness/root.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const PATHS = [
  "/docs",
  "/docs.css",
  "/asyncapi.json",
  "/openapi.json",
  "/monitor-openapi.json",
  "/schemas.json",
];

async function generated(name: string): Promise<string> {
  return await Deno.readTextFile(`${ROOT}services/contract/generated/${name}`);
}

Deno.test("gateways serve the documents with API_DOCS alone", async () => {
  await using system = await startSystem({ env: { gateway: { API_DOCS: "true" } } });
  await using silent = await startSystem();
  const base = `http://127.0.0.1:${system.gateways[0]!.port}`;
  for (const path of PATHS) {
    const response = await fetch(base + path);
    const text = await response.text();
    assert.equal(response.status, 200, path);
    assert.equal(text, await generated(path === "/docs" ? "docs.html" : path.slice(1)));
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    const policy = response.headers.get("content-security-policy")!;
    assert.match(policy, /^default-src 'none'; .*frame-ancestors 'none'$/);
    const shared = path.endsWith(".json") ? "*" : null;
    assert.equal(response.headers.get("access-control-allow-origin"), shared, path);
  }
  for (const path of PATHS) {
    const response = await fetch(`http://127.0.0.1:${silent.gateways[0]!.port}${path}`);
    await response.body?.cancel();
    assert.equal(response.status, 404, path);
  }
});

Deno.test("what HTTP answers is what the OpenAPI document says", async () => {
  const authPort = freePort();
  await using system = await startSystem({
    env: { auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true" } },
  });
  const openapi = JSON.parse(await generated("openapi.json"));
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ ...openapi, $id: "urn:test:openapi" });
  const gateway = `http://127.0.0.1:${system.gateways[0]!.port}`;
  const auth = `http://127.0.0.1:${authPort}`;
  /** Checks an answer against what the document says for its status. */
  const check = (method: string, path: string, status: number, text: string) => {
    const { responses } = openapi.paths[path][method];
    const response = responses[status];
    assert.ok(response !== undefined, `${method} ${path} is not documented to answer ${status}`);
    const schema = response.content?.["application/json"]?.schema;
    if (schema === undefined) return assert.equal(text, "");
    const valid = ajv.getSchema(`urn:test:openapi${schema.$ref}`)!;
    assert.ok(valid(JSON.parse(text)), `${path}: ${text}: ${JSON.stringify(valid.errors)}`);
  };
  const get = async (base: string, path: string, expected: number) => {
    const response = await fetch(base + path);
    assert.equal(response.status, expected);
    check("get", path, response.status, await response.text());
  };
  const send = async (base: string, path: string, body: string, expected: number) => {
    const { status, text } = await post(base + path, body);
    assert.equal(status, expected, text);
    check("post", path, status, text);
    return text;
  };
  for (const base of [gateway, auth]) {
    await get(base, "/healthz", 200);
    await get(base, "/readyz", 200);
  }
  const { token } = JSON.parse(await send(auth, "/token", '{"username":"Ada"}', 200));
  await send(auth, "/token", "{}", 400);
  await send(auth, "/token", `"${"x".repeat(20_000)}"`, 413);

  const { session } = JSON.parse(await send(gateway, "/poll", "{}", 200));
  await send(gateway, "/send", `{"session":"${session}","n":1}\n{"type":"ping"}`, 204);
  const frames = [{ type: "auth", token }, { type: "subscribe", room: "lobby" }];
  await sendFrames(gateway, session, 2, ...frames);
  let after = 1;
  await until("the room", async () => {
    const text = await send(gateway, "/poll", JSON.stringify({ session, after }), 200);
    after = JSON.parse(text).n;
    return text.includes("subscribed");
  });
  await send(gateway, "/send", '{"n":1}', 400);
  await send(gateway, "/poll", `{"session":"none.${"0".repeat(32)}"}`, 404);
  const refused = await fetch(`${gateway}/send`);
  check("post", "/send", refused.status, await refused.text());
  const foreign = await post(`${gateway}/poll`, "{}", { headers: { origin: "https://a.example" } });
  check("post", "/poll", foreign.status, foreign.text);
});

Deno.test("what travels on the bus is what the AsyncAPI document says", async () => {
  await using system = await startSystem();
  const asyncapi = JSON.parse(await generated("asyncapi.json"));
  const ajv = new Ajv({ strict: false });
  ajv.addSchema({ components: asyncapi.components, $id: "urn:test:asyncapi" });
  const bus = await connect({ servers: system.nats.url.replace("nats://", "") });
  const channels = busChannels({});
  const seen = new Map<string, number>();
  const problems: string[] = [];
  /** The replies that are awaited: inboxes, with the message that the document names. */
  const replies = new Map<string, string>();

  const check = (name: string, text: string, headers: Record<string, string>) => {
    const refusal = headers["Nats-Service-Error"] !== undefined;
    const message = asyncapi.components.messages[refusal ? "Refusal" : name];
    seen.set(name, (seen.get(name) ?? 0) + 1);
    for (const [part, value] of [["headers", headers], ["payload", text]] as const) {
      const { $ref } = message[part];
      if ($ref === undefined) continue;
      const valid = ajv.getSchema(`urn:test:asyncapi${$ref}`)!;
      if (valid(part === "payload" ? JSON.parse(text) : value)) continue;
      problems.push(`${name}, ${part}: ${text}: ${JSON.stringify(valid.errors)}`);
    }
  };
  bus.subscribe(">", {
    callback: (_, { subject, data, headers, reply }) => {
      const text = new TextDecoder().decode(data);
      const named = Object.fromEntries(
        [...headers?.keys() ?? []].map((key) => [key, headers!.last(key)]),
      );
      const awaited = replies.get(subject);
      if (awaited !== undefined) return check(awaited, text, named);
      const channel = channels.find((one) =>
        matchesSubject(one.address.replace(/\{room\}$/, ">").replace(/\{\w+\}/g, "*"), subject)
      );
      if (channel === undefined) return;
      check(channel.message.name, text, named);
      if (channel.reply !== undefined && reply) replies.set(reply, channel.reply.name);
    },
  });
  bus.subscribe("call.dice.roll", { callback: (_, message) => void message.respond("4") });
  await bus.flush();

  const ada = await system.client({ user: "ada" });
  ada.send({ type: "subscribe", room: "chat.lobby" });
  await ada.take("subscribed");
  ada.send({ type: "message", room: "chat.lobby", content: "hello", id: "m-1" });
  ada.send({ type: "signal", room: "chat.lobby", content: { typing: true } });
  ada.send({ type: "call", service: "dice", method: "roll", id: "c1" });
  await ada.take("ack");
  await ada.take("result");
  ada.send({ type: "history", room: "chat.lobby", id: "h1" });
  await ada.take("history");
  const request = (subject: string, body: object) => bus.request(subject, JSON.stringify(body));
  await request(RoomsPresence.subject, { room: "chat.lobby", limit: 10 });
  await request(HistoryRead.subject, { room: "chat.lobby", limit: 10 });
  await request(HistoryRead.subject, { room: "not a room" });
  await request(RoomsBan.subject, { room: "chat.lobby", userId: "bob", reason: "spam" });
  await request(RoomsBans.subject, {});
  await request(AuthRevocations.subject, {});
  await bus.request("$SRV.INFO.rooms");

  const expected = [
    ...["RoomMessage", "RoomMessageStored", "RoomSignal", "Call", "CallResult"],
    ...["RoomsPresence", "HistoryRead", "RoomsBan", "RoomsBans", "AuthRevocations"].flatMap(
      (name) => [`${name}Request`, `${name}Reply`],
    ),
  ];
  await until("all of it to be seen", () => expected.every((name) => seen.has(name)));
  await bus.close();
  // The request that is to be refused, and no other message.
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.match(problems[0]!, /^HistoryReadRequest, payload: \{"room":"not a room"\}/);
});
