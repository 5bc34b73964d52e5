/** A service outside of this repository, which has the kit as an npm package. */
import assert from "node:assert/strict";
import { Overview } from "../../services/contract/mod.ts";
import { startService } from "../../services/kit/package/testing.ts";
import { codeBlock } from "../harness/code_blocks.ts";
import { connectClient } from "../harness/client.ts";
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
