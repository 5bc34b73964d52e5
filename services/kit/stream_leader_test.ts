import assert from "node:assert/strict";
import { leadership } from "./stream_leader.ts";

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
