import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { monitorArchive } from "./monitored_archive.ts";
import { connectTestBus } from "./persistence_suite.ts";
import { openSqliteArchive } from "./sqlite_archive.ts";

Deno.test("an archive that reads but does not write counts as unavailable", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const archive = await openSqliteArchive(":memory:");
  let full = true;
  const monitored = monitorArchive({
    name: "a full disk",
    append: (epoch, rows) =>
      full ? Promise.reject(new Error("disk full")) : archive.append(epoch, rows),
    page: (query) => archive.page(query),
    lastSeq: (epoch) => archive.lastSeq(epoch),
    markLost: (epoch, upTo) => archive.markLost(epoch, upTo),
    quarantine: (epoch, above) => archive.quarantine(epoch, above),
    rooms: (after, limit) => archive.rooms(after, limit),
    trim: (targets) => archive.trim(targets),
    close: () => archive.close(),
  }, bus.log);
  assert.equal(monitored.available, false);
  await monitored.lastSeq("e");
  assert.equal(monitored.available, true);
  for (let i = 0; i < 3; i++) {
    await assert.rejects(monitored.append("e", []), /disk full/);
    await monitored.lastSeq("e");
    assert.equal(monitored.available, false);
  }
  full = false;
  await monitored.append("e", []);
  assert.equal(monitored.available, true);
  assert.deepEqual(bus.lines.map(({ level, message }) => [level, message]), [
    ["error", "the archive is unavailable"],
    ["info", "the archive is available again"],
  ]);
  await monitored.close();
});
