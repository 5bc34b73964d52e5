/** The traces of the window: assembled in any order, bounded, and the telling ones stay longest. */
import assert from "node:assert/strict";
import { SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import type { Span } from "../otlp/model.ts";
import { createTraceStore, type TraceStoreOptions } from "./store.ts";
import { findMessages, summaryOf, traceOf } from "./summaries.ts";

const START = 1_795_630_700_000_000;
const MINUTE_US = 60e6;

const idOf = (number: number) => number.toString(16).padStart(32, "0");

let spanNumber = 0;
function span(trace: number, hop: string, [from, to]: [number, number], more: Partial<Span> = {}) {
  return {
    service: "gateway",
    instance: "gateway",
    traceId: idOf(trace),
    spanId: (++spanNumber).toString(16).padStart(16, "0"),
    parentId: null,
    name: hop,
    start: START + from,
    duration: to - from,
    error: null,
    ...more,
    attributes: {
      ...hop === "" ? {} : { [SPAN_ATTRIBUTES.hop]: hop },
      ...more.attributes,
    },
  } satisfies Span;
}

function storeWith(more: Partial<TraceStoreOptions> = {}) {
  let at = START;
  const store = createTraceStore({
    maxTraces: 1_000,
    maxBytes: 64e6,
    windowUs: 10 * MINUTE_US,
    now: () => at,
    ...more,
  });
  return { store, wait: (us: number) => void (at += us) };
}

Deno.test("a message is summed up from its hops, in whatever order they arrive", () => {
  const room = { [SPAN_ATTRIBUTES.room]: "lobby" };
  const spans = [
    span(1, "edge.receive", [0, 1_000], { attributes: room }),
    span(1, "bus.store", [1_000, 4_000]),
    span(1, "archive.wait", [3_000, 53_000], { attributes: { [SPAN_ATTRIBUTES.seq]: 9 } }),
    span(1, "", [-90_000, 90_000], { error: "no hop" }),
  ];
  for (const order of [spans, spans.toReversed()]) {
    const { store } = storeWith();
    for (const one of order) assert.equal(store.add([one]), 0);
    // A span that is sent again counts once.
    store.add([spans[0]!]);
    const trace = store.get(idOf(1))!;
    assert.deepEqual(summaryOf(trace), {
      traceId: idOf(1),
      room: "lobby",
      seq: 9,
      at: START,
      duration: 53_000,
      delivery: 4_000,
      slowestHop: "archive.wait",
      slowestDeliveryHop: "bus.store",
      slow: false,
      error: "no hop",
    });
    const { spans: shown } = traceOf(trace, []);
    assert.deepEqual(shown.map(({ hop }) => hop), [
      null,
      "edge.receive",
      "bus.store",
      "archive.wait",
    ]);
  }
});

Deno.test("messages are found by room and seq, the slowest or the newest first", () => {
  const { store } = storeWith();
  const about = (room: string, seq: number) => ({
    attributes: { [SPAN_ATTRIBUTES.room]: room, [SPAN_ATTRIBUTES.seq]: seq },
  });
  store.add([
    span(1, "bus.store", [0, 9_000], about("a", 1)),
    span(2, "bus.store", [10, 5_000], about("a", 2)),
    span(3, "bus.store", [20, 7_000], about("b", 1)),
    // No messages: a join and a request of one.
    span(4, "rooms.join", [0, 99_000]),
    span(4, "nats.ingress", [0, 1_000]),
    span(5, "", [0, 99_000]),
  ]);
  const find = (search: Partial<Parameters<typeof findMessages>[1]>) =>
    findMessages(store.all(), { order: "slow", limit: 200, ...search }).messages
      .map(({ traceId }) => parseInt(traceId, 16));
  assert.deepEqual(find({}), [1, 3, 2]);
  assert.deepEqual(find({ order: "recent" }), [3, 2, 1]);
  assert.deepEqual(find({ room: "a" }), [1, 2]);
  assert.deepEqual(find({ room: "a", seq: 2 }), [2]);
  assert.deepEqual(find({ room: "c" }), []);
  assert.deepEqual(find({ limit: 1 }), [1]);
  assert.ok(store.get(idOf(4)) && store.get(idOf(5)), "others are found by their id");
});

Deno.test("slow is what its members waited for, unless the archive is asked about", () => {
  const { store } = storeWith();
  store.add([
    span(1, "edge.fanout", [0, 9_000]),
    span(2, "edge.fanout", [0, 5_000]),
    span(2, "archive.store", [5_000, 80_000]),
    span(3, "archive.wait", [0, 90_000]),
  ]);
  const find = (order: "slow" | "archive") =>
    findMessages(store.all(), { order, limit: 200 }).messages
      .map(({ traceId, delivery }) => [parseInt(traceId, 16), delivery]);
  assert.deepEqual(find("slow"), [[1, 9_000], [2, 5_000], [3, null]]);
  assert.deepEqual(find("archive"), [[3, null], [2, 5_000]]);
});

Deno.test("number and bytes are bounded: the oldest go, the slowest and the failed stay", () => {
  const { store } = storeWith({ maxTraces: 500 });
  for (let trace = 1; trace <= 5_000; trace++) {
    const to = trace === 7 ? 900_000 : 1_000;
    store.add([span(trace, "bus.store", [0, to], trace === 8 ? { error: "timeout" } : {})]);
  }
  assert.ok(store.size <= 500, `${store.size}`);
  assert.ok(store.get(idOf(7)), "the slowest is gone");
  assert.ok(store.get(idOf(8)), "the failed one is gone");
  assert.ok(store.get(idOf(5_000)), "the newest is gone");

  const small = storeWith({ maxBytes: 1e6 }).store;
  const text = "x".repeat(500);
  for (let trace = 1; trace <= 5_000; trace++) {
    small.add([span(trace, "bus.store", [0, 1_000], { attributes: { text } })]);
    assert.ok(small.bytes <= 1e6, `${small.bytes}`);
  }
  assert.ok(small.size > 100 && small.get(idOf(5_000)));
});

Deno.test("traces leave with the window; the slowest later, and all in the end", () => {
  const { store, wait } = storeWith();
  for (let trace = 1; trace <= 900; trace++) store.add([span(trace, "bus.store", [0, trace])]);
  wait(11 * MINUTE_US);
  store.add([span(1_001, "bus.store", [0, 1])]);
  assert.equal(store.get(idOf(1)), undefined);
  assert.ok(store.get(idOf(900)));
  assert.equal([...store.all()].length, 201);
  // What belongs to one that stays is added to it.
  store.add([span(900, "archive.wait", [0, 5_000])]);
  assert.equal(store.get(idOf(900))!.spans.length, 2);
  wait(100 * MINUTE_US);
  store.add([span(1_002, "bus.store", [0, 1])]);
  assert.equal(store.get(idOf(899)), undefined);
});

Deno.test("those that stay longer are bounded, also when they grow", () => {
  const { store, wait } = storeWith({ maxBytes: 1e6 });
  for (let trace = 1; trace <= 100; trace++) store.add([span(trace, "bus.store", [0, 1_000])]);
  wait(11 * MINUTE_US);
  store.add([span(1_000, "bus.store", [0, 1_000])]);
  assert.ok(store.get(idOf(1)));
  const text = "x".repeat(500);
  for (let round = 0; round < 50; round++) {
    for (let trace = 1; trace <= 100; trace++) {
      store.add([span(trace, "edge.fanout", [0, 1_000], { attributes: { text } })]);
      assert.ok(store.bytes <= 1e6, `${store.bytes}`);
    }
  }
});

Deno.test("traces without a hop do not push out messages, and spans of one trace are bounded", () => {
  const { store } = storeWith({ maxTraces: 2_000 });
  store.add([span(1, "bus.store", [0, 1])]);
  for (let trace = 2; trace <= 5_000; trace++) store.add([span(trace, "", [0, 1])]);
  assert.ok(store.get(idOf(1)));
  assert.ok(store.size <= 1_002);
  let dropped = 0;
  for (let index = 0; index < 1_500; index++) {
    dropped += store.add([span(1, "edge.fanout", [0, 1])]);
  }
  assert.equal(dropped, 501);
  assert.match(traceOf(store.get(idOf(1))!, []).notes.join(), /501 more spans/);
});

Deno.test("notes say why hops are uncertain", () => {
  const { store } = storeWith();
  const parent = span(1, "bus.store", [5_000, 6_000]);
  store.add([
    parent,
    span(1, "bus.deliver", [1_000, 6_500], {
      parentId: parent.spanId,
      attributes: { [SPAN_ATTRIBUTES.includesStore]: true, [SPAN_ATTRIBUTES.slow]: true },
    }),
  ]);
  const notes = traceOf(store.get(idOf(1))!, ["of every trace"]).notes;
  assert.equal(notes[0], "of every trace");
  assert.match(notes.join("\n"), /does not tell when it stored/);
  assert.match(notes.join("\n"), /was not sampled/);
  assert.match(notes.join("\n"), /the clocks of/);
  // Where its hop is, a client only estimates: clocks need not differ.
  const send = span(2, "client.send", [5_000, 6_000]);
  store.add([send, span(2, "edge.receive", [1_000, 6_500], { parentId: send.spanId })]);
  assert.deepEqual(traceOf(store.get(idOf(2))!, []).notes, []);
});

Deno.test("a span that did not arrive is missed, but not a client's own", () => {
  const missing = /Some spans are missing/;
  const { store } = storeWith();
  const notesOf = (trace: number) => traceOf(store.get(idOf(trace))!, []).notes.join();
  const receive = span(1, "edge.receive", [0, 10], { parentId: "c".repeat(16) });
  store.add([receive, span(1, "client.send", [0, 5], { parentId: "c".repeat(16) })]);
  assert.doesNotMatch(notesOf(1), missing);
  store.add([span(1, "edge.queue", [20, 30], { parentId: "d".repeat(16) })]);
  assert.match(notesOf(1), missing);
});
