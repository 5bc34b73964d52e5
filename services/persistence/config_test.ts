import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../kit/mod.ts";
import { PERSISTENCE_CONFIG } from "./config.ts";

const read = (env: Record<string, string>) =>
  readConfig(z.object(PERSISTENCE_CONFIG), (name) => env[name]);

Deno.test("the defaults are SQLite, a day and a GiB", () => {
  assert.deepEqual(read({}), {
    SQLITE_PATH: ".data/archive.db",
    STREAMS: 1,
    STREAM_MAX_AGE: 86_400,
    STREAM_MAX_BYTES: 2 ** 30,
    ARCHIVE_BATCH: 2_000,
    ARCHIVE_BATCH_MS: 50,
    AUDIT_MS: 10_000,
    RETENTION_MS: 60_000,
  });
});

Deno.test("a database URL is validated, and never shown", () => {
  for (const url of ["postgres://u:p@db:5432/hopwire", "postgresql://db/hopwire?sslmode=require"]) {
    assert.equal(read({ DATABASE_URL: url }).DATABASE_URL, url);
  }
  for (const url of ["sqlite:secret", "mysql://secret@db/x", "secret", "postgres:///secret"]) {
    assert.throws(() => read({ DATABASE_URL: url }), (error) => {
      assert.match((error as Error).message, /DATABASE_URL: expected postgres:/);
      assert.doesNotMatch((error as Error).message, /secret/);
      return true;
    });
  }
});

Deno.test("the log keeps messages at least as long as the deduplication window", () => {
  assert.throws(() => read({ STREAM_MAX_AGE: "119" }), /STREAM_MAX_AGE: .*from 120/);
  assert.equal(read({ STREAM_MAX_AGE: "120" }).STREAM_MAX_AGE, 120);
  assert.throws(() => read({ STREAMS: "3" }), /STREAMS: expected 1, 2, 4, 8/);
  assert.equal(read({ STREAMS: "4" }).STREAMS, 4);
});
