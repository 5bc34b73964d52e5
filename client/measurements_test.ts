import assert from "node:assert/strict";
import { Measurements } from "./measurements.ts";
import type { FrameSender } from "./send_queue.ts";
import { joinedRoom, messageFrame } from "./test_client.ts";
import { settled } from "./test_clock.ts";

const measuring = (joinOptions = {}) => joinedRoom({}, joinOptions, { measure: true });
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Deno.test("a measuring client reports what it sent and received, together after 5 s", async () => {
  const { clock, room, socket } = await measuring();
  room.on("message", () => void (clock.time += 3));
  socket().receive({ ...messageFrame(11), traceparent: TRACEPARENT });
  clock.time = 1_000;
  const sent = room.send("x", { id: "1", traceparent: TRACEPARENT });
  await settled();
  socket().receive({ type: "ack", id: "1", room: "lobby", seq: 12 });
  await sent;
  assert.equal(socket().sentOf("measurements").length, 0);
  await clock.advance(4_003);
  const [report] = socket().sentOf("measurements");
  const about = { room: "lobby", traceparent: TRACEPARENT };
  assert.deepEqual(report, {
    type: "measurements",
    id: "~measure",
    entries: [
      { hop: "client.receive", ms: 3, ago: 5_000, ...about },
      { hop: "client.send", ms: 0, ago: 4_003, ...about },
    ],
  });
});

Deno.test("the time in the queue counts for client.send, also without a connection", async () => {
  const { clock, room, socket } = await measuring();
  socket().disconnect();
  void room.send("x").catch(() => {});
  await clock.advance(300);
  socket().accept();
  const { id } = socket().sentOf("subscribe").at(-1)!;
  socket().receive({
    type: "subscribed",
    room: "lobby",
    seq: 10,
    epoch: "e1",
    recovered: true,
    id,
  });
  assert.equal(socket().sentOf("message").length, 1);
  // Sent again on the next connection, it is not measured again.
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  await clock.advance(5_000);
  const reports = socket().sentOf("measurements").map(({ entries }) => entries as { ms: number }[]);
  assert.deepEqual(reports.map((entries) => entries.map(({ ms }) => ms)), [[300]]);
});

Deno.test("half of the round trip is added to how long ago it was", async () => {
  const { clock, socket } = await measuring();
  clock.time = 40;
  socket().receive({ type: "pong", id: "~" });
  socket().receive(messageFrame(11));
  await clock.advance(5_000);
  const entries = socket().sentOf("measurements")[0]!.entries as { ago: number }[];
  assert.deepEqual(entries.map(({ ago }) => ago), [5_020]);
});

Deno.test("a report has at most 100 entries, and a client that does not measure sends none", async () => {
  for (const [measure, reports] of [[true, [100]], [false, []]] as const) {
    const { clock, socket } = await joinedRoom({}, {}, { measure });
    for (let seq = 11; seq < 150; seq++) socket().receive(messageFrame(seq));
    await clock.advance(10_000);
    const sent = socket().sentOf("measurements");
    assert.deepEqual(sent.map(({ entries }) => (entries as unknown[]).length), reports);
  }
});

Deno.test("what was measured before the page slept is not reported", () => {
  let time = 0;
  let report = () => {};
  const clock = {
    now: () => time,
    setTimeout: (callback: () => void) => report = callback,
    clearTimeout() {},
  };
  const reports: { ago: number }[][] = [];
  const send = (frame: object) =>
    void reports.push((frame as { entries: { ago: number }[] }).entries);
  const sender = { clock, isConnected: () => true, send } as unknown as FrameSender;
  const measurements = new Measurements(sender, () => undefined);
  measurements.add("client.receive", 0, "lobby");
  time = 56_000;
  measurements.add("client.receive", 56_000, "lobby");
  // The timer runs late.
  time = 61_000;
  report();
  assert.deepEqual(reports.map((entries) => entries.map(({ ago }) => ago)), [[5_000]]);
});

Deno.test("a server that does not know measurements gets no more of them", async () => {
  const { clock, hop, socket } = await measuring();
  const errors: unknown[] = [];
  hop.on("error", (error) => errors.push(error));
  const receiveOne = async (seq: number) => {
    socket().receive(messageFrame(seq));
    await clock.advance(5_000);
    return socket().sentOf("measurements").length;
  };
  const error = { type: "error", message: "", id: "~measure" };
  assert.equal(await receiveOne(11), 1);
  socket().receive({ ...error, code: "rate_limited" });
  assert.equal(await receiveOne(12), 2);
  socket().receive({ ...error, code: "unknown_type" });
  assert.equal(await receiveOne(13), 2);
  assert.deepEqual(errors, []);
  hop.close();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a message, a signal and a call ask to be traced, and the acknowledgement names the trace", async () => {
  const { hop, room, socket } = await joinedRoom({}, { trace: true });
  assert.equal(socket().sentOf("subscribe")[0]!.trace, true);
  const sent = room.send("x", { id: "1", trace: true });
  await settled();
  const [frame] = socket().sentOf("message");
  assert.deepEqual([frame!.trace, frame!.traceparent], [true, undefined]);
  const traceId = TRACEPARENT.slice(3, 35);
  socket().receive({ type: "ack", id: "1", room: "lobby", seq: 11, traceId });
  assert.equal((await sent).traceId, traceId);
  void hop.call("dice.roll", 1, { traceparent: TRACEPARENT, trace: true }).catch(() => {});
  room.signal(1, { traceparent: TRACEPARENT, trace: true });
  const [signal] = socket().sentOf("signal");
  assert.deepEqual([signal!.trace, signal!.traceparent], [true, TRACEPARENT]);
  const [call] = socket().sentOf("call");
  assert.deepEqual([call!.trace, call!.traceparent], [true, TRACEPARENT]);
  hop.close();
});

Deno.test("a measuring client begins the trace itself, so that client.send is part of it", async () => {
  const { clock, room, socket } = await measuring();
  void room.send("x", { trace: true }).catch(() => {});
  await clock.advance(5_000);
  const { traceparent } = socket().sentOf("message")[0]!;
  assert.match(String(traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  const [entry] = socket().sentOf("measurements")[0]!.entries as { traceparent: string }[];
  assert.equal(entry!.traceparent, traceparent);
});
