/** What nats-server reports becomes hops. The reports are of nats-server 2.15.1. */
import assert from "node:assert/strict";
import { microsOf } from "../../kit/mod.ts";
import { hopsOf, NatsReport } from "./events.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const at = (micros: number) => `2026-11-25T18:20:36.${String(micros).padStart(6, "0")}011Z`;
const time = (micros: number) => microsOf(at(micros));

const report = (events: object[], more: object = {}) =>
  NatsReport.parse({
    server: { name: "n1", id: "NDQB", ver: "2.15.1", time: at(500), ...more },
    request: { header: { traceparent: [TRACEPARENT] }, msgsize: 87 },
    events,
  });

const received = (subj: string, more: object = {}) => ({
  type: "in",
  ts: at(100),
  kind: 0,
  cid: 6,
  acc: "HOPWIRE",
  subj,
  ...more,
});
const stored = {
  type: "js",
  ts: at(200),
  stream: "ROOMS",
  subject: "room.message.1.chat.lobby",
};

Deno.test("a stored message is received, then stored", () => {
  const hops = hopsOf(report([received("room.message.1.chat.lobby"), stored]));
  assert.deepEqual(hops, {
    traceparent: TRACEPARENT,
    server: "n1",
    room: "chat.lobby",
    hops: [
      { hop: "nats.ingress", from: time(100), to: time(200) },
      { hop: "nats.store", from: time(200), to: time(500) },
    ],
  });
});

Deno.test("in a cluster it is forwarded, too", () => {
  const hops = hopsOf(report([
    received("room.message.1.chat.lobby"),
    { type: "eg", ts: at(150), kind: 1, cid: 9, name: "n2", hop: "1" },
    { type: "eg", ts: at(160), kind: 0, cid: 7, subj: "x" },
    { ...stored, error: "no space left" },
  ]));
  assert.deepEqual(hops!.hops, [
    { hop: "nats.ingress", from: time(100), to: time(150) },
    { hop: "nats.store", from: time(200), to: time(500), failure: "no space left" },
    { hop: "nats.route", from: time(100), to: time(150), target: "n2" },
  ]);
});

Deno.test("a request is received; it is in no room", () => {
  const hops = hopsOf(report([received("rooms.join"), { type: "eg", ts: at(110), kind: 0 }]));
  assert.equal(hops!.room, null);
  assert.deepEqual(hops!.hops, [{ hop: "nats.ingress", from: time(100), to: time(110) }]);
  // Nobody has subscribed.
  assert.equal(hopsOf(report([received("rooms.join")]))!.hops[0]!.to, time(500));
});

Deno.test("a report without a trace or without a beginning is none", () => {
  assert.equal(hopsOf(report([stored])), null);
  const { request: _, ...rest } = report([received("a")]);
  assert.equal(hopsOf({ ...rest, request: {} }), null);
  assert.equal(
    hopsOf({ ...rest, request: { header: { Traceparent: [TRACEPARENT] } } })!.traceparent,
    TRACEPARENT,
  );
});

Deno.test("what is no report is refused", () => {
  for (
    const wrong of [
      {},
      { server: { name: "n1", time: "now" }, request: {}, events: [] },
      { server: { name: "n1", time: at(1) }, request: {}, events: [{ type: "in", ts: 1 }] },
      {
        server: { name: "n1", time: at(1) },
        request: {},
        events: Array.from({ length: 1_001 }, () => stored),
      },
    ]
  ) {
    assert.equal(NatsReport.safeParse(wrong).success, false);
  }
});
