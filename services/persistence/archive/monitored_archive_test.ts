import assert from "node:assert/strict";
import { createLogger } from "../../kit/mod.ts";
import { LeaseLost } from "./archive.ts";
import { begin, EPOCH, rows, takeLease } from "./archive_fixtures.ts";
import { monitorArchive } from "./monitored_archive.ts";
import { openSqliteArchive } from "./open_archive.ts";

Deno.test("an archive that reads but does not write counts as unavailable", async () => {
  const archive = await openSqliteArchive(":memory:");
  const term = await takeLease(archive);
  await begin(archive, term);
  const append = archive.append.bind(archive);
  let full = true;
  archive.append = (term, batch) =>
    full ? Promise.reject(new Error("disk full")) : append(term, batch);
  const lines: { level: string; message: string }[] = [];
  const log = createLogger("test", { write: (line) => void lines.push(JSON.parse(line)) });
  const monitored = monitorArchive(archive, log);
  assert.equal(monitored.available, false);
  await monitored.lease();
  assert.equal(monitored.available, true);
  const batch = { epoch: EPOCH, from: 0, to: 1, rows: rows(1), holes: [] };
  for (let i = 0; i < 3; i++) {
    await assert.rejects(monitored.append(term, batch), /disk full/);
    await monitored.lease();
    assert.equal(monitored.available, false);
  }
  full = false;
  // That somebody else may write, not this instance, says that the database works.
  await assert.rejects(monitored.append(term + 1, batch), LeaseLost);
  assert.equal(monitored.available, true);
  await monitored.append(term, batch);
  assert.deepEqual(lines.map(({ level, message }) => [level, message]), [
    ["error", "the archive is unavailable"],
    ["info", "the archive is available again"],
  ]);
  await monitored.close();
});
