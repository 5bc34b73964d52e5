import assert from "node:assert/strict";
import { createLogger } from "../../kit/mod.ts";
import { until } from "../../../tests/harness/wait.ts";
import { openSqliteArchive } from "../archive/open_archive.ts";
import { keepLease } from "./lease_keeper.ts";

const log = createLogger("test", { write: () => {} });
const TIMES = { renew: 20, watch: 10, expires: 200 };

Deno.test("one of two holds the lease, and the other one takes it when it is freed", async () => {
  const archive = await openSqliteArchive(":memory:");
  const first = keepLease(archive, log, () => {}, TIMES);
  assert.equal(await first.acquire(), 1);
  const second = keepLease(archive, log, () => {}, TIMES);
  const acquired = second.acquire();
  await until("the second to see the first", () => second.held);
  assert.deepEqual([first.term, second.term], [1, null]);
  await first.stop();
  assert.equal(await acquired, 2);
  await second.stop();
  assert.equal((await archive.lease()).holder, "");
  await archive.close();
});

Deno.test("a holder that no longer renews loses the lease and notices when it wakes", async () => {
  const archive = await openSqliteArchive(":memory:");
  const renew = archive.renewLease.bind(archive);
  const paused = Promise.withResolvers<void>();
  let lost = 0;
  const first = keepLease(
    Object.assign(Object.create(archive), {
      lease: () => archive.lease(),
      takeLease: archive.takeLease.bind(archive),
      releaseLease: archive.releaseLease.bind(archive),
      renewLease: (term: number) => paused.promise.then(() => renew(term)),
    }),
    log,
    () => lost++,
    TIMES,
  );
  assert.equal(await first.acquire(), 1);
  const second = keepLease(archive, log, () => {}, TIMES);
  assert.equal(await second.acquire(), 2);
  paused.resolve();
  await until("the first to notice", () => lost === 1);
  assert.equal(first.term, null);
  await until("the first to see the second", () => first.held);
  await second.stop();
  assert.equal(await first.acquire(), 3);
  await first.stop();
  await archive.close();
});

Deno.test("an instance that gives up waits no longer", async () => {
  const archive = await openSqliteArchive(":memory:");
  const first = keepLease(archive, log, () => {}, TIMES);
  await first.acquire();
  const second = keepLease(archive, log, () => {}, TIMES);
  const acquired = second.acquire();
  second.giveUp();
  assert.equal(await acquired, null);
  await Promise.all([first.stop(), second.stop()]);
  await archive.close();
});
