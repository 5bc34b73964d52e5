import assert from "node:assert/strict";
import { until } from "../../../tests/harness/wait.ts";
import type { RootSpan } from "./otlp_spans.ts";
import { RootSpansExporter } from "./root_spans.ts";

const spanOf = (n: number): RootSpan => ({
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: n.toString(16).padStart(16, "0"),
  name: "client.send",
  from: 1,
  to: 2,
  attributes: {},
});

/** A collector that answers with `status`, after `hangs` if that is set, and the ids of the spans that it got. */
function startCollector() {
  const collector = {
    status: 200,
    hangs: undefined as Promise<void> | undefined,
    requests: [] as string[][],
    url: "",
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { resourceSpans: [{ scopeSpans: [{ spans }] }] } = await request.json();
      collector.requests.push(spans.map(({ spanId }: RootSpan) => spanId));
      await collector.hangs;
      return new Response(null, { status: collector.status });
    },
  );
  collector.url = `http://127.0.0.1:${server.addr.port}/v1/traces`;
  return collector;
}

const exporterTo = (url: string, timeoutMs = 5_000) =>
  new RootSpansExporter({ url, headers: new Headers(), json: true, timeoutMs, resource: {} }, 20);

Deno.test("spans of a moment are exported together, and those of a drain at once", async () => {
  await using collector = startCollector();
  const exporter = exporterTo(collector.url);
  exporter.add(spanOf(1));
  exporter.add(spanOf(2));
  await until("the export", () => collector.requests.length > 0);
  exporter.add(spanOf(3));
  await exporter.flush();
  await exporter.flush();
  assert.deepEqual(
    collector.requests.map((ids) => ids.map((id) => Number.parseInt(id, 16))),
    [[1, 2], [3]],
  );
});

Deno.test("a thousand spans wait at most, and a collector that refuses them is left alone", async () => {
  await using collector = startCollector();
  const exporter = exporterTo(collector.url);
  collector.status = 500;
  for (let n = 0; n < 1_500; n++) exporter.add(spanOf(n));
  await until("the refusal", () => collector.requests.length > 0);
  assert.equal(collector.requests[0]!.length, 1_000);
  exporter.add(spanOf(1));
  await exporter.flush();
  assert.equal(collector.requests.length, 1);
});

Deno.test("a collector that hangs delays the last export by no more than the timeout", async () => {
  await using collector = startCollector();
  const { promise, resolve } = Promise.withResolvers<void>();
  collector.hangs = promise;
  const exporter = exporterTo(collector.url, 50);
  exporter.add(spanOf(1));
  await until("the request", () => collector.requests.length > 0);
  exporter.add(spanOf(2));
  await exporter.flush();
  await exporter.flush();
  assert.ok(collector.requests.length <= 2, String(collector.requests.length));
  resolve();
});
