/** Clients report how long hops took that only they can measure. */
import assert from "node:assert/strict";
import * as z from "zod";
import { Hopwire } from "../../client/mod.ts";
import type { ReceivedSpan } from "../harness/otlp.ts";
import { tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";
import { join, SAMPLED, TRACE, withTracedSystem } from "./traced_system.ts";

Deno.test("what clients measured becomes spans of recorded traces, for those who may trace", () =>
  withTracedSystem({ OTEL_SERVICE_NAME: "gateway" }, async (system, { spans }) => {
    const measured = (traceparent: string, ago: number) => ({
      type: "measurements",
      entries: [
        { hop: "client.send", ms: 30, ago, room: "lobby", traceparent },
        { hop: "client.receive", ms: 2.5, ago: ago - 20, room: "lobby", traceparent },
        { hop: "client.send", ms: 30, ago, room: "lobby" },
        { hop: "client.send", ms: 30, ago, traceparent: traceparent.replace(/01$/, "00") },
      ],
    });
    const other = SAMPLED.replace("0af", "1af");
    const eve = await system.client({ user: "eve", claims: { rooms: { lobby: ["subscribe"] } } });
    eve.send(measured(other, 1_000));
    const ann = await system.client({ user: "ann", claims: { rooms: ["lobby"] } });
    const before = Date.now() * 1_000;
    ann.send(measured(SAMPLED, 1_000));
    const found = await until("both spans", () => spans().length >= 2 && spans());
    assert.deepEqual(found.map(({ traceId }) => traceId), [TRACE, TRACE]);
    const [send, receive] = found as [ReceivedSpan, ReceivedSpan];
    assert.deepEqual([send.name, receive.name], ["client.send", "client.receive"]);
    assert.equal(send.parentSpanId, SAMPLED.slice(36, 52));
    assert.equal(send.attributes["hopwire.hop"], "client.send");
    assert.equal(send.attributes["hopwire.room"], "lobby");
    assert.ok(Math.abs(send.durationMs - 30) < 0.01, String(send.durationMs));
    assert.ok(Math.abs(receive.durationMs - 2.5) < 0.01, String(receive.durationMs));
    // It ended a second before the frame arrived, by the gateway's clock.
    assert.ok(send.end >= before - 1_002_000 && send.end <= Date.now() * 1_000 - 998_000);
    assert.ok(Math.abs(receive.end - send.end - 20_000) < 10);

    // A hop that begins its trace has the id that its context names, and no parent.
    const begun = SAMPLED.replace("0af", "2af");
    const entry = { hop: "client.send", ms: 30, ago: 10, room: "lobby", root: true };
    eve.send({ type: "measurements", entries: [{ ...entry, traceparent: other }] });
    ann.send({
      type: "measurements",
      entries: [
        { ...entry, traceparent: begun },
        // Only a hop that comes before all others can begin a trace.
        { ...entry, hop: "client.receive", traceparent: begun },
      ],
    });
    const [first, second] = await until("the first span of a trace", () => {
      const of = spans().filter(({ traceId }) => traceId === begun.slice(3, 35));
      return of.length >= 2 && of.sort((a, b) => b.name.localeCompare(a.name));
    }) as [ReceivedSpan, ReceivedSpan];
    assert.deepEqual(
      [first.name, first.spanId, first.parentSpanId],
      ["client.send", begun.slice(36, 52), ""],
    );
    assert.deepEqual([first.service, send.service, first.kind], ["gateway", "gateway", 1]);
    assert.deepEqual(first.attributes, {
      ...send.attributes,
      "hopwire.connection": first.attributes["hopwire.connection"],
    });
    assert.ok(Math.abs(first.durationMs - 30) < 0.01, String(first.durationMs));
    assert.deepEqual([second.name, second.parentSpanId], ["client.receive", first.spanId]);
    assert.deepEqual(spans().filter(({ traceId }) => traceId === other.slice(3, 35)), []);
  }));

const HistogramExport = z.object({
  resourceMetrics: z.array(z.object({
    scopeMetrics: z.array(z.object({
      metrics: z.array(z.object({
        name: z.string(),
        histogram: z.object({
          dataPoints: z.array(z.object({
            attributes: z.array(
              z.object({ key: z.string(), value: z.record(z.string(), z.any()) }),
            ),
            count: z.coerce.number(),
            sum: z.number(),
          })),
        }).optional(),
      })),
    })),
  })),
});

Deno.test("what clients measured counts in the histogram of hops, whoever they are", async () => {
  let latest: Record<string, [count: number, sum: number]> = {};
  await using collector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.json();
      if (!request.url.endsWith("/v1/metrics")) return Response.json({});
      const metrics = HistogramExport.parse(body).resourceMetrics
        .flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics);
      const points = metrics.filter(({ name }) => name === "hopwire.hop.duration")
        .flatMap(({ histogram }) => histogram!.dataPoints);
      if (points.length === 0) return Response.json({});
      latest = Object.fromEntries(points.map(({ attributes, count, sum }) => {
        const by = Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
        return [`${by.hop} ${by.namespace} ${by.outcome}`, [count, sum]];
      }));
      return Response.json({});
    },
  );
  const gateway = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
    OTEL_METRIC_EXPORT_INTERVAL: "200",
  };
  await withTracedSystem(gateway, async (system) => {
    const eve = await system.client({
      user: "eve",
      claims: { rooms: { "quiet.a": ["subscribe"] } },
    });
    await join(eve, "quiet.a");
    eve.send({
      type: "measurements",
      entries: [
        { hop: "client.send", ms: 250, ago: 10, room: "quiet.a" },
        { hop: "client.send", ms: 750, ago: 10, room: "quiet.a", traceparent: SAMPLED },
        { hop: "client.receive", ms: 20, ago: 10, room: "quiet.other" },
      ],
    });
    await until("the measurements", () => latest["client.receive default ok"] !== undefined);
    assert.deepEqual(latest["client.receive default ok"], [1, 0.02]);
    assert.deepEqual(latest["client.send quiet.* ok"], [2, 1]);
  });
});

