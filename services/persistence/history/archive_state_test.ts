import assert from "node:assert/strict";
import { FaultError } from "../../kit/mod.ts";
import { until } from "../../../tests/harness/wait.ts";
import type { Generation } from "../archive/archive.ts";
import { ArchiveState, type ArchiveStateOptions, type Snapshot } from "./archive_state.ts";

const generation = (epoch: string, position: number): Generation => ({
  epoch,
  firstSeq: 1,
  position,
  mark: null,
  unverified: false,
});
const snapshot = (epoch: string, position: number): Snapshot => ({
  generations: [generation(epoch, position)],
  unexplained: [],
});
const refusal = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof FaultError && error.fault.code === code && text.test(error.message);

/** A state whose database and log the test decides. */
function stateOn(
  source: { now: Snapshot; last?: number; reads?: number },
  options: Partial<ArchiveStateOptions> = {},
): ArchiveState {
  return new ArchiveState({
    read: () => {
      source.reads = (source.reads ?? 0) + 1;
      return Promise.resolve(source.now);
    },
    readLogEnd: () =>
      Promise.resolve({ epoch: source.now.generations.at(-1)!.epoch, last: source.last ?? 1e9 }),
    poll: 5,
    deadline: 10_000,
    ...options,
  });
}

Deno.test("the writer's readers are served as soon as it advances, without a read", async () => {
  const source = { now: snapshot("e", 3), reads: 0 };
  const state = stateOn(source);
  state.attach(source.now);
  const reaching = state.reach(7);
  assert.equal((await state.reach(3)).generations[0]!.position, 3);
  state.advance(6);
  assert.equal(state.waiting, 1);
  state.advance(9);
  assert.equal((await reaching).generations[0]!.position, 9);
  assert.equal(state.current?.position, 9);
  assert.equal(source.reads, 0);
  state.close();
});

Deno.test("others read the database while somebody waits, and share the reads", async () => {
  const source = { now: snapshot("e", 3), reads: 0 };
  const state = stateOn(source);
  const both = await Promise.all([state.read(), state.read()]);
  assert.equal(both[0], both[1]);
  assert.equal(source.reads, 1);
  const waiting = Array.from({ length: 50 }, () => state.reach(8));
  await until("some reads", () => source.reads > 3);
  source.now = snapshot("e", 8);
  for (const found of await Promise.all(waiting)) assert.equal(found.generations[0]!.position, 8);
  assert.ok(source.reads < 50);
  state.close();
});

Deno.test("a seq that the log does not have is refused, one that it has got meanwhile is not", async () => {
  const source = { now: snapshot("e", 3), last: 5 };
  const state = stateOn(source);
  await assert.rejects(state.reach(6), refusal("invalid_format", /ends at 5/));
  const waiting = state.reach(5);
  source.now = snapshot("e", 5);
  await waiting;
  state.close();
});

Deno.test("readers are refused after a deadline, above a bound, and at the end", async () => {
  const source = { now: snapshot("e", 3) };
  const late = stateOn(source, { deadline: 20 });
  await assert.rejects(late.reach(6), refusal("unavailable", /behind/));
  const full = stateOn(source, { maxWaiting: 2 });
  await full.read();
  const waiting = [full.reach(6), full.reach(7)];
  await assert.rejects(full.reach(8), refusal("unavailable", /too many/));
  const ended = waiting.map((one) => assert.rejects(one, refusal("unavailable", /shutting down/)));
  full.close();
  await Promise.all(ended);
  assert.equal(full.waiting, 0);
});

Deno.test("a new generation refuses whoever waits for a seq of the one before", async () => {
  const source = { now: snapshot("e", 3) };
  const state = stateOn(source);
  state.attach(source.now);
  const waiting = assert.rejects(state.reach(6), refusal("unavailable", /replaced/));
  await until("the reader to wait", () => state.waiting === 1);
  state.attach({ generations: [generation("e", 3), generation("f", 9)], unexplained: [] });
  await waiting;
  state.close();
});

Deno.test("an archive that has never seen a log is unavailable", async () => {
  const state = stateOn({ now: { generations: [], unexplained: [] } }, {
    readLogEnd: () => Promise.reject(new Error("no stream")),
  });
  await assert.rejects(state.read(), refusal("unavailable", /not attached/));
  await assert.rejects(state.reach(1), refusal("unavailable", /not attached/));
});
