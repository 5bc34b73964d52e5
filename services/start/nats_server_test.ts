/** The nats-server of the start command: its account, and the data of releases that had none. */
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { findCurrentNats } from "../../tests/harness/current_nats.ts";
import { freePort } from "../../tests/harness/ports.ts";
import { startProcess } from "../../tests/harness/process.ts";
import { reportsTraces } from "../kit/mod.ts";
import { findNatsServer, natsVersion, prepareNats } from "./nats_server.ts";
import { natsAccounts, natsUsers, seedFile } from "./nats_users.ts";

const current = await findCurrentNats(() => {});
const installed = await findNatsServer();

/** Runs a server until `play` is done. */
async function withServer(binary: string, config: string, play: () => Promise<void>) {
  const process = startProcess(binary, ["-c", config]);
  try {
    await process.line("Server is ready");
    await play();
  } finally {
    await process.kill();
  }
}

for (const binary of [installed, current]) {
  const version = binary === null ? "current" : await natsVersion(binary);
  Deno.test({
    name: `nats-server ${version} finds the data of a release without accounts`,
    ignore: binary === null,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "hopwire-start-" });
      const port = freePort();
      const servers = `127.0.0.1:${port}`;
      const store = `${folder}/nats`;
      // As an earlier release wrote it.
      await Deno.writeTextFile(
        `${folder}/old.conf`,
        `listen: ${servers}\njetstream { store_dir: ${JSON.stringify(store)} }\n`,
      );
      const count = 20;
      await withServer(binary!, `${folder}/old.conf`, async () => {
        const nats = await connect({ servers });
        const manager = await jetstreamManager(nats);
        await manager.streams.add({ name: "ROOMS", subjects: ["room.message.>"] });
        for (let i = 0; i < count; i++) await nats.request("room.message.1.x", `message ${i}`);
        await nats.close();
      });
      const keys = `${folder}/nats-users`;
      const accounts = await natsAccounts(keys, natsUsers([]));
      // Twice: the second start has nothing to move.
      for (let start = 1; start <= 2; start++) {
        const config = await prepareNats(binary!, folder, port, accounts);
        const text = await Deno.readTextFile(config);
        assert.equal(text.includes("msg_trace"), reportsTraces(version));
        await withServer(binary!, config, async () => {
          const nats = await connect({
            servers,
            inboxPrefix: "_INBOX.persistence",
            authenticator: nkeyAuthenticator(
              await Deno.readFile(seedFile(keys, "persistence")),
            ),
          });
          const manager = await jetstreamManager(nats, { checkAPI: false });
          const { state } = await manager.streams.info("ROOMS");
          assert.equal(state.messages, count);
          const last = await manager.streams.getMessage("ROOMS", { seq: count });
          assert.equal(last!.string(), `message ${count - 1}`);
          await nats.close();
        });
      }
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test("data of both is left as it is", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-start-" });
  for (const account of ["$G", "HOPWIRE"]) {
    await Deno.mkdir(`${folder}/nats/jetstream/${account}/streams`, { recursive: true });
  }
  await prepareNats(installed, folder, freePort(), []);
  for (const account of ["$G", "HOPWIRE"]) {
    await Deno.stat(`${folder}/nats/jetstream/${account}/streams`);
  }
  await Deno.remove(folder, { recursive: true });
});