Deno.test("a connection may send 100 measurements each 5 s, and as many at once", () =>
  withTracedSystem({}, async (system) => {
    const ann = await system.client({ user: "ann" });
    const entries = Array(100).fill({ hop: "client.receive", ms: 1, ago: 0 });
    ann.send({ type: "measurements", entries, id: "1" });
    ann.send({ type: "measurements", entries, id: "2" });
    ann.send({ type: "measurements", entries, id: "3" });
    const refused = await ann.take("error");
    assert.deepEqual([refused.id, refused.code], ["3", "rate_limited"]);
    assert.ok(refused.retryAfter! > 0);
  }));

Deno.test("the hops of two SDK clients join the trace that a message begins", () =>
  withTracedSystem({}, async (system, { spans }) => {
    // As they are, but they report after 50 ms instead of 5 s.
    const clock = {
      now: () => performance.now(),
      setTimeout: (callback: () => void, ms: number) =>
        setTimeout(callback, ms === 5_000 ? 50 : ms),
      clearTimeout: (timer: unknown) => clearTimeout(timer as number),
    };
    const clients = ["ann", "bob"].map((user) =>
      new Hopwire(system.url().replace("/ws", ""), {
        token: () => tokenFor(user),
        measure: true,
        clock,
      })
    );
    try {
      const [hers, his] = clients.map((client) => client.join("lobby", { trace: true }));
      await within("both to join", Promise.all([hers!.joined, his!.joined]));
      const arrived = new Promise<string | undefined>((resolve) =>
        his!.on("message", ({ traceparent }) => resolve(traceparent))
      );
      const { traceId } = await within("the acknowledgement", hers!.send("x", { trace: true }));
      const seen = await within("the message", arrived);
      assert.equal(seen?.slice(3, 35), traceId);
      const found = await until("the hops of both clients", () => {
        const ofTrace = spans().filter((span) => span.traceId === traceId);
        const names = ofTrace.map(({ name }) => name);
        const both = names.filter((name) => name === "client.receive").length === 2;
        return both && names.includes("client.send") && ofTrace;
      });
      const named = (name: string) => found.filter((span) => span.name === name);
      const [send] = named("client.send");
      const [receive] = named("edge.receive");
      const [store] = named("bus.store");
      // The frame carried the id of the client's span, so the gateway's hop is below it.
      assert.equal(send!.parentSpanId, "");
      assert.equal(receive!.parentSpanId, send!.spanId);
      for (const { parentSpanId } of named("client.receive")) {
        assert.equal(parentSpanId, store!.spanId);
      }
      assert.equal(seen?.slice(36, 52), store!.spanId);
    } finally {
      for (const client of clients) client.close();
    }
  }));
