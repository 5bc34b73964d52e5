/** The judge of the torture must see every fault, or the torture proves nothing. */
import assert from "node:assert/strict";
import { describe, judgeView } from "./judge.ts";

const message = (seq: number) => ({ seq, id: `m${seq}`, content: seq });
const archive = [3, 5, 8, 9].map(message);

/** What a member saw that joined after message 3. */
const view = (seqs: number[], breaks: number[] = [], lastSeq = seqs.at(-1) ?? 3) => ({
  from: 3,
  lastSeq,
  seen: seqs.map(message),
  breaks,
});

Deno.test("a member must receive everything after it joined, once and in order", () => {
  assert.deepEqual(judgeView(view([5, 8, 9]), archive), []);
  assert.match(judgeView(view([5, 9]), archive)[0]!, /received m9 \(9\) instead of m8 \(8\)/);
  assert.match(judgeView(view([5, 8]), archive)[0]!, /received nothing instead of m9 \(9\)/);
  assert.match(judgeView(view([5, 5, 8, 9]), archive)[0]!, /received m5/);
  assert.match(judgeView(view([8, 5, 9]), archive)[0]!, /received m8/);
  assert.match(judgeView(view([5, 8, 9, 10]), archive)[0]!, /instead of undefined/);
  const changed = [...archive.slice(0, 3), { ...message(9), content: "other" }];
  assert.match(judgeView(view([5, 8, 9]), changed)[0]!, /received m9/);
});

Deno.test("messages may be missing where the member was told so, and nowhere else", () => {
  assert.deepEqual(judgeView(view([5, 9], [1]), archive), []);
  assert.deepEqual(judgeView(view([5], [1], 9), archive), []);
  assert.match(judgeView(view([5], [1], 8), archive)[0]!, /nothing instead of m9/);
  assert.match(judgeView(view([9], [1]), archive)[0]!, /received m9 \(9\) instead of m5/);
  assert.match(judgeView(view([5, 5, 9], [1]), archive)[0]!, /received m5/);
  assert.match(judgeView(view([5, 7, 9], [1]), archive)[0]!, /received m7/);
});

Deno.test("a description begins with what is wrong, and keeps at most twenty of it", () => {
  const verdict = Array.from({ length: 30 }, (_, i) => `fault ${i}`);
  const lines = describe(7, verdict, ["0.1 s  kill"], { sent: 1 }).split("\n");
  assert.deepEqual(lines.slice(0, 2), ["seed 7", "fault 0"]);
  assert.deepEqual(lines.slice(21), ["... 10 more", '{"sent":1}', "0.1 s  kill"]);
});
