import assert from "node:assert/strict";
import { createInboxBudget } from "./inbox.ts";
import { Reading } from "./reading.ts";
import { until } from "../../../../tests/harness/wait.ts";

const memory = { grew() {} };

function readingOf(budget = createInboxBudget(memory)) {
  const told: string[] = [];
  const reading: Reading = new Reading({
    peer: { pause: () => told.push("pause"), resume: () => told.push("resume") },
    run(text) {
      told.push(text);
      if (text === "stop") reading.pause("publishes");
    },
    refuse: ({ code }, { id }) => void told.push(`${code} ${id}`),
  }, budget);
  return { reading, told: () => told.splice(0) };
}

Deno.test("frames that were read already wait in order, and run before the client is read again", () => {
  const { reading, told } = readingOf();
  for (const text of ["1", "stop", "2", "stop", "3"]) reading.receive(text, 0);
  assert.deepEqual(told(), ["1", "stop", "pause"]);
  reading.resume("publishes");
  assert.deepEqual(told(), ["2", "stop", "pause"]);
  reading.resume("publishes");
  assert.deepEqual(told(), ["3", "resume"]);
  reading.receive("4", 0);
  assert.deepEqual(told(), ["4"]);
});

Deno.test("a room that is being joined stops the reading, and holds no other frame back", () => {
  const { reading, told } = readingOf();
  reading.pause("frames");
  reading.receive("1", 0);
  reading.resume("frames");
  assert.deepEqual(told(), ["pause", "1", "resume"]);
});

Deno.test("a client that sends too much is not read from for a moment", async () => {
  const { reading, told } = readingOf();
  reading.slowDown();
  reading.slowDown();
  // Read before, so it is answered.
  reading.receive("1", 0);
  assert.deepEqual(told(), ["pause", "1"]);
  await until("the client to be read again", () => told()[0] === "resume");
  reading.slowDown();
  reading.end();
});

Deno.test("what cannot be kept is refused, and nothing overtakes what waits", () => {
  const budget = createInboxBudget(memory, 8);
  const { reading, told } = readingOf(budget);
  reading.pause("joins");
  reading.receive("12345", 0);
  reading.receive('{"type":"ping","id":"p"}', 0);
  assert.deepEqual(told(), ["pause", "unavailable p"]);
  reading.end();
  assert.equal(budget.used, 0);
});
