/** The command that shows one message, on a trace that is written down. */
import assert from "node:assert/strict";
import { HOPS, type Trace, type TraceSpan } from "../../contract/mod.ts";
import { findTrace, wantedOf } from "./trace.ts";
import { waterfall } from "./waterfall.ts";

const BEGIN = 1_795_632_808_501_080;

const span = (
  hop: keyof typeof HOPS,
  parentId: string | null,
  [from, to]: [number, number],
  more: Partial<TraceSpan> = {},
): TraceSpan => ({
  spanId: hop,
  parentId,
  name: hop,
  hop,
  service: "gateway",
  instance: "gateway",
  start: BEGIN + from,
  duration: to - from,
  error: null,
  attributes: {},
  ...more,
});

const trace: Trace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  room: "chat.lobby",
  seq: 7,
  at: BEGIN,
  duration: 40_000,
  slowestHop: "archive.store",
  slowestDeliveryHop: "bus.store",
  delivery: 5_000,
  slow: false,
  error: null,
  // As monitor sends them: by start.
  spans: [
    span("edge.receive", "of-the-client", [0, 1_000]),
    span("bus.store", "edge.receive", [1_000, 5_000]),
    span("bus.deliver", "bus.store", [4_000, 6_000], { instance: "gateway-2" }),
    span("archive.wait", "bus.store", [4_000, 20_000], { service: "persistence", instance: "" }),
    span("edge.queue", "bus.deliver", [6_000, 7_000]),
    span("edge.fanout", "edge.queue", [7_000, 8_000], { attributes: { "hopwire.members": 3 } }),
    span("archive.store", "archive.wait", [20_000, 40_000], {
      service: "persistence",
      error: "disk full",
      instance: "persistence",
    }),
  ],
  notes: ["Clocks differ."],
};

Deno.test("a waterfall has each hop below the one that caused it, in proportion", () => {
  const text = waterfall(trace, 94);
  assert.equal(
    text,
    `chat.lobby 7  2026-11-25T18:53:28.501Z  trace 0af7651916cd43dd8448eb211c80319c
40.00 ms in all, the longest hop is archive.store

hop                  process          start  duration
edge.receive         gateway       +0.00 ms   1.00 ms  ▉
  bus.store          gateway       +1.00 ms   4.00 ms  ███▊
    bus.deliver      gateway-2     +4.00 ms   2.00 ms     █▉
      edge.queue     gateway       +6.00 ms   1.00 ms       ▉
        edge.fanout  gateway       +7.00 ms   1.00 ms        ▉  3 members
    archive.wait     persistence   +4.00 ms  16.00 ms     ██████████████▊
      archive.store  persistence  +20.00 ms  20.00 ms                    ██████████████████▌  failed: disk full

Note: Clocks differ.`,
  );
});

Deno.test("a trace is drawn on any width, and in whatever shape its spans are", () => {
  const [first] = trace.spans as [TraceSpan];
  const strange: Trace = {
    ...trace,
    room: null,
    spans: [
      { ...first, duration: 0 },
      { ...first, spanId: "a", parentId: "b" },
      { ...first, spanId: "b", parentId: "a" },
    ],
  };
  for (const columns of [0, 1, 40, 500]) {
    assert.equal(
      waterfall(strange, columns).split("\n").filter((l) => /edge\.receive /.test(l)).length,
      3,
    );
  }
});

Deno.test("a message is named by its trace id, its traceparent, or its room and seq", () => {
  const { traceId } = trace;
  assert.deepEqual(wantedOf([traceId]), { traceId });
  assert.deepEqual(wantedOf([traceId.toUpperCase()]), { traceId });
  assert.deepEqual(wantedOf([`00-${traceId}-b7ad6b7169203331-01`]), { traceId });
  assert.deepEqual(wantedOf(["chat.lobby", "7"]), { room: "chat.lobby", seq: 7 });
  for (const wrong of [[], ["chat.lobby"], ["chat.lobby", "x"], ["chat.lobby", "7", "8"]]) {
    assert.equal(wantedOf(wrong), undefined, wrong.join(" "));
  }
});

Deno.test("an error says what is wrong and what to do", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(
    findTrace(`http://127.0.0.1:${port}/`, { traceId: trace.traceId }),
    /^Error: monitor does not answer at http.*: start the system, or set MONITOR_URL/,
  );
  const answers: Record<string, Response> = {
    "/api/messages": new Response("{}", { status: 401 }),
    [`/api/traces/${trace.traceId}`]: new Response("{}", { status: 500 }),
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answers[new URL(request.url).pathname]!,
  );
  const base = `http://127.0.0.1:${server.addr.port}/`;
  await assert.rejects(findTrace(base, { room: "a", seq: 1 }), /set MONITOR_TOKEN/);
  await assert.rejects(findTrace(base, { traceId: trace.traceId }), /monitor answered 500/);
});
