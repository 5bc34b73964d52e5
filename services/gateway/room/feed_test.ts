import assert from "node:assert/strict";
import { Batch } from "../wire/batch.ts";
import { Feed, type FeedMember } from "./feed.ts";
import { FlushSchedule } from "../wire/flush_schedule.ts";
import { type Frame, textFrame } from "../wire/frame.ts";

const T = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const U = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** A member that records what it receives: `received` has one array of texts per frame or batch. */
function member(feedPosition = 0, seesTraces = false) {
  const received: string[][] = [];
  const batches: Batch[] = [];
  const text = ({ wire, start }: Frame) => new TextDecoder().decode(wire.subarray(start));
  const peer = {
    skipsDroppable: false,
    send: (frame: Frame) => void received.push([text(frame)]),
    sendBatch(batch: Batch) {
      batches.push(batch);
      received.push(batch.frames.map(text));
    },
  };
  return { session: { peer }, feedPosition, seesTraces, received, batches };
}

function feedOf(...members: ReturnType<typeof member>[]) {
  return new Feed(members, new FlushSchedule(0));
}

Deno.test("every member gets the same bytes, joined once", () => {
  const members = [member(), member(), member()];
  const feed = feedOf(...members);
  for (const text of ["1", "2", "3"]) feed.push(textFrame(text));
  feed.flush();
  for (const { received } of members) assert.deepEqual(received, [["1", "2", "3"]]);
  const [first, second] = members.map(({ batches }) => batches[0]!.wire);
  assert.equal(first, second, "the bytes must be shared");
  feed.flush();
  assert.equal(members[0]!.received.length, 1, "a second flush sends nothing");
});

Deno.test("a member that joins in the middle of a turn gets only later frames", () => {
  const members = [member()];
  const feed = new Feed(members, new FlushSchedule(0));
  feed.push(textFrame("1"));
  const late = member(feed.length);
  members.push(late);
  feed.push(textFrame("2"));
  feed.flush();
  assert.deepEqual(late.received, [["2"]]);
  feed.push(textFrame("3"));
  feed.flush();
  assert.deepEqual(late.received, [["2"], ["3"]]);
  assert.deepEqual(members[0]!.received, [["1", "2"], ["3"]]);
});

Deno.test("a frame for one member alone keeps its place among the room's frames", () => {
  const [one, other] = [member(), member()];
  const feed = feedOf(one, other);
  feed.push(textFrame("1"));
  feed.flushTo(one);
  one.session.peer.send(textFrame("own"));
  feed.push(textFrame("2"));
  feed.flush();
  assert.deepEqual(one.received.flat(), ["1", "own", "2"]);
  assert.deepEqual(other.received, [["1", "2"]]);
});

Deno.test("members that ask for traces share bytes of their own, if there is a trace", () => {
  const [one, other, plain] = [member(0, true), member(0, true), member()];
  const feed = feedOf(one, other, plain);
  feed.push(textFrame('{"n":1}'));
  feed.flush();
  assert.equal(one.batches[0], plain.batches[0], "nothing is traced");
  feed.push(textFrame('{"n":2}'), false, T);
  feed.push(textFrame('{"n":3}'));
  feed.flush();
  assert.deepEqual(one.received[1], [`{"traceparent":"${T}","n":2}`, '{"n":3}']);
  assert.equal(one.batches[1], other.batches[1], "the bytes must be shared");
  assert.deepEqual(plain.received[1], ['{"n":2}', '{"n":3}']);
});

Deno.test("a trace context that is none is not passed on", () => {
  const members = [member(0, true)];
  const feed = feedOf(...members);
  feed.push(textFrame('{"n":1}'), false, `${T.slice(0, -3)}","seq":7,"x":"-01`);
  feed.flush();
  assert.deepEqual(members[0]!.received, [['{"n":1}']]);
});

Deno.test("a trace is passed on to a member that is flushed alone or has just joined", () => {
  const [alone, plain] = [member(0, true), member()];
  const members = [alone, plain];
  const feed = new Feed(members, new FlushSchedule(0));
  feed.push(textFrame('{"n":1}'), false, T);
  feed.flushTo(alone);
  feed.flushTo(plain);
  members.push(member(feed.length, true));
  feed.push(textFrame('{"n":2}'), false, U);
  feed.flush();
  const [first, second] = [`{"traceparent":"${T}","n":1}`, `{"traceparent":"${U}","n":2}`];
  assert.deepEqual(alone.received, [[first], [second]]);
  assert.deepEqual(plain.received, [['{"n":1}'], ['{"n":2}']]);
  assert.deepEqual(members[2]!.received, [[second]]);
});

Deno.test("droppable frames are skipped for slow readers only", () => {
  const [slow, fast, flushed] = [member(), member(), member()];
  slow.session.peer.skipsDroppable = true;
  flushed.session.peer.skipsDroppable = true;
  const feed = feedOf(slow, fast, flushed);
  feed.push(textFrame("signal"), true);
  feed.push(textFrame("message"));
  feed.flushTo(flushed);
  feed.flush();
  assert.deepEqual(slow.received, [["message"]]);
  assert.deepEqual(flushed.received, [["message"]]);
  assert.deepEqual(fast.received, [["signal", "message"]]);
  feed.push(textFrame("signal"), true);
  feed.flush();
  assert.deepEqual(slow.received.flat(), ["message"]);
});

Deno.test("a feed is bounded: a full one is flushed before its turn ends", () => {
  const one = member();
  const feed = feedOf(one);
  const frame = textFrame(JSON.stringify("x".repeat(32_000)));
  for (let i = 0; i < 100; i++) feed.push(frame);
  assert.ok(feed.length < 9, String(feed.length));
  feed.flush();
  assert.equal(one.received.flat().length, 100);
});

Deno.test("a feed without members queues nothing", () => {
  const feed = feedOf();
  feed.push(textFrame("1"));
  assert.equal(feed.length, 0);
});

Deno.test("a member that leaves during a flush takes no frames from the others", () => {
  const members = [member(), member(), member()];
  const [a, b, c] = members;
  const feed = new Feed(members, new FlushSchedule(0));
  // The last member overflows and leaves, the way a room removes members.
  c!.session.peer.sendBatch = () => void members.pop();
  feed.push(textFrame("1"));
  feed.flush();
  assert.deepEqual([a!.received, b!.received], [[["1"]], [["1"]]]);
});

Deno.test("a member that is flushed while it receives a frame gets nothing twice", () => {
  // As when a reader is too slow: its session closes, and closing flushes its rooms.
  const got: Frame[] = [];
  const members: FeedMember[] = [];
  const feed = new Feed(members, new FlushSchedule(0));
  const member: FeedMember = {
    feedPosition: 0,
    seesTraces: false,
    session: {
      peer: {
        skipsDroppable: false,
        send(frame) {
          got.push(frame);
          feed.flushTo(member);
        },
        sendBatch: () => {},
      },
    },
  };
  members.push(member);
  const frames = [1, 2, 3].map((n) => textFrame(JSON.stringify({ n })));
  for (const frame of frames) feed.push(frame);
  feed.flushTo(member);
  assert.deepEqual(got, frames);
});
