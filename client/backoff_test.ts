import assert from "node:assert/strict";
import { backoff } from "./backoff.ts";
import { Hopwire } from "./mod.ts";
import { FakeClock } from "./test_clock.ts";
import { fakeSockets } from "./test_socket.ts";

Deno.test("the wait is random up to a bound that doubles until 30 s", () => {
  const almost = () => 1 - Number.EPSILON;
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 100].map((attempt) => Math.round(backoff(attempt, almost))),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000],
  );
  assert.equal(backoff(9, () => 0), 0);
});

/** Returns when a client makes its first `count` attempts while the server is down, milliseconds. */
async function attemptTimes(
  count: number,
  options: { random?: () => number } = {},
): Promise<number[]> {
  const clock = new FakeClock();
  const times: number[] = [];
  const { WebSocket } = fakeSockets((socket) => {
    times.push(clock.time);
    queueMicrotask(() => socket.disconnect());
  });
  const hop = new Hopwire("ws://nowhere", {
    token: "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    ...options,
  });
  while (times.length < count) await clock.advance(1_000);
  hop.close();
  assert.equal(clock.pendingTimers, 0, "a closed client has no timers");
  return times;
}

Deno.test("a crowd of clients reconnects evenly spread", async () => {
  const crowd = 400;
  const all = await Promise.all(Array.from({ length: crowd }, () => attemptTimes(4)));
  for (const [index, bound] of [[0, 1_000], [1, 2_000], [2, 4_000]] as const) {
    const waits = all.map((times) => times[index + 1]! - times[index]!);
    assert.ok(waits.every((wait) => wait >= 0 && wait < bound));
    // With an even spread the mean is half the bound, within five standard errors.
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / crowd;
    const error = bound / Math.sqrt(12 * crowd);
    assert.ok(Math.abs(mean - bound / 2) < 5 * error, `mean ${mean} of ${bound}`);
    // Ten slots with 40 waits each. Chi-squared with 9 degrees of freedom exceeds 40 once in 130,000 runs.
    const slots = new Array(10).fill(0);
    for (const wait of waits) slots[Math.floor(wait / bound * 10)]++;
    const chi = slots.reduce((sum, slot) => sum + (slot - crowd / 10) ** 2 / (crowd / 10), 0);
    assert.ok(chi < 40, `${slots}`);
  }
});

Deno.test("the bound grows with each attempt, up to 30 s", async () => {
  const times = await attemptTimes(10, { random: () => 0.5 });
  const waits = times.slice(1).map((time, index) => time - times[index]!);
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
});
