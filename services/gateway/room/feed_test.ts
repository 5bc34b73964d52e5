import assert from "node:assert/strict";
import { Batch } from "../wire/batch.ts";
import { Feed, type FeedMember } from "./feed.ts";
import { FlushSchedule } from "../wire/flush_schedule.ts";
import { type Frame, textFrame } from "../wire/frame.ts";

/** A member that notes what it is given; `given` are the texts, one array a batch or frame. */
function member(fed = 0) {
  const given: string[][] = [];
  const batches: Batch[] = [];
  const text = ({ wire, start }: Frame) => new TextDecoder().decode(wire.subarray(start));
  const peer = {
    dropping: false,
    send: (frame: Frame) => void given.push([text(frame)]),
    sendBatch(batch: Batch) {
      batches.push(batch);
      given.push(batch.frames.map(text));
    },
  };
  return { session: { peer }, fed, given, batches };
}

function feedOf(...members: ReturnType<typeof member>[]) {
  return new Feed(members, new FlushSchedule(0));
}

Deno.test("every member gets the same bytes, joined once", () => {
  const members = [member(), member(), member()];
  const feed = feedOf(...members);
  for (const text of ["1", "2", "3"]) feed.push(textFrame(text));
  feed.flush();
  for (const { given } of members) assert.deepEqual(given, [["1", "2", "3"]]);
  const [first, second] = members.map(({ batches }) => batches[0]!.wire);
  assert.equal(first, second, "the very same array");
  feed.flush();
  assert.equal(members[0]!.given.length, 1, "and nothing twice");
});

Deno.test("who comes in the middle of a turn gets what comes after", () => {
  const members = [member()];
  const feed = new Feed(members, new FlushSchedule(0));
  feed.push(textFrame("1"));
  const late = member(feed.length);
  members.push(late);
  feed.push(textFrame("2"));
  feed.flush();
  assert.deepEqual(late.given, [["2"]]);
  feed.push(textFrame("3"));
  feed.flush();
  assert.deepEqual(late.given, [["2"], ["3"]]);
  assert.deepEqual(members[0]!.given, [["1", "2"], ["3"]]);
});

Deno.test("what is for one member alone keeps its place among what the room has", () => {
  const [one, other] = [member(), member()];
  const feed = feedOf(one, other);
  feed.push(textFrame("1"));
  feed.flushTo(one);
  one.session.peer.send(textFrame("own"));
  feed.push(textFrame("2"));
  feed.flush();
  assert.deepEqual(one.given.flat(), ["1", "own", "2"]);
  assert.deepEqual(other.given, [["1", "2"]]);
});

Deno.test("what may be dropped is, for members that are behind alone", () => {
  const [behind, well, pulled] = [member(), member(), member()];
  behind.session.peer.dropping = true;
  pulled.session.peer.dropping = true;
  const feed = feedOf(behind, well, pulled);
  feed.push(textFrame("signal"), true);
  feed.push(textFrame("message"));
  feed.flushTo(pulled);
  feed.flush();
  assert.deepEqual(behind.given, [["message"]]);
  assert.deepEqual(pulled.given, [["message"]]);
  assert.deepEqual(well.given, [["signal", "message"]]);
  feed.push(textFrame("signal"), true);
  feed.flush();
  assert.deepEqual(behind.given.flat(), ["message"]);
});

Deno.test("a feed does not grow without a bound: it is given out before its turn ends", () => {
  const one = member();
  const feed = feedOf(one);
  const frame = textFrame(JSON.stringify("x".repeat(32_000)));
  for (let i = 0; i < 100; i++) feed.push(frame);
  assert.ok(feed.length < 9, String(feed.length));
  feed.flush();
  assert.equal(one.given.flat().length, 100);
});

Deno.test("without members nothing is kept", () => {
  const feed = feedOf();
  feed.push(textFrame("1"));
  assert.equal(feed.length, 0);
});

Deno.test("a member that leaves while all are given theirs takes nobody else's away", () => {
  const members = [member(), member(), member()];
  const [a, b, c] = members;
  const feed = new Feed(members, new FlushSchedule(0));
  // The last one's socket overflows: it leaves, as a room takes members out.
  c!.session.peer.sendBatch = () => void members.pop();
  feed.push(textFrame("1"));
  feed.flush();
  assert.deepEqual([a!.given, b!.given], [[["1"]], [["1"]]]);
});

Deno.test("a member that is pulled while it is given something gets nothing twice", () => {
  // As one whose reader is too slow: its session closes, and takes what its rooms still have for it.
  const got: Frame[] = [];
  const members: FeedMember[] = [];
  const feed = new Feed(members, new FlushSchedule(0));
  const member: FeedMember = {
    fed: 0,
    session: {
      peer: {
        dropping: false,
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
