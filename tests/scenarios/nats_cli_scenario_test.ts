/**
 * The `nats` CLI shows the whole system: with the line of the banner, and with the lines of
 * services/README.md. What it is told is tested without it in micro_scenario_test.ts.
 */
import assert from "node:assert/strict";
import { VERSION } from "../../services/contract/mod.ts";
import { keepsMetadata } from "../../services/kit/mod.ts";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import { natsCli } from "../harness/languages.ts";
import { codeBlock } from "../harness/code_blocks.ts";
import { connectClient } from "../harness/client.ts";
import { readRunFile, startAll } from "../harness/start.ts";
import { ROOT } from "../harness/root.ts";

const STREAMS = ["ANSWERS", "DENIALS", "ROOMS", "SCHEDULES"];

const runner = await natsCli();
const why = "missing" in runner ? `; skipped: ${runner.missing}` : "";

Deno.test({
  name: `the nats CLI shows every service and stream, and may do nothing else${why}`,
  ignore: "missing" in runner,
  async fn(t) {
    if ("missing" in runner) return;
    await using system = await startAll();
    const { process, file, folder } = system;
    const services = Object.keys(file.pids).filter((name) => name !== "nats").sort();
    const secrets = await Promise.all(
      (await Array.fromAsync(Deno.readDir(`${folder}/nats-users`)))
        .map(({ name }) => Deno.readTextFile(`${folder}/nats-users/${name}`)),
    );
    const bin = runner.command.slice(0, runner.command.lastIndexOf("/"));
    const sh = async (script: string) => {
      const { success, stdout, stderr } = await new Deno.Command("sh", {
        args: ["-ec", script],
        cwd: ROOT,
        env: { PATH: `${bin}:${Deno.env.get("PATH")}`, HOME: folder },
      }).output();
      const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      return { success, out: out!, errors: errors! };
    };
    const nats = `XDG_CONFIG_HOME=${folder}/nats-cli nats --context hopwire --timeout 2s`;
    const json = async (command: string) => {
      const { success, out, errors } = await sh(`${nats} ${command} --json`);
      assert.ok(success, errors);
      return JSON.parse(out);
    };

    const client = await connectClient(file.websocket);
    client.send({ type: "auth", token: file.token! });
    client.send({ type: "subscribe", room: "lobby" });
    client.send({ type: "message", room: "lobby", content: "hi", id: "1" });
    await client.take("ack");
    client.close();

    await t.step("the line of the banner", async () => {
      const line = await process.line(/^hopwire +\| +nats CLI +/);
      for (const secret of secrets) assert.ok(!line.includes(secret.trim()));
      const { success, out, errors } = await sh(line.replace(/^hopwire +\| +nats CLI +/, ""));
      assert.ok(success, errors);
      for (const name of services) assert.match(out, new RegExp(`│ ${name} +│`));
    });

    await t.step("the lines of services/README.md", async () => {
      const block = await codeBlock(
        "services/README.md",
        "### Look at the bus with the nats CLI",
        "sh",
      );
      assert.ok(block.includes(".data/") && block.split("\n").length > 6, block);
      const { success, out, errors } = await sh(block.replaceAll(".data/", `${folder}/`));
      assert.ok(success, errors);
      for (const name of [...services, ...STREAMS]) assert.match(out, new RegExp(`│ ${name} +│`));
      for (const part of ["rooms.join", "room.message.> to room.live.>", "copies the log into"]) {
        assert.ok(out.includes(part), `${part} is not in\n${out}`);
      }
    });

    await t.step("every instance, its endpoints, and what they did", async () => {
      const infos: { name: string; version: string }[] = await json("micro ls");
      assert.deepEqual(infos.map(({ name }) => name).sort(), services);
      const stats: { name: string; endpoints: { subject: string; num_requests: number }[] }[] =
        await json("micro stats rooms");
      const joins = stats.flatMap(({ endpoints }) => endpoints)
        .filter(({ subject }) => subject === "rooms.join");
      assert.ok(joins[0]!.num_requests >= 1, JSON.stringify(stats));
    });

    await t.step("whose the streams are", async () => {
      const version = await natsVersion(await findNatsServer());
      for (const name of STREAMS) {
        const { config } = await json(`stream info ${name}`);
        assert.match(config.description, /^Hopwire: /);
        const owner = name === "DENIALS" ? "auth" : "persistence";
        const { "hopwire.owner": stated, "hopwire.version": release } = config.metadata ?? {};
        assert.deepEqual(
          [stated, release],
          keepsMetadata(version) ? [owner, VERSION] : [undefined, undefined],
        );
      }
    });

    await t.step("nothing is changed or read", async () => {
      await Promise.all([
        "stream purge -f DENIALS",
        "stream rm -f ROOMS",
        "stream get ROOMS 1",
        "stream edit -f ROOMS --description mine",
        "pub user.event.dev '{}'",
        "request auth.revoke '{}'",
        "sub --count 1 'room.live.>'",
      ].map(async (command) => {
        const { out, errors } = await sh(`${nats} ${command}`);
        assert.match(out + errors, /permissions violation/i, command);
      }));
      const { state } = await json("stream info ROOMS");
      assert.equal(state.messages, 1);
      assert.deepEqual(await readRunFile(folder), file);
    });
  },
});
