import assert from "node:assert/strict";
import { backoff } from "./backoff.ts";
import { Hopwire, type StateEvent } from "./mod.ts";
import { FakeClock, fakeSockets } from "./test_clock.ts";

Deno.test("the wait is any time up to a bound that doubles until 30 s", () => {
  const almost = () => 1 - Number.EPSILON;
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 100].map((attempt) => Math.round(backoff(attempt, almost))),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000],
  );
  assert.equal(backoff(9, () => 0), 0);
});

/** The times at which a client tries, while nobody is there. */
async function attempts(count: number, options: { random?: () => number } = {}): Promise<number[]> {
  const clock = new FakeClock();
  const times: number[] = [];
  const { WebSocket } = fakeSockets((socket) => {
    times.push(clock.time);
    queueMicrotask(() => socket.lose());
  });
  const hop = new Hopwire("ws://nowhere", {
    token: "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    ...options,
  });
  while (times.length < count) await clock.move(1_000);
  hop.close();
  assert.equal(clock.waiting, 0, "nothing is left of it");
  return times;
}

Deno.test("a crowd that lost its server comes back spread evenly", async () => {
  const crowd = 400;
  const all = await Promise.all(Array.from({ length: crowd }, () => attempts(4)));
  for (const [index, bound] of [[0, 1_000], [1, 2_000], [2, 4_000]] as const) {
    const waits = all.map((times) => times[index + 1]! - times[index]!);
    assert.ok(waits.every((wait) => wait >= 0 && wait < bound));
    // Of even spread the mean is half the bound, give or take five of its standard errors.
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / crowd;
    const error = bound / Math.sqrt(12 * crowd);
    assert.ok(Math.abs(mean - bound / 2) < 5 * error, `mean ${mean} of ${bound}`);
    // Ten slots with 40 in each: chi square over 9 degrees is above 40 once in 130,000 times.
    const slots = new Array(10).fill(0);
    for (const wait of waits) slots[Math.floor(wait / bound * 10)]++;
    const chi = slots.reduce((sum, slot) => sum + (slot - crowd / 10) ** 2 / (crowd / 10), 0);
    assert.ok(chi < 40, `${slots}`);
  }
});

Deno.test("the bound grows from attempt to attempt, and no further than 30 s", async () => {
  const times = await attempts(10, { random: () => 0.5 });
  const waits = times.slice(1).map((time, index) => time - times[index]!);
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
});

Deno.test("what lasted begins anew, what did not goes on; hints and codes are obeyed", async () => {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const waits: StateEvent[] = [];
  const hop = new Hopwire("ws://nowhere", {
    token: () => "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    random: () => 0.5,
  });
  hop.on("state", (event) => event.state === "waiting" && waits.push(event));
  const lose = async (code?: number) => {
    sockets.at(-1)!.lose(code);
    await clock.move(60_000);
  };
  await clock.move(0);
  sockets.at(-1)!.accept();
  await clock.move(1_000);
  await lose();
  sockets.at(-1)!.accept();
  await lose(4104);
  assert.deepEqual(waits.map(({ retryIn }) => retryIn).slice(0, 2), [500, 1_000]);
  waits.length = 0;
  for (const socket of [sockets.at(-1)!]) socket.accept();
  await clock.move(6_000);
  sockets.at(-1)!.give({ type: "reconnect", after: 730 });
  sockets.at(-1)!.lose(4100, "Draining");
  assert.deepEqual(waits, [
    { state: "waiting", transport: "websocket", reason: "Draining", retryIn: 730 },
  ]);
  await clock.move(730);
  // A token that is refused once is replaced at once; refused again it ends it.
  const before = sockets.length;
  sockets.at(-1)!.open();
  sockets.at(-1)!.lose(4002, "Token expired");
  await clock.move(0);
  assert.equal(sockets.length, before + 1);
  sockets.at(-1)!.open();
  sockets.at(-1)!.give({ type: "error", code: "token_expired", message: "Token expired" });
  sockets.at(-1)!.lose(4002, "Token expired");
  await clock.move(100_000);
  assert.equal(sockets.length, before + 1);
  assert.equal(hop.state, "closed");
  assert.equal(clock.waiting, 0);
});

Deno.test("each code that asks to mend something ends it, each other does not", async () => {
  for (
    const [code, state] of [
      [1000, "waiting"],
      [1001, "waiting"],
      [1003, "closed"],
      [1006, "waiting"],
      [1007, "closed"],
      [1009, "closed"],
      [1011, "waiting"],
      [4003, "closed"],
      [4004, "closed"],
      [4005, "closed"],
      [4100, "waiting"],
      [4101, "waiting"],
      [4102, "waiting"],
      [4103, "waiting"],
      [4104, "waiting"],
    ] as const
  ) {
    const clock = new FakeClock();
    const { WebSocket, sockets } = fakeSockets();
    const hop = new Hopwire("ws://nowhere", { token: "t", WebSocket, clock });
    await clock.move(0);
    sockets[0]!.accept();
    sockets[0]!.lose(code);
    assert.equal(hop.state, state, `${code}`);
    hop.close();
  }
});
