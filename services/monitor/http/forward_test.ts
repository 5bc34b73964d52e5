/** Forwarding: unchanged, bounded, and never in the way of receiving. */
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/wait.ts";
import { createLogger } from "../../kit/mod.ts";
import { createForwarder } from "./forward.ts";

const body = (text: string) => new TextEncoder().encode(text);
const TYPE = { "content-type": "application/json" };

/** A collector whose answers a test decides. */
function startCollector(answer: (request: Request) => Response | Promise<Response>) {
  const requests: { path: string; headers: Headers; text: string }[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      // The other end may give up.
      const text = await request.text().catch(() => "");
      requests.push({ path: pathname, headers: request.headers, text });
      return await answer(request);
    },
  );
  return { requests, server, url: `http://127.0.0.1:${server.addr.port}` };
}

function forwarderTo(url: string, headers?: string) {
  const lines: string[] = [];
  const counts = { dropped: 0 };
  const log = createLogger("monitor", { format: "text", write: (line) => void lines.push(line) });
  const forwarder = createForwarder({ url, headers, log, dropped: () => counts.dropped++ });
  return { forwarder, counts, lines };
}

Deno.test("a collector gets each request as it came, in order, with the headers of the user", async () => {
  const { requests, server, url } = startCollector(() => new Response());
  const { forwarder, counts } = forwarderTo(
    `${url}/`,
    "authorization=Basic%20x%3D%3D, x-scope=a=b",
  );
  forwarder.send("traces", { ...TYPE, "content-encoding": "gzip" }, body("one"));
  forwarder.send("metrics", TYPE, body("two"));
  forwarder.send("logs", TYPE, body("three"));
  await until("three requests", () => requests.length === 3);
  await forwarder.stop(1_000);
  assert.deepEqual(requests.map(({ path, text }) => [path, text]), [
    ["/v1/traces", "one"],
    ["/v1/metrics", "two"],
    ["/v1/logs", "three"],
  ]);
  const [{ headers }] = requests as [typeof requests[number]];
  assert.equal(headers.get("content-encoding"), "gzip");
  assert.equal(headers.get("authorization"), "Basic x==");
  assert.equal(headers.get("x-scope"), "a=b");
  assert.equal(counts.dropped, 0);
  await server.shutdown();
});

Deno.test("a collector that is busy is asked again; one that refuses is not", async () => {
  const answers = [503, 200, 400, 200];
  const { requests, server, url } = startCollector(() =>
    new Response(null, { status: answers.shift()! })
  );
  const { forwarder, counts, lines } = forwarderTo(url);
  for (const text of ["a", "b", "c"]) forwarder.send("traces", TYPE, body(text));
  await until("four requests", () => requests.length === 4);
  await forwarder.stop(1_000);
  assert.deepEqual(requests.map(({ text }) => text), ["a", "a", "b", "c"]);
  assert.equal(counts.dropped, 1);
  assert.equal(lines.filter((line) => /WARN/.test(line)).length, 1);
  assert.match(lines[0]!, /it answered 400/);
  assert.match(lines[1]!, /again/);
  await server.shutdown();
});

Deno.test("a collector that hangs delays nothing: the queue is bounded, and the rest is dropped", async () => {
  const hanging = Promise.withResolvers<Response>();
  const { requests, server, url } = startCollector(() => hanging.promise);
  const { forwarder, counts } = forwarderTo(url);
  for (let count = 0; count < 1_500; count++) forwarder.send("traces", TYPE, body("x"));
  // One is on its way, and 1,000 wait.
  assert.equal(counts.dropped, 499);
  await until("the first request", () => requests.length === 1);
  const large = new Uint8Array(20 * 1024 * 1024);
  const other = forwarderTo(url);
  for (let count = 0; count < 3; count++) other.forwarder.send("traces", TYPE, large);
  assert.equal(other.counts.dropped, 2);
  // It ends although the collector does not answer.
  await Promise.all([forwarder.stop(50), other.forwarder.stop(50)]);
  hanging.resolve(new Response());
  await server.shutdown();
});

Deno.test("an outage of the collector is one line in the log", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const { forwarder, lines, counts } = forwarderTo(url);
  for (const text of ["a", "b"]) forwarder.send("traces", TYPE, body(text));
  await until("a line", () => lines.length > 0);
  await forwarder.stop(0);
  await until("both to be dropped", () => counts.dropped === 2);
  assert.equal(lines.length, 1, lines.join("\n"));
});
