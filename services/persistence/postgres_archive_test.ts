import assert from "node:assert/strict";
import {
  postgresMissing,
  type PostgresServer,
  startPostgres,
} from "../../tests/harness/postgres.ts";
import { until } from "../../tests/harness/wait.ts";
import { row } from "./archive_fixtures.ts";
import { archiveSuite } from "./archive_suite.ts";
import { openPostgresArchive } from "./postgres_archive.ts";

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
    await Promise.all(archives.map((archive, i) => archive.append("e", [row(i + 1)])));
    assert.equal(await archives[0]!.lastSeq("e"), 6);
    await Promise.all(archives.map((archive) => archive.close()));
  },
});

Deno.test({
  name: `${name}: operations fail while the server is down and work afterwards`,
  ignore,
  async fn() {
    const archive = openPostgresArchive(await server.createDatabase());
    await archive.append("e", [row(1)]);
    await server.crash();
    await assert.rejects(archive.append("e", [row(2)]));
    await assert.rejects(archive.lastSeq("e"));
    await server.restart();
    await until("it to append", () => archive.append("e", [row(2)]).then(() => true));
    const page = await archive.page({
      epoch: "e",
      room: "lobby",
      after: 0,
      limit: 9,
      maxBytes: 9_999,
      ceiling: 9,
    });
    assert.deepEqual(page.messages.map(({ seq, prev }) => [seq, prev]), [[1, 0], [2, 1]]);
    await archive.close();
  },
});

Deno.test({
  name: `${name}: operations on a hanging server time out and work afterwards`,
  ignore,
  async fn() {
    const archive = openPostgresArchive(await server.createDatabase(), { deadline: 300 });
    await until("the tables to be created", () => archive.lastSeq("e").then(() => true));
    await server.pause();
    try {
      for (let i = 0; i < 4; i++) {
        await assert.rejects(archive.append("e", [row(1)]), /did not answer in 300 ms/);
      }
    } finally {
      await server.resume();
    }
    await until("it to append", () => archive.append("e", [row(1)]).then(() => true));
    assert.equal(await archive.lastSeq("e"), 1);
    await archive.close();
  },
});
