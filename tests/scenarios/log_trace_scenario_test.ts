/** Lines that a service logs while it handles a request belong to its trace, on the console and by OTLP. */
import assert from "node:assert/strict";
import { connect, headers } from "@nats-io/transport-node";
import * as z from "zod";
import { HEADERS } from "../../services/contract/mod.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

const Logs = z.object({
  resourceLogs: z.array(z.object({
    scopeLogs: z.array(z.object({
      logRecords: z.array(z.object({
        traceId: z.string().default(""),
        spanId: z.string().default(""),
        body: z.object({ stringValue: z.string().optional() }).optional(),
      })),
    })),
  })),
});

Deno.test("a line that is logged within a trace names it, and is exported as part of it", async () => {
  const records: z.infer<typeof Logs>["resourceLogs"][0]["scopeLogs"][0]["logRecords"] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.json();
      if (new URL(request.url).pathname === "/v1/logs") {
        for (const { scopeLogs } of Logs.parse(body).resourceLogs) {
          records.push(...scopeLogs.flatMap(({ logRecords }) => logRecords));
        }
      }
      return Response.json({});
    },
  );
  await using system = await startSystem({
    env: {
      all: {
        OTEL_DENO: "true",
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
        OTEL_BLRP_SCHEDULE_DELAY: "100",
      },
    },
  });
  // The gateway listens to the events of a connected user, and logs one that does not match its schema.
  await system.client({ user: "ann" });
  const bus = await connect({ servers: system.nats.url });
  const traced = headers();
  traced.set(HEADERS.traceparent, `00-${TRACE}-${SPAN}-01`);
  const secret = "what nobody may read in a log";
  const line = await until("the line on the console", () => {
    bus.publish("user.event.ann", JSON.stringify({ content: secret }), { headers: traced });
    const { output } = system.gateways[0]!.process;
    const found = output.find((line) => line.includes("ignored an invalid event"));
    assert.ok(!output.some((line) => line.includes(secret)));
    return found;
  });
  const { trace_id: trace, span_id: span, level } = JSON.parse(line);
  assert.deepEqual({ trace, span, level }, { trace: TRACE, span: SPAN, level: "warn" });
  const record = await until(
    "the line by OTLP",
    () => records.find(({ body }) => body?.stringValue?.includes("ignored an invalid event")),
  );
  assert.deepEqual([record.traceId, record.spanId], [TRACE, SPAN]);
  await bus.close();
});
