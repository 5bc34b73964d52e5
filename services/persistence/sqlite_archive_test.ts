import assert from "node:assert/strict";
import { row } from "./archive_fixtures.ts";
import { archiveSuite } from "./archive_suite.ts";
import { openSqliteArchive } from "./sqlite_archive.ts";

archiveSuite("SQLite", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-sqlite-" });
  return {
    // The folder does not exist yet.
    open: () => openSqliteArchive(`${folder}/data/archive.db`),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
});

Deno.test("SQLite: a file that is not a database is refused", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "not a database, but long enough for SQLite to recognise that");
    await assert.rejects(openSqliteArchive(path), /not a database/);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("SQLite: many processes may open and write a new file at once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-sqlite-" });
  try {
    const path = `${folder}/archive.db`;
    const script = `
      import { openSqliteArchive } from ${
      JSON.stringify(new URL("sqlite_archive.ts", import.meta.url).href)
    };
      const archive = await openSqliteArchive(Deno.args[0]);
      for (let seq = 1; seq <= 50; seq++) {
        await archive.append("e", [{ seq, room: Deno.args[1], storedAt: 1, event: "{}" }]);
      }
      await archive.close();`;
    await Deno.writeTextFile(`${folder}/append.ts`, script);
    const outputs = await Promise.all(
      ["a", "b", "c", "d"].map((room) =>
        new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "-A",
            `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
            `${folder}/append.ts`,
            path,
            room,
          ],
          stdout: "null",
          stderr: "piped",
        }).output()
      ),
    );
    for (const { success, stderr } of outputs) assert.ok(success, new TextDecoder().decode(stderr));
    const archive = await openSqliteArchive(path);
    for (const room of ["a", "b", "c", "d"]) {
      const query = { epoch: "e", room, limit: 100, maxBytes: 1_000, ceiling: 50 };
      assert.equal((await archive.page(query)).messages.length, 50);
    }
    await archive.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("SQLite: a write fails while another process holds the lock, and works afterwards", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-sqlite-" });
  const { DatabaseSync } = await import("node:sqlite");
  try {
    const archive = await openSqliteArchive(`${folder}/archive.db`);
    const other = new DatabaseSync(`${folder}/archive.db`);
    other.exec("BEGIN IMMEDIATE");
    await assert.rejects(archive.append("e", [row(1)]), /locked/);
    other.exec("ROLLBACK");
    other.close();
    await archive.append("e", [row(1)]);
    assert.equal(await archive.lastSeq("e"), 1);
    await archive.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
