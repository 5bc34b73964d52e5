/** A backup under load, restored on empty disks: the procedure of services/README.md. */
import assert from "node:assert/strict";
import type { ServerFrameOf } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { postgresMissing, startPostgres } from "../harness/postgres.ts";
import { ROOT } from "../harness/root.ts";
import { NO_QUOTAS, startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const missing = await postgresMissing();

/** Reads the whole history of a room, oldest first, as contents. */
async function history(client: TestClient, room: string): Promise<unknown[]> {
  const contents: unknown[] = [];
  let cursor: { before?: number; epoch?: string } = {};
  for (let more = true; more;) {
    client.send({ type: "history", room, limit: 500, id: "h", ...cursor });
    const page = await client.answer("h") as ServerFrameOf<"history">;
    contents.unshift(...page.messages.map(({ content }) => content).reverse());
    cursor = { before: page.messages.at(-1)?.seq ?? 0, epoch: page.epoch };
    more = page.more;
  }
  return contents;
}

/** Sends numbers to "lobby", one after the other's acknowledgement, until it is stopped. */
function talk(client: TestClient) {
  const acked: number[] = [];
  let stopped = false;
  const running = (async () => {
    for (let i = 0; !stopped; i++) {
      client.send({ type: "message", room: "lobby", content: i, id: `m${i}` });
      await client.take("ack", ({ id }) => id === `m${i}`);
      acked.push(i);
    }
  })();
  return {
    acked,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function run(command: string, folder: string, env: Record<string, string>) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}services/start/commands/${command}.ts`, folder],
    env,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** Everything stops, and the disks are empty when NATS starts again. */
async function loseEverything(system: System): Promise<void> {
  const { gateways, auths, rooms, persistences } = system;
  for (const service of [...gateways, ...auths, ...rooms, ...persistences]) await service.kill();
  await system.nats.restart({ newDisk: true });
}

for (const database of ["SQLite", "PostgreSQL"] as const) {
  Deno.test({
    name: `a backup under load is restored, and clients go on: ${database} ${missing ?? ""}`,
    ignore: database === "PostgreSQL" && missing !== null,
    async fn() {
      const postgres = database === "PostgreSQL" ? await startPostgres() : null;
      const url = await postgres?.createDatabase();
      const gateway = { RATE_FRAMES_PER_SECOND: "100000", RATE_BURST: "100000", ...NO_QUOTAS };
      await using system = await startSystem({
        env: {
          gateway,
          // And the log has several streams.
          ...(url === undefined ? {} : { persistence: { DATABASE_URL: url, STREAMS: "2" } }),
        },
      });
      const file = `${system.folder}/archive.db`;
      const place: Record<string, string> = url === undefined
        ? { SQLITE_PATH: file }
        : { DATABASE_URL: url };
      const env = { ...system.natsEnv("operator"), ...place };
      const folder = `${system.folder}/backup`;
      const ann = await system.client({ user: "ann" });
      ann.send({ type: "subscribe", room: "lobby" });
      const { epoch } = await ann.take("subscribed");
      // "lobby" is in the second of two streams, "hall" in the first.
      ann.send({ type: "subscribe", room: "hall" });
      await ann.take("subscribed");
      ann.send({ type: "message", room: "hall", content: "kept", id: "hall" });
      await ann.take("ack");
      await ann.take("room-message", ({ room }) => room === "hall");
      const talking = talk(ann);
      await until("some messages", () => talking.acked.length > 100);
      const before = talking.acked.length;
      await run("backup", folder, env);
      const after = talking.acked.length;
      await until("messages that the backup lacks", () => talking.acked.length > after + 50);
      await talking.stop();
      const last = (await ann.takeMany("room-message", talking.acked.length)).at(-1)!;

      await loseEverything(system);
      if (url === undefined) {
        for await (const { name } of Deno.readDir(system.folder)) {
          if (name.startsWith("archive.db")) await Deno.remove(`${system.folder}/${name}`);
        }
      }
      if (url !== undefined) await postgres!.emptyDatabase(url);
      await run("restore", folder, env);
      for (const service of [...system.auths, ...system.rooms, ...system.persistences]) {
        await service.restart();
      }
      await system.gateways[0]!.restart();
      await system.gateways[0]!.ready();
      // The gateway closes its connections when it learns the new epoch.
      const back = await until("a client to join the new epoch", async () => {
        const client = await system.client({ user: "ann" });
        client.send({ type: "subscribe", room: "lobby", id: "s" });
        const answer = await client.answer("s");
        if (answer.type === "subscribed" && answer.epoch !== epoch) return client;
        client.close();
      });
      // As many messages as were lost, and more: their seqs are used again.
      const said = talking.acked.length - before + 10;
      for (let i = 0; i < said; i++) {
        back.send({ type: "message", room: "lobby", content: `new ${i}`, id: `n${i}` });
      }
      await back.takeMany("ack", said);
      const bob = await system.client({ user: "bob" });
      bob.send({ type: "subscribe", room: "lobby", since: { seq: last.seq, epoch } });
      assert.equal((await bob.take("subscribed")).recovered, false);
      bob.send({ type: "subscribe", room: "hall" });
      await bob.take("subscribed");
      assert.deepEqual(await history(bob, "hall"), ["kept"]);
      const found = await until("history", () => history(bob, "lobby"));
      const old = found.filter((content) => typeof content === "number");
      // In order, without a gap, and nothing that was acknowledged before the backup is missing.
      assert.deepEqual(old, Array.from({ length: old.length }, (_, i) => i));
      assert.ok(old.length >= before, `${old.length} of ${before}`);
      assert.ok(old.length < talking.acked.length);
      assert.deepEqual(
        found.slice(old.length),
        Array.from({ length: said }, (_, i) => `new ${i}`),
      );
      await postgres?.[Symbol.asyncDispose]();
    },
  });
}

Deno.test("a restore overwrites nothing", async () => {
  await using system = await startSystem();
  const env = { ...system.natsEnv("operator"), SQLITE_PATH: `${system.folder}/archive.db` };
  await run("backup", `${system.folder}/backup`, env);
  for (
    const [path, text] of [
      [env.SQLITE_PATH, /archive.db exists: move it away first/],
      [`${system.folder}/other.db`, /stream name already in use/],
    ] as const
  ) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}services/start/commands/restore.ts`, `${system.folder}/backup`],
      env: { ...env, SQLITE_PATH: path },
    }).output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), text);
  }
});
