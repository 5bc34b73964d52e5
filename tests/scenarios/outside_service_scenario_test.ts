/** A service outside of this repository, which has the kit as an npm package. */
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { parse } from "yaml";
import { Overview } from "../../services/contract/mod.ts";
import { startService } from "../../services/kit/package/testing.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { KEY_OWNER } from "../../services/start/own/outside_files.ts";
import { codeBlock, commandLines, parseBlocks, startVariables } from "../harness/code_blocks.ts";
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

/** The commands of a README that was made for a service or packed with the kit. */
async function commandsOf(file: string): Promise<string[]> {
  return parseBlocks(file, await Deno.readTextFile(file))
    .filter(({ language }) => language === "sh").flatMap(({ text }) => commandLines(text));
}

/** The start of the paths in those commands that are in Hopwire's folder. */
const DATA = /(?:HOPWIRE\/)?\.data\//;

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
      const commands = await commandsOf(`${folder}/README.md`);
      assert.deepEqual([commands[1], commands.at(-1)], ["npm install", "npm run check"]);
      await mustRun("npm", ["install", ...flags], folder);
      // With the program of the kit's own README.
      const kit = `${folder}/node_modules/@hopwire/kit/README.md`;
      const [program, ...others] = parseBlocks(kit, await Deno.readTextFile(kit))
        .filter(({ language }) => language === "ts");
      assert.equal(others.length, 0);
      await Deno.writeTextFile(`${folder}/dice.ts`, program!.text);
      await mustRun("npm", ["run", "check"], folder);
      await mustRun(Deno.execPath(), ["check", "main.ts", "dice.ts"], folder);
    });

    await t.step(
      "has a Dockerfile and a compose file that fit its folder and Hopwire",
      async () => {
        const made = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
        const dockerfile = await Deno.readTextFile(`${folder}/Dockerfile`);
        const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, all]) =>
          all!.split(" ")
        );
        assert.ok(copied.length > 3, dockerfile);
        for (const source of copied) {
          const [start, end] = source.split("*") as [string, string?];
          const fits = (name: string) =>
            end === undefined ? name === start : name.startsWith(start) && name.endsWith(end);
          assert.ok(made.some(fits), `there is no ${source} to copy`);
        }
        const own = parse(await Deno.readTextFile(`${folder}/compose.yaml`));
        const hopwire = parse(await Deno.readTextFile(`${ROOT}compose.yaml`), { merge: true });
        const nameOf = (name: string) => name.replace("${HOPWIRE_PROJECT:-hopwire}_", "");
        assert.ok(nameOf(own.networks.bus.name) in hopwire.networks);
        assert.ok(nameOf(own.volumes.secrets.name) in hopwire.volumes);
        assert.equal(own.services.greeter.user, `${KEY_OWNER}:${KEY_OWNER}`);
        const compose = await findOnPath("docker-compose");
        if (compose === null) return;
        await mustRun(compose, ["-f", `${folder}/compose.yaml`, "config", "-q"], folder);
      },
    );

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

    const [starting, , running, testing] = await commandsOf(`${folder}/README.md`);
    const [rolling] = await commandsOf(`${folder}/node_modules/@hopwire/kit/README.md`);
    const { NATS_SERVICES } = startVariables(starting!);
    await using system = await startAll({ NATS_SERVICES: `${NATS_SERVICES},dice=calls` });
    const { file } = system;
    /** The arguments of Node in a command of a README. */
    const argsOf = (command: string | undefined) => {
      const [node, ...args] = command!.replace(DATA, `${system.folder}/`).split(" ");
      assert.equal(node, "node");
      return args;
    };
    /** How each runtime runs the service's own test. Node of this machine may be too old. */
    const tests: Record<string, string[]> = {
      deno: ["test", "-A", argsOf(testing)[0]!],
      node: argsOf(testing),
    };

    await t.step("passes its own test in each runtime", async () => {
      const env = {
        HOPWIRE_URL: file.url,
        HOPWIRE_AUTH: `http://127.0.0.1:${system.env.AUTH_PORT}`,
      };
      for (const { name, command } of await findRuntimes()) {
        const args = tests[name.replace(/ \d.*/, "")];
        if (args !== undefined) await mustRun(command, args, folder, env);
      }
    });

    await t.step("answers, shows up in monitor, survives a kill, and drains", async () => {
      const start = () =>
        startService({
          args: ["run", "-A", ...argsOf(running)],
          cwd: folder,
        });
      await using dice = await startService({
        args: ["run", "-A", ...argsOf(rolling)],
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
      client.send({ type: "call", service: "dice", method: "roll", id: "roll" });
      const rolled = await client.answer("roll");
      assert.match(String(rolled.type === "result" && rolled.data), /^[1-6]$/);
      assert.equal(await dice.stop(), 0, dice.output.join("\n"));
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
