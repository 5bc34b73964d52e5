/** Requests that are done once, on a real server: two instances of the API, and what goes wrong between them. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { ANSWERS_STREAM, ANSWERS_SUBJECT, fault } from "../../contract/mod.ts";
import { connectBus, createLogger, FaultError } from "../../kit/mod.ts";
import { sealOf } from "./sealed.ts";
import { createSharedAnswers, type OnceRequest, type SharedAnswers } from "./shared_answers.ts";

/** How long the stream keeps an answer in these tests, nanoseconds. */
const MAX_AGE = 60e9;

interface Parts {
  one: SharedAnswers;
  other: SharedAnswers;
  manager: Awaited<ReturnType<typeof jetstreamManager>>;
}

async function withTwo(
  play: (parts: Parts) => Promise<void>,
  { stream = true, maxBytes = -1 } = {},
): Promise<void> {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const connect = () => connectBus({ url: server.url, name: "test", log });
  const buses = [await connect(), await connect()] as const;
  const manager = await jetstreamManager(buses[0].nats, { checkAPI: false });
  if (stream) {
    await manager.streams.add({
      name: ANSWERS_STREAM,
      subjects: [ANSWERS_SUBJECT],
      max_msgs_per_subject: 1,
      max_age: MAX_AGE,
      max_bytes: maxBytes,
    });
  }
  try {
    const [one, other] = buses.map(createSharedAnswers) as [SharedAnswers, SharedAnswers];
    await play({ one, other, manager });
  } finally {
    await Promise.all(buses.map((bus) => bus.drain()));
  }
}

function request(name: string, more: Partial<OnceRequest> = {}): OnceRequest {
  const end = performance.now() + 8_000;
  return {
    name,
    fingerprint: "f",
    seal: sealOf("key", name),
    timeLeft: () => Math.max(1, end - performance.now()),
    ...more,
  };
}

const answering = (answer: string) => () => Promise.resolve(answer);
const never = () => Promise.reject(new Error("it was done again"));

Deno.test("one instance does a request, and the others wait for its answer", () =>
  withTwo(async ({ one, other, manager }) => {
    let runs = 0;
    const finish = Promise.withResolvers<string>();
    const run = () => {
      runs++;
      return finish.promise;
    };
    const all = Array.from(
      { length: 8 },
      (_, i) => (i % 2 ? one : other).once(request("order"), run),
    );
    await until("a claim", () => runs > 0);
    finish.resolve("token: secret");
    const answers = await Promise.all(all);
    assert.equal(runs, 1);
    assert.deepEqual(new Set(answers.map(({ answer }) => answer)), new Set(["token: secret"]));
    assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
    const again = await other.once(request("order"), never);
    assert.deepEqual(again, { answer: "token: secret", replayed: true });
    await assert.rejects(other.once(request("order", { fingerprint: "g" }), never), {
      status: 409,
    });
    // Nobody reads it who did not show the key.
    const stored = await manager.streams.getMessage(ANSWERS_STREAM, { seq: 2 });
    assert.ok(stored!.data.length > 50);
    assert.ok(!/secret|done/.test(new TextDecoder("latin1").decode(stored!.data)));
  }));

Deno.test("a refused request may be done again, at any instance", () =>
  withTwo(async ({ one, other }) => {
    const refuse = () => Promise.reject(new FaultError("rate_limited"));
    await assert.rejects(one.once(request("order"), refuse), { fault: fault("rate_limited") });
    const second = await other.once(request("order", { fingerprint: "g" }), answering("done"));
    assert.deepEqual(second, { answer: "done", replayed: false });
  }));

Deno.test("an instance that dies keeps others from its request until its time is over", () =>
  withTwo(async ({ one, other }) => {
    // It gets no further than its claim.
    void one.once(request("order", { timeLeft: () => 100 }), () => new Promise(() => {}));
    await until("the claim", async () => {
      const early = other.once(request("order", { timeLeft: () => 1 }), never);
      return await early.then(() => false, (error) => error.fault.code === "timeout");
    });
    const began = performance.now();
    const taken = await other.once(request("order"), answering("done"));
    assert.deepEqual(taken, { answer: "done", replayed: false });
    assert.ok(performance.now() - began < 8_000);
    assert.equal((await one.once(request("order"), never)).answer, "done");
  }));

Deno.test("an answer that is too large to keep is not made twice", () =>
  withTwo(async ({ one, other }) => {
    const large = "x".repeat(256 * 1024 + 1);
    assert.equal((await one.once(request("order"), answering(large))).answer.length, large.length);
    await assert.rejects(other.once(request("order"), never), /too large to be kept/);
    const fits = large.slice(1);
    await one.once(request("other"), answering(fits));
    assert.equal((await other.once(request("other"), never)).answer.length, fits.length);
  }));

Deno.test("what others put into the stream is no answer", () =>
  withTwo(async ({ one, other, manager }) => {
    await one.once(request("order"), answering("done"));
    const stored = await manager.streams.getMessage(ANSWERS_STREAM, { last_by_subj: ">" });
    const seal = sealOf("another key", "order");
    // The same subject and another key: as if somebody had written it who does not know the key.
    const forged = await other.once(request("order", { seal }), answering("again"));
    assert.deepEqual(forged, { answer: "again", replayed: false });
    const now = await manager.streams.getMessage(ANSWERS_STREAM, { last_by_subj: ">" });
    assert.equal(now!.subject, stored!.subject);
  }));

Deno.test("without the stream nothing is done", () =>
  withTwo(async ({ one }) => {
    await assert.rejects(one.once(request("order"), never), /^FaultError: Temporarily unavailable/);
  }, { stream: false }));

Deno.test("a storm of requests is refused before an answer has to make room, and not afterwards", () =>
  withTwo(async ({ one, other, manager }) => {
    await one.once(request("order"), answering("done"));
    const running = Promise.withResolvers<string>();
    const slow = one.once(request("slow"), () => running.promise);
    const results = { done: 0, refused: 0 };
    let ran = 0;
    const run = () => {
      ran++;
      return Promise.resolve("x".repeat(4_000));
    };
    // Three times what the stream can hold, from both instances.
    for (let round = 0; round < 30; round++) {
      const all = Array.from(
        { length: 20 },
        (_, i) => (i % 2 ? one : other).once(request(`storm ${round} ${i}`), run),
      );
      for (const result of await Promise.allSettled(all)) {
        if (result.status === "fulfilled") {
          results.done++;
          continue;
        }
        results.refused++;
        assert.match(result.reason.fault.message, /too many answers are kept/);
        assert.equal(result.reason.fault.code, "unavailable");
      }
    }
    assert.ok(results.done > 100 && results.refused > 300, JSON.stringify(results));
    assert.equal(results.done, ran);
    // The first answer is still there.
    assert.equal((await manager.streams.info(ANSWERS_STREAM)).state.first_seq, 2);
    assert.deepEqual(await other.once(request("order"), never), { answer: "done", replayed: true });
    // What is in progress is not done twice.
    const waiting = other.once(request("slow"), never);
    running.resolve("slow");
    assert.deepEqual(await slow, { answer: "slow", replayed: false });
    assert.deepEqual(await waiting, { answer: "slow", replayed: true });
    // When answers are old enough there is room again.
    await manager.streams.update(ANSWERS_STREAM, { max_age: 1e9, duplicate_window: 1e9 });
    await until(
      "room",
      () => other.once(request("after"), answering("after")).then(() => true, () => false),
    );
  }, { maxBytes: 1_000_000 }));
