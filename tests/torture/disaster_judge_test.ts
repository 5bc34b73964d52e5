import assert from "node:assert/strict";
import type { RoomArchive } from "./archive.ts";
import {
  judgeHistory,
  judgeRecovery,
  judgeSeqs,
  type RoomRecord,
  type Witness,
} from "./disaster_judge.ts";

/** An archive with these ids, at these seqs. */
function archive(messages: [seq: number, id: string][], epoch = "e1"): RoomArchive {
  return {
    epoch,
    messages: messages.map(([seq, id], i) => ({
      epoch,
      seq,
      prev: messages[i - 1]?.[0] ?? 0,
      room: "a",
      id,
      userId: "ann",
      username: "Ann",
      content: id,
      timestamp: 1,
    })),
  };
}

/** A user who sent messages that were acked at a time, and received others. */
function witness(
  acked: [seq: number, id: string, at: number][],
  seen: [seq: number, id: string][] = [],
  breaks: number[] = [],
): Witness {
  return {
    id: "ann",
    sent: acked.map(([ackedSeq, id, ackedAt]) => ({
      room: "a",
      id,
      content: id,
      ackedSeq,
      ackedAt,
    })),
    rooms: new Map([["a", {
      seen: seen.map(([seq, id]) => ({ epoch: "e1", seq, id, userId: "ann", content: id })),
      lastSeq: seen.at(-1)?.[0] ?? 0,
      epoch: "e1",
      from: 0,
      breaks,
      subscribed: true,
      refused: false,
      members: new Set<string>(),
    }]]),
  };
}

const record = (before: RoomArchive, after: RoomArchive): RoomRecord => ({
  room: "a",
  brief: false,
  before,
  after,
});

const ann = witness([[1, "x", 10], [2, "y", 20], [3, "z", 200]]);

Deno.test("what was archived before a disaster must stay, and what is acked after it must come", () => {
  const losses = { loses: true, endedAt: 100 };
  const judge = (before: RoomArchive, after: RoomArchive) =>
    judgeHistory(record(before, after), losses, [ann]);
  const before = archive([[1, "x"]]);
  assert.deepEqual(judge(before, archive([[1, "x"], [3, "z"]])), [], "y may be lost");
  assert.match(judge(before, archive([[2, "y"], [3, "z"]]))[0]!, /x \(1\) .* and is lost/);
  assert.match(judge(before, archive([[1, "x"], [2, "y"]]))[0]!, /z \(3\) .* not archived/);
  assert.match(
    judge(before, archive([[1, "x"], [4, "z"]]))[0]!,
    /z was acked with seq 3 but has 4/,
  );
});

Deno.test("a disaster that loses nothing must lose nothing, and store nothing twice", () => {
  const losses = { loses: false, endedAt: 100 };
  const judge = (after: RoomArchive) => judgeHistory(record(archive([]), after), losses, [ann]);
  assert.match(judge(archive([[1, "x"], [3, "z"]]))[0]!, /y \(2\) was acked but is not archived/);
  const twice = archive([[1, "x"], [2, "y"], [3, "z"], [4, "y"]]);
  assert.match(judge(twice).join(), /y is archived twice/);
});

Deno.test("whoever recovered must have received everything in between", () => {
  const after = archive([[1, "x"], [2, "y"], [3, "z"]]);
  const judge = (...users: Witness[]) => judgeRecovery(record(archive([]), after), users);
  assert.deepEqual(judge(witness([], [[1, "x"], [2, "y"], [3, "z"]])), []);
  assert.deepEqual(judge(witness([], [[2, "y"], [3, "z"]])), [], "it joined later");
  assert.deepEqual(judge(witness([], [[1, "x"], [3, "z"]], [1])), [], "it knows of the gap");
  assert.deepEqual(judge(witness([], [[1, "x"], [2, "lost"], [2, "y"], [3, "z"]])), []);
  assert.match(
    judge(witness([], [[1, "x"], [3, "z"]]))[0]!,
    /ann received z \(3\) instead of y \(2\)/,
  );
  assert.match(judge(witness([], [[1, "x"]]))[0]!, /ann stopped at 1, .* reaches 3/);
});

Deno.test("a seq of a log stands for one message", () => {
  const records = [record(archive([[1, "x"]]), archive([[1, "y"]], "e2"))];
  assert.deepEqual(judgeSeqs(records, [witness([], [[1, "x"]])]), []);
  assert.match(judgeSeqs(records, [witness([], [[1, "z"]])])[0]!, /e1:1 is a x, and a z at ann/);
  const reused = [record(archive([[1, "x"]]), archive([[1, "y"]]))];
  assert.match(judgeSeqs(reused, [])[0]!, /e1:1 is a x, and a y in the history/);
});
