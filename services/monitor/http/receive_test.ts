/** Receiving: what is accepted, what is refused and how, and that bodies are bounded. */
import { Hono } from "hono";
import assert from "node:assert/strict";
import type { Decoded, Signal } from "../otlp/decode.ts";
import { encodeRequest } from "../otlp/protobuf.ts";
import { createAccess } from "./access.ts";
import { addReceiveRoutes } from "./receive.ts";

const PROTOBUF = "application/x-protobuf";
const JSON_TYPE = "application/json";

const span = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  name: "call",
  startTimeUnixNano: "1000",
  endTimeUnixNano: "2000",
};
const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
const text = JSON.stringify(request);

function createReceiver(bodyMs?: number) {
  const app = new Hono();
  const access = createAccess({ token: undefined, remote: true, hosts: ["x"] });
  const received: Decoded[] = [];
  const forwarded: [Signal, Record<string, string>, Uint8Array][] = [];
  addReceiveRoutes(app, access, {
    received: (decoded) => void received.push(decoded),
    forward: (...args) => void forwarded.push(args),
  }, bodyMs);
  const env = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 } };
  const post = async (path: string, body: BodyInit, headers: Record<string, string>) =>
    await app.request(
      `http://x${path}`,
      { method: "POST", body, headers: { host: "x", ...headers } },
      env,
    );
  return { post, received, forwarded };
}

async function gzip(body: BlobPart): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

Deno.test("both encodings are received, plain and packed, and go on as they came", async () => {
  const { post, received, forwarded } = createReceiver();
  const packed = await gzip(text);
  const binary = encodeRequest("traces", {
    resourceSpans: [{
      scopeSpans: [{
        spans: [{
          ...span,
          traceId: Uint8Array.fromHex(span.traceId),
          spanId: new Uint8Array(8).fill(1),
        }],
      }],
    }],
  });
  const sent: [BodyInit, Record<string, string>][] = [
    [text, { "content-type": JSON_TYPE }],
    [packed, { "content-type": JSON_TYPE, "content-encoding": "gzip" }],
    [binary, { "content-type": PROTOBUF }],
    [await gzip(binary), { "content-type": PROTOBUF, "content-encoding": "gzip" }],
  ];
  for (const [body, headers] of sent) {
    const response = await post("/v1/traces", body, headers);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type")?.split(";")[0], headers["content-type"]);
    assert.equal(await response.text(), headers["content-type"] === JSON_TYPE ? "{}" : "");
  }
  assert.deepEqual(
    received.map(({ spans }) => spans!.map(({ name }) => name)),
    sent.map(() => ["call"]),
  );
  assert.deepEqual(
    forwarded.map(([signal, headers]) => [signal, headers]),
    sent.map(([, headers]) => ["traces", headers]),
  );
  assert.deepEqual(forwarded[1]![2], packed);
  for (const signal of ["metrics", "logs"]) {
    assert.equal((await post(`/v1/${signal}`, "{}", { "content-type": JSON_TYPE })).status, 200);
  }
});

Deno.test("what is refused is not forwarded, and the answer says why", async () => {
  const { post, received, forwarded } = createReceiver();
  const large = JSON.stringify({ resourceSpans: [], padding: "x".repeat(9 * 1024 * 1024) });
  const cases: [BodyInit, Record<string, string>, number, RegExp][] = [
    ["{", { "content-type": JSON_TYPE }, 400, /not JSON/],
    ['{"resourceSpans":{}}', { "content-type": JSON_TYPE }, 400, /resourceSpans: /],
    ["{}", { "content-type": "text/plain" }, 415, /Content-Type: expected application\/x-protobuf/],
    ["{}", { "content-type": JSON_TYPE, "content-encoding": "br" }, 415, /expected gzip/],
    ["{}", { "content-type": JSON_TYPE, "content-encoding": "gzip" }, 400, /not gzip/],
    [large, { "content-type": JSON_TYPE }, 413, /larger than 8388608 bytes/],
    [await gzip(large), { "content-type": JSON_TYPE, "content-encoding": "gzip" }, 413, /larger/],
    [new Blob([large]).stream(), { "content-type": JSON_TYPE }, 413, /larger/],
  ];
  for (const [body, headers, status, message] of cases) {
    const response = await post("/v1/traces", body, headers);
    assert.equal(response.status, status, String(message));
    assert.match((await response.json()).message, message);
  }
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error("gone")) });
  assert.equal((await post("/v1/traces", broken, { "content-type": JSON_TYPE })).status, 400);
  // Who speaks protobuf gets a google.rpc.Status.
  const refused = await post("/v1/traces", "{}", { "content-type": PROTOBUF });
  assert.equal(refused.status, 400);
  assert.equal(refused.headers.get("content-type"), PROTOBUF);
  assert.match(await refused.text(), /the body is not a request of OTLP/);
  assert.deepEqual([received, forwarded], [[], []]);
});

Deno.test("only so many bodies are read at a time", async () => {
  const { post } = createReceiver();
  const controllers: ReadableStreamDefaultController<Uint8Array>[] = [];
  const slow = Array.from({ length: 16 }, () => {
    const body = new ReadableStream<Uint8Array>({ start: (c) => void controllers.push(c) });
    return post("/v1/logs", body, { "content-type": JSON_TYPE });
  });
  const refused = await post("/v1/logs", "{}", { "content-type": JSON_TYPE });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  for (const controller of controllers) {
    controller.enqueue(new TextEncoder().encode("{}"));
    controller.close();
  }
  for (const response of await Promise.all(slow)) assert.equal(response.status, 200);
  assert.equal((await post("/v1/logs", "{}", { "content-type": JSON_TYPE })).status, 200);
});

Deno.test("a body that never ends takes its place for a while, and not for ever", async () => {
  const { post } = createReceiver(50);
  const type = { "content-type": JSON_TYPE };
  let cancelled = 0;
  const answers = await Promise.all(Array.from(
    { length: 16 },
    () => post("/v1/logs", new ReadableStream({ cancel: () => void cancelled++ }), type),
  ));
  for (const answer of answers) {
    assert.equal(answer.status, 408);
    assert.match((await answer.json()).message, /took longer than 50 ms/);
  }
  assert.equal(cancelled, 16);
  assert.equal((await post("/v1/logs", "{}", type)).status, 200);
});
