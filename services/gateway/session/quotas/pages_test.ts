import assert from "node:assert/strict";
import { until } from "../../../../tests/harness/wait.ts";
import { faultOf } from "../../../kit/mod.ts";
import { Pages } from "./pages.ts";

Deno.test("a user has two pages on their way, and the next one waits until one has been read", async () => {
  const pages = new Pages(1_000);
  const places = await Promise.all([1, 2].map(() => pages.enter("ann", 10)));
  let admitted = 0;
  const third = pages.enter("ann", 10).then(() => admitted++);
  places[0]!.sent();
  await pages.enter("bob", 10);
  assert.deepEqual([admitted, pages.size], [0, { reserved: 20, waiting: 1 }]);
  places[0]!.leave();
  await third;
  assert.equal(pages.size.waiting, 0);
});

Deno.test("users whose pages do not fit take turns", async () => {
  const pages = new Pages(100);
  const place = await pages.enter("ann", 100);
  const admitted: string[] = [];
  const all = ["bob", "bob", "cid"].map(async (user) => {
    const place = await pages.enter(user, 60);
    admitted.push(user);
    return place;
  });
  place.arrived(50);
  assert.equal(pages.size.waiting, 3);
  place.arrived(30);
  (await all[0]!).leave();
  (await all[2]!).leave();
  await all[1]!;
  assert.deepEqual(admitted, ["bob", "cid", "bob"]);
});

Deno.test("who waits too long is refused and told why", async () => {
  const pages = new Pages(100, 20);
  for (let i = 0; i < 2; i++) await pages.enter("ann", 50);
  const refused = await Promise.allSettled([pages.enter("ann", 25), pages.enter("bob", 25)]);
  assert.deepEqual(
    refused.map((result) => faultOf((result as PromiseRejectedResult).reason).code),
    [
      "rate_limited",
      "unavailable",
    ],
  );
  await until("nobody to wait", () => pages.size.waiting === 0);
});
