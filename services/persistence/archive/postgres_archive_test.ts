import assert from "node:assert/strict";
import pg from "pg";
import {
  postgresMissing,
  type PostgresServer,
  startPostgres,
} from "../../../tests/harness/postgres.ts";
import { until } from "../../../tests/harness/wait.ts";
import { append, begin, pageQuery, row, seqPairs, takeLease } from "./archive_fixtures.ts";
import { archiveSuite } from "./archive_suite.ts";
import { openPostgresArchive } from "./open_archive.ts";

const missing = await postgresMissing();
const ignore = missing !== null;
const name = ignore ? `PostgreSQL (ignored: ${missing})` : "PostgreSQL";

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  if (!ignore) server = await startPostgres();
});
Deno.test.afterAll(async () => {
  if (!ignore) await server[Symbol.asyncDispose]();
});

archiveSuite(name, async () => {
  const url = await server.createDatabase();
  return {
    open: () => Promise.resolve(openPostgresArchive(url)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}, { ignore });

Deno.test({
  name: `${name}: many instances may create the tables at once`,
  ignore,
  async fn() {
    const url = await server.createDatabase();
    const archives = Array.from({ length: 6 }, () => openPostgresArchive(url));
    const leases = await Promise.all(archives.map((archive) => archive.lease()));
    assert.deepEqual(leases, Array(6).fill({ holder: "", term: 0, beat: 0 }));
    await Promise.all(archives.map((archive) => archive.close()));
  },
});

Deno.test({
  name: `${name}: operations fail while the server is down and work afterwards`,
  ignore,
  async fn() {
    const archive = openPostgresArchive(await server.createDatabase());
    const term = await takeLease(archive);
    await begin(archive, term);
    await append(archive, term, [row(1)]);
    await server.crash();
    await assert.rejects(append(archive, term, [row(2)]));
    await assert.rejects(archive.lease());
    await server.restart();
    await until("it to append", () => append(archive, term, [row(2)]).then(() => true));
    assert.deepEqual(await seqPairs(archive, { after: 0 }), [[[1, 0], [2, 1]], false]);
    await archive.close();
  },
});

Deno.test({
  name: `${name}: operations on a hanging server time out and work afterwards`,
  ignore,
  async fn() {
    const archive = openPostgresArchive(await server.createDatabase(), { deadline: 300 });
    const term = await until("the tables to be created", () => takeLease(archive));
    await begin(archive, term);
    await server.pause();
    try {
      for (let i = 0; i < 4; i++) {
        await assert.rejects(archive.renewLease(term), /did not answer in 300 ms|timeout/);
      }
    } finally {
      await server.resume();
    }
    await until("it to append", () => append(archive, term, [row(1)]).then(() => true));
    assert.deepEqual(await seqPairs(archive), [[[1, 0]], false]);
    await archive.close();
  },
});

Deno.test({
  name: `${name}: a connection that is cut in the middle of a transaction leaves nothing behind`,
  ignore,
  async fn() {
    const url = await server.createDatabase();
    const archive = openPostgresArchive(url);
    const term = await takeLease(archive);
    await begin(archive, term);
    const admin = new pg.Client(url);
    await admin.connect();
    let cut = 0;
    for (let seq = 1; seq <= 40; seq++) {
      const appending = append(archive, term, [row(seq)]).then(() => true, () => false);
      // A back-end that runs one of the archive's statements ends now.
      const ended = await admin.query(`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`);
      cut += ended.rowCount!;
      await appending;
      const [generation] = await until("it to work again", () => archive.generations());
      const page = await archive.page(pageQuery());
      // Whatever was interrupted: rows and position agree.
      assert.equal(page.messages[0]?.seq ?? 0, generation!.position);
      if (generation!.position < seq) {
        await until("it to append", () => append(archive, term, [row(seq)]).then(() => true));
      }
    }
    assert.ok(cut > 0);
    assert.equal((await archive.page(pageQuery())).messages.length, 40);
    await admin.end();
    await archive.close();
  },
});

Deno.test({
  name: `${name}: a writer that hangs in a transaction does not keep others from the lease`,
  ignore,
  async fn() {
    const url = await server.createDatabase();
    const archive = openPostgresArchive(url);
    const term = await takeLease(archive);
    await begin(archive, term);
    // As a process does that is stopped between two statements of a transaction.
    const hanging = new pg.Client({
      connectionString: url,
      idle_in_transaction_session_timeout: 1_000,
    });
    await hanging.connect();
    const ended = new Promise((resolve) => hanging.on("error", resolve));
    await hanging.query("BEGIN");
    await hanging.query("UPDATE hopwire_lease SET beat = beat + 1 WHERE term = $1", [term]);
    const next = await until(
      "the lease",
      async () => await archive.takeLease("b", await archive.lease()),
    );
    assert.equal(next, term + 1);
    assert.match(String(await ended), /idle-in-transaction timeout/);
    await archive.close();
  },
});
