import assert from "node:assert/strict";
import { SingleFlight } from "./single_flight.ts";

Deno.test("equal concurrent work runs once, later work runs again", async () => {
  const flights = new SingleFlight<number>(10);
  let begun = 0;
  const gate = Promise.withResolvers<void>();
  const work = async () => {
    const number = ++begun;
    await gate.promise;
    return number;
  };
  const all = Array.from({ length: 1_000 }, () => flights.do("a", work));
  const other = flights.do("b", work);
  gate.resolve();
  assert.deepEqual(new Set(await Promise.all(all)), new Set([1]));
  assert.equal(await other, 2);
  assert.equal(await flights.do("a", work), 3);
});

Deno.test("all callers share a failure, and it is not kept", async () => {
  const flights = new SingleFlight<number>(10);
  const fail = () => Promise.reject(new Error("no"));
  const [first, second] = await Promise.allSettled([flights.do("a", fail), flights.do("a", fail)]);
  assert.equal(first.status, "rejected");
  assert.equal(second.status, "rejected");
  assert.equal(await flights.do("a", () => Promise.resolve(1)), 1);
});

Deno.test("the number of executions is bounded", async () => {
  const flights = new SingleFlight<number>(2);
  const gate = Promise.withResolvers<number>();
  const work = () => gate.promise;
  const under = [flights.do("a", work), flights.do("b", work), flights.do("a", work)];
  await assert.rejects(flights.do("c", work), /too many/);
  gate.resolve(7);
  assert.deepEqual(await Promise.all(under), [7, 7, 7]);
  assert.equal(await flights.do("c", work), 7);
});
