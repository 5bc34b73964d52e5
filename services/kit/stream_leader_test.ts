import assert from "node:assert/strict";
import type { StreamInfo } from "@nats-io/jetstream";
import { leadership, settledInfo } from "./stream_leader.ts";

const MS = 1_000_000;
const of = (num_replicas: number, leader: string | undefined, ...active: number[]) =>
  leadership({
    config: { num_replicas },
    cluster: { leader, replicas: active.map((ms) => ({ active: ms * MS })) },
  });

Deno.test("a leader is believed while enough of its replicas answer it", () => {
  assert.equal(of(3, "n1", 20, 900), "leader");
  assert.equal(of(3, "n1", 2_900, 60_000), "leader");
  assert.equal(of(3, "n1", 3_100, 3_100), "cut off");
  assert.equal(of(5, "n1", 20, 3_100, 3_100, 3_100), "cut off");
  assert.equal(of(5, "n1", 20, 20, 3_100, 3_100), "leader");
  assert.equal(of(2, "n1", 3_100), "cut off");
  // It has never heard of them.
  assert.equal(of(3, "n1", 0, 0), "cut off");
  assert.equal(of(3, "n1"), "cut off");
  const replicas = [{ active: MS, offline: true }, { active: 9_000 * MS }];
  assert.equal(
    leadership({ config: { num_replicas: 3 }, cluster: { leader: "n1", replicas } }),
    "cut off",
  );
});

Deno.test("a server without a leader is not believed, and one replica needs no other", () => {
  assert.equal(of(3, undefined, 20, 20), "none");
  assert.equal(of(3, "", 20, 20), "none");
  assert.equal(of(1, "n1"), "leader");
  assert.equal(of(1, undefined), "leader");
  assert.equal(leadership({ config: { num_replicas: 3 } }), "leader");
});

/** The last answers of a stream's leaders, and how many were read. */
function answersOf(answers: [leader: string, lastSeq: number][], num_replicas = 3) {
  const infos = answers.map(([leader, last_seq]) =>
    ({
      config: { name: "S", num_replicas },
      cluster: { leader },
      state: { last_seq },
    }) as StreamInfo
  );
  let reads = 0;
  const info = () => Promise.resolve(infos[Math.min(++reads, infos.length - 1)]!);
  return { first: infos[0]!, manager: { streams: { info } }, reads: () => reads };
}

const isShort = ({ state }: StreamInfo) => state.last_seq < 9;
const quickly = { settleMs: 50, readMs: 5 };

Deno.test("a leader that ends earlier is believed when it has repeated it", async () => {
  const { first, manager, reads } = answersOf([["n1", 4]]);
  const found = await settledInfo(manager, first, isShort, quickly);
  assert.equal(found.state.last_seq, 4);
  assert.ok(reads() > 1, `${reads()} reads`);
});

Deno.test("a leader that was elected a moment ago gets time to apply what it has", async () => {
  const { first, manager } = answersOf([["n1", 4], ["n1", 7], ["n1", 9]]);
  const found = await settledInfo(manager, first, isShort, { settleMs: 60_000, readMs: 1 });
  assert.equal(found.state.last_seq, 9);
});

Deno.test("a leader that is replaced while it repeats itself is not believed", async () => {
  const { first, manager } = answersOf([["n1", 4], ["n1", 4], ["n2", 4]]);
  await assert.rejects(
    settledInfo(manager, first, isShort, { settleMs: 60_000, readMs: 1 }),
    /another leader/,
  );
});

Deno.test("what is not doubtful, or has one replica, is believed at once", async () => {
  for (const [lastSeq, replicas] of [[9, 3], [4, 1]] as const) {
    const { first, manager, reads } = answersOf([["n1", lastSeq]], replicas);
    let asked = 0;
    const doubt = (info: StreamInfo) => (asked++, isShort(info));
    assert.equal(await settledInfo(manager, first, doubt), first);
    assert.deepEqual([reads(), asked], [0, 1]);
  }
});
