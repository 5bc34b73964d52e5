import assert from "node:assert/strict";
import { append, begin, pageQuery, row, seqPairs, takeLease } from "./archive_fixtures.ts";
import { archiveSuite } from "./archive_suite.ts";
import { openSqliteArchive } from "./open_archive.ts";

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

Deno.test("SQLite: many processes may open a new file and compete for its lease at once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-sqlite-" });
  try {
    const path = `${folder}/archive.db`;
    const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    const script = `
      import { openSqliteArchive } from ${module("open_archive.ts")};
      import { append, begin, takeLease } from ${module("archive_fixtures.ts")};
      const [path, room] = Deno.args;
      const archive = await openSqliteArchive(path);
      let term;
      while (term === undefined) {
        const lease = await archive.lease();
        if (lease.holder !== "") await new Promise((resolve) => setTimeout(resolve, 5));
        else term = await archive.takeLease(room, lease) ?? undefined;
      }
      await begin(archive, term, room);
      for (let seq = 1; seq <= 50; seq++) {
        await append(archive, term, [{ seq, room, storedAt: 1, event: "{}" }], { epoch: room });
      }
      await archive.releaseLease(term);
      await archive.close();`;
    await Deno.writeTextFile(`${folder}/append.ts`, script);
    const config = `--config=${new URL("../../../deno.json", import.meta.url).pathname}`;
    const outputs = await Promise.all(
      ["a", "b", "c", "d"].map((room) =>
        new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", config, `${folder}/append.ts`, path, room],
          stdout: "null",
          stderr: "piped",
        }).output()
      ),
    );
    for (const { success, stderr } of outputs) assert.ok(success, new TextDecoder().decode(stderr));
    const archive = await openSqliteArchive(path);
    assert.equal((await archive.lease()).term, 4);
    for (const room of ["a", "b", "c", "d"]) {
      const page = await archive.page(pageQuery({ epoch: room, room }));
      assert.equal(page.messages.length, 50);
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
    const term = await takeLease(archive);
    await begin(archive, term);
    const other = new DatabaseSync(`${folder}/archive.db`);
    other.exec("BEGIN IMMEDIATE");
    await assert.rejects(append(archive, term, [row(1)]), /locked/);
    // Reading goes on.
    assert.deepEqual(await seqPairs(archive), [[], false]);
    other.exec("ROLLBACK");
    other.close();
    await append(archive, term, [row(1)]);
    assert.deepEqual(await seqPairs(archive), [[[1, 0]], false]);
    await archive.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("SQLite: only the owner of the file may read it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-sqlite-" });
  try {
    const archive = await openSqliteArchive(`${folder}/data/archive.db`);
    assert.equal((await Deno.stat(`${folder}/data`)).mode! & 0o777, 0o700);
    for await (const { name } of Deno.readDir(`${folder}/data`)) {
      assert.equal((await Deno.stat(`${folder}/data/${name}`)).mode! & 0o777, 0o600, name);
    }
    await archive.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
