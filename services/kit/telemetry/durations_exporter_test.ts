import assert from "node:assert/strict";
import { until } from "../../../tests/harness/wait.ts";
import { DurationHistogram } from "./duration_histograms.ts";
import { DurationsExporter } from "./durations_exporter.ts";

/** A collector that answers as told. It notes what it gets. */
function startCollector() {
  const requests: { type: string | null; token: string | null; traceparent: string | null }[] = [];
  const collector = {
    requests,
    answer: (): Response | Promise<Response> => new Response(),
    url: "",
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async ({ headers, body }) => {
      await body?.cancel();
      const [type, token] = [headers.get("content-type"), headers.get("authorization")];
      requests.push({ type, token, traceparent: headers.get("traceparent") });
      return await collector.answer();
    },
  );
  collector.url = `http://127.0.0.1:${server.addr.port}/v1/metrics`;
  return collector;
}

function exporterTo(url: string, { timeoutMs = 5_000, json = false } = {}) {
  const headers = new Headers({ authorization: "secret" });
  const settings = { url, headers, json, timeoutMs, resource: {} };
  const exporter = new DurationsExporter(settings, 60_000);
  const histogram = new DurationHistogram("test", { unit: "s", description: "" });
  exporter.add(histogram);
  const failures: string[] = [];
  exporter.onFailure = (reason) => failures.push(reason);
  return { exporter, histogram, failures };
}

Deno.test("one export is under way at a time, and none before something was recorded", async () => {
  await using collector = startCollector();
  const { exporter, histogram } = exporterTo(collector.url);
  await exporter.flush();
  assert.equal(collector.requests.length, 0);
  histogram.of({}).record(1);
  const answer = Promise.withResolvers<Response>();
  collector.answer = () => answer.promise;
  exporter.export();
  exporter.export();
  await until("the export", () => collector.requests.length > 0);
  exporter.export();
  answer.resolve(new Response());
  collector.answer = () => new Response();
  await exporter.flush();
  assert.deepEqual(
    collector.requests.map(({ type, token }) => [type, token]),
    Array(2).fill(["application/x-protobuf", "secret"]),
  );
});

Deno.test("a collector that refuses is told once, and left alone for a while", async () => {
  await using collector = startCollector();
  const { exporter, histogram, failures } = exporterTo(collector.url, { json: true });
  histogram.of({}).record(1);
  collector.answer = () => new Response("no", { status: 500 });
  exporter.export();
  await until("the refusal", () => failures.length > 0);
  assert.deepEqual(failures, ["HTTP 500"]);
  exporter.export();
  await exporter.flush();
  assert.equal(collector.requests.length, 1);
  assert.equal(collector.requests[0]!.type, "application/json");
});

Deno.test("a collector that hangs delays the last export by no more than the timeout", async () => {
  await using collector = startCollector();
  const answer = Promise.withResolvers<Response>();
  collector.answer = () => answer.promise;
  const { exporter, histogram, failures } = exporterTo(collector.url, { timeoutMs: 50 });
  histogram.of({}).record(1);
  await exporter.flush();
  assert.equal(failures.length, 1);
  // The pause has begun: nothing is sent.
  await exporter.flush();
  assert.equal(collector.requests.length, 1);
  answer.resolve(new Response());
});

Deno.test("an address at which nothing listens is a failure like others", async () => {
  const { exporter, histogram, failures } = exporterTo("http://127.0.0.1:9/v1/metrics");
  histogram.of({}).record(1);
  await exporter.flush();
  assert.equal(failures.length, 1);
});
