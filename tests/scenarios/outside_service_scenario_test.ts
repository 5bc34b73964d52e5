/** A service outside of this repository, which has the kit as an npm package. */
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { Overview } from "../../services/contract/mod.ts";
import { startService } from "../../services/kit/package/testing.ts";
import { codeBlock } from "../harness/code_blocks.ts";
import { connectClient } from "../harness/client.ts";
import { startNats } from "../harness/nats.ts";
import { refusals } from "../harness/nats_users.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { findRuntimes } from "../harness/runtimes.ts";
import { startAll } from "../harness/start.ts";
import { until } from "../harness/wait.ts";

/** How long a command may take, milliseconds: npm gets packages, on a machine that is busy with other tests. */
const COMMAND_MS = 300_000;

/** How each runtime runs the service's own test. Node of this machine may be too old. */
const TESTS: Record<string, (env: string) => string[]> = {
  deno: (env) => ["test", "-A", `--env-file=${env}`],
  node: (env) => [`--env-file=${env}`, "--test"],
};

async function run(
  command: string,
  args: string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  await using process = startProcess(command, args, { cwd, env: { NO_COLOR: "1", ...env } });
  const { code } = await process.status(COMMAND_MS);
  return { code, output: process.output.join("\n") };
}

async function mustRun(...all: Parameters<typeof run>): Promise<void> {
  const { code, output } = await run(...all);
  assert.equal(code, 0, output);
}

Deno.test("a service outside of the repository, with the package of the kit", async (t) => {
  const parent = await Deno.makeTempDir({ prefix: "hopwire-outside-" });
  const folder = `${parent}/greeter`;
  const command = await codeBlock("services/kit/README.md", "### Outside of this repository", "sh");
  const [, made] = /^npx -y deno (task new-service greeter --outside) \.\.\/greeter\n$/.exec(
    command,
  )!;
  const make = [...made!.split(" "), folder];
  try {
    await t.step("is made once, installed by npm, and compiles with tsc --strict", async () => {
      await mustRun(Deno.execPath(), make, ROOT);
      const again = await run(Deno.execPath(), make, ROOT);
      assert.equal(again.code, 64);
      assert.match(again.output, /^--outside: .* is not empty$/m);
      const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
      await mustRun("npm", ["install", ...flags], folder);
      await mustRun(Deno.execPath(), ["run", "-A", "node_modules/typescript/bin/tsc"], folder);
      await mustRun(Deno.execPath(), ["check", "main.ts"], folder);
    });

    await t.step("has a user on a NATS server of one's own, as it declares", async () => {
      const keys = `${parent}/keys`;
      const declared = ["--declaration", `${folder}/declaration.ts`, keys];
      await mustRun(Deno.execPath(), ["task", "nats-users", ...declared], ROOT);
      const twice = await run(
        Deno.execPath(),
        ["task", "nats-users", ...declared, "greeter"],
        ROOT,
      );
      assert.equal(twice.code, 64);
      assert.match(twice.output, /^services: there already is a service greeter$/m);
      await using server = await startNats({
        config: await Deno.readTextFile(`${keys}/users.conf`),
      });
      const as = async (user: string) =>
        await connect({
          servers: server.url,
          authenticator: nkeyAuthenticator(await Deno.readFile(`${keys}/${user}.nk`)),
          inboxPrefix: `_INBOX.${user}`,
        });
      await using greeter = await startService({
        args: ["run", "-A", "main.ts"],
        cwd: folder,
        env: { NATS_URL: server.url, NATS_NKEY_FILE: `${keys}/greeter.nk` },
      });
      const gateway = await as("gateway");
      const call = JSON.stringify({ data: { name: "Ada" }, userId: "ada", username: "Ada" });
      const answer = await gateway.request("call.greeter.hello", call);
      assert.deepEqual(answer.json(), { greeting: "Hello, Ada!" });
      await gateway.close();
      // What it has not declared.
      const nats = await as("greeter");
      const refused = refusals(nats);
      const subjects = ["user.event.ada", "room.signal.1.a", "$JS.API.STREAM.INFO.ROOMS"];
      for (const subject of subjects) nats.publish(subject, "{}");
      nats.subscribe("call.other.*", { callback: () => {} });
      await until("the refusals", () => refused.publish.size + refused.subscription.size === 4);
      assert.deepEqual([...refused.publish].sort(), subjects.toSorted());
      await nats.close();
      assert.equal(await greeter.stop(), 0, greeter.output.join("\n"));
    });

    await using system = await startAll({ NATS_SERVICES: "greeter=calls+listen+post" });
    const { file } = system;
    const variables = `${system.folder}/services/greeter.env`;

    await t.step("passes its own test in each runtime", async () => {
      const env = {
        HOPWIRE_URL: file.url,
        HOPWIRE_AUTH: `http://127.0.0.1:${system.env.AUTH_PORT}`,
      };
      for (const { name, command } of await findRuntimes()) {
        const args = TESTS[name.replace(/ \d.*/, "")];
        if (args !== undefined) await mustRun(command, args(variables), folder, env);
      }
    });

    await t.step("answers, shows up in monitor, survives a kill, and drains", async () => {
      const start = () =>
        startService({
          args: ["run", "-A", `--env-file=${variables}`, "main.ts"],
          cwd: folder,
        });
      const client = await connectClient(file.websocket);
      client.send({ type: "auth", token: file.token! });
      await client.take("authenticated");
      const greeted = async () => {
        const id = crypto.randomUUID();
        const data = { name: "Ada" };
        client.send({ type: "call", service: "greeter", method: "hello", data, id });
        const answer = await client.answer(id);
        return answer.type === "error" ? answer.code : JSON.stringify(answer);
      };
      assert.equal(await greeted(), "service_not_found");
      await using killed = await start();
      assert.match(await greeted(), /Hello, Ada!/);
      await until("monitor to show it", async () => {
        const response = await fetch(`${file.monitor}api/overview`);
        const { processes } = Overview.parse(await response.json());
        return processes.some(({ service }) => service === "greeter");
      });
      await killed.kill();
      assert.equal(await greeted(), "service_not_found");
      await using again = await start();
      assert.match(await greeted(), /Hello, Ada!/);
      assert.equal(await again.stop(), 0, again.output.join("\n"));
      assert.ok(again.output.some((line) => line.includes("stopped")), again.output.join("\n"));
      client.close();
    });
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
