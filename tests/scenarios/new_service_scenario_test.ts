/** `deno task new-service`: from a clone to a service that answers a client, with its test. */
import assert from "node:assert/strict";
import { Overview } from "../../services/contract/mod.ts";
import { codeBlock, commandLines, startVariables } from "../harness/code_blocks.ts";
import { connectClient } from "../harness/client.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { alive, launchIn, ownLines, readRunFile, startAll } from "../harness/start.ts";
import { until } from "../harness/wait.ts";

/** How long a command may take, milliseconds. */
const COMMAND_MS = 120_000;

/** What a service needs of a clone. */
const PARTS = ["services", "client", "tests", "deno.json", "deno.lock", "compose.yaml"];

/** Copies what git would clone. */
async function copyRepository(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-clone-" });
  const copy = async (path: string) => {
    const { isDirectory } = await Deno.stat(ROOT + path);
    if (!isDirectory) return await Deno.copyFile(ROOT + path, `${folder}/${path}`);
    await Deno.mkdir(`${folder}/${path}`);
    for await (const { name } of Deno.readDir(ROOT + path)) {
      if (name !== "node_modules" && name !== "dist") await copy(`${path}/${name}`);
    }
  };
  for (const part of PARTS) await copy(part);
  return folder;
}

async function run(cwd: string, ...args: string[]): Promise<{ code: number; output: string }> {
  await using process = startProcess(Deno.execPath(), args, { cwd, env: { NO_COLOR: "1" } });
  const { code } = await process.status(COMMAND_MS);
  return { code, output: process.output.join("\n") };
}

Deno.test("a new service", async (t) => {
  const clone = await copyRepository();
  const mustRun = async (...args: string[]) => {
    const { code, output } = await run(clone, ...args);
    assert.equal(code, 0, output);
    return output;
  };
  const [making, testing, starting] = commandLines(
    await codeBlock("services/kit/README.md", "## A new service in five minutes", "sh"),
  );
  const [same] = commandLines(await codeBlock("README.md", "## Add a service", "sh"));
  assert.equal(making, same);
  /** The arguments of deno in a command of a document. */
  const argsOf = (command: string | undefined) => {
    const [, args] = /^npx -y deno (.+)$/.exec(command!)!;
    return args!.split(" ");
  };
  const compose = () => Deno.readTextFile(`${clone}/compose.yaml`);
  try {
    await t.step(
      "is refused under a name that is wrong or taken, and writes nothing then",
      async () => {
        const before = await compose();
        const cases: [string[], RegExp][] = [
          [[], /^usage: deno task new-service NAME/m],
          [["one", "two"], /^usage: /m],
          [["Greeter"], /^name: expected a-z 0-9 _ -.* \(got "Greeter"\)$/m],
          [["../greeter"], /^name: expected/m],
          [["gateway"], /^name: "gateway" is taken$/m],
          [["kit"], /^name: "kit" is taken$/m],
          [
            ["greeter", "--needs", "calls,money"],
            /^--needs: there is no "money", but\n {2}calls: /m,
          ],
          [
            ["other", "--outside", `${clone}/services/other`],
            /^--outside: .* is inside of this repository; leave --outside out$/m,
          ],
          [["telemetry"], /^compose.yaml: there already is a service telemetry$/m],
        ];
        for (const [args, expected] of cases) {
          const { code, output } = await run(clone, "task", "new-service", ...args);
          assert.equal(code, 64, output);
          assert.match(output, expected);
        }
        assert.equal(await compose(), before);
        await assert.rejects(Deno.stat(`${clone}/services/greeter`), Deno.errors.NotFound);
      },
    );

    await t.step("is made once, and is as the project wants its code", async () => {
      const output = await mustRun(...argsOf(making));
      assert.match(output, /^services\/greeter\/main\.ts$/m);
      const again = await run(clone, "task", "new-service", "greeter");
      assert.equal(again.code, 64);
      assert.match(again.output, /^services\/greeter is there already$/m);
      const needs = "log,signal,schedule";
      await mustRun("task", "new-service", "log-keeper", "--needs", needs);
      await mustRun("task", "new-service", "quiet", "--needs=");
      const made = ["services/greeter", "services/log-keeper", "services/quiet"];
      await mustRun("fmt", "--check", ...made, "compose.yaml");
      await mustRun("lint", ...made);
      // With their tests. What they import is checked elsewhere, and here only once.
      await mustRun("check", "--frozen", ...made);
    });

    await t.step("passes its own test, and those of the project's code", async () => {
      const tests = [
        "services/greeter",
        "services/log-keeper",
        "tests/architecture_test.ts",
        "tests/scenarios/compose_test.ts",
      ];
      const [test, ...rest] = argsOf(testing);
      assert.deepEqual(rest, ["-A", tests[0]]);
      // With the tests of other files, and without the checks that were made before.
      const flags = ["--frozen", "--no-check"];
      const output = await mustRun(test!, ...flags, ...rest, ...tests.slice(1));
      for (const path of tests) assert.match(output, new RegExp(`from \\./${path}`));
      await Deno.remove(`${clone}/services/log-keeper`, { recursive: true });
    });

    await t.step("runs with everything else, is restarted and drained", async () => {
      await using system = await startAll(startVariables(starting!), clone);
      const { file, folder, process } = system;
      const client = await connectClient(file.websocket);
      client.send({ type: "auth", token: file.token! });
      await client.take("authenticated");
      const greeted = async (name: string) => {
        const id = crypto.randomUUID();
        client.send({ type: "call", service: "greeter", method: "hello", data: { name }, id });
        const answer = await client.answer(id);
        return answer.type === "result" && (answer.data as { greeting: string }).greeting;
      };
      assert.equal(await greeted("Ada"), "Hello, Ada!");
      Deno.kill(file.pids.greeter!, "SIGKILL");
      await process.line("greeter was killed by SIGKILL, restarting it");
      await until("greeter to answer again", async () => await greeted("Bob") === "Hello, Bob!");
      const { pids } = await readRunFile(folder);
      await until("monitor to show it", async () => {
        const response = await fetch(`${file.monitor}api/overview`);
        const { processes } = Overview.parse(await response.json());
        return processes.some(({ service }) => service === "greeter");
      });
      client.close();
      Deno.kill(file.pid, "SIGINT");
      assert.equal((await process.status(30_000)).code, 0);
      assert.ok(!alive(pids.greeter!), "greeter still runs");
      assert.ok(
        process.output.some((line) => /^greeter .* stopped$/.test(line)),
        "it was not drained",
      );
    });

    await t.step("that does not start harms nobody: the system is ready, and says so", async () => {
      const file = `${clone}/services/greeter/main.ts`;
      const right = await Deno.readTextFile(file);
      await Deno.writeTextFile(file, 'throw new Error("it is broken");\n');
      await using system = await startAll({}, clone);
      const { file: { websocket, token }, process } = system;
      const warnings = ownLines(process).filter((line) => line.startsWith("WARN"));
      assert.match(warnings.join("\n"), /^WARN {2}greeter is not ready after 15 s/m);
      const client = await connectClient(websocket);
      client.send({ type: "auth", token: token! });
      client.send({ type: "subscribe", room: "lobby" });
      await client.take("subscribed");
      client.send({ type: "call", service: "greeter", method: "hello", id: "c" });
      const answer = await client.answer("c");
      assert.equal(answer.type === "error" && answer.code, "service_not_found");
      client.close();
      await Deno.writeTextFile(file, right);
    });

    await t.step(
      "with a wrong declaration stops the start with one line that names it",
      async () => {
        const file = `${clone}/services/greeter/declaration.ts`;
        const right = await Deno.readTextFile(file);
        const cases: [string, string, RegExp][] = [
          [
            'name: "greeter"',
            'name: "greeting"',
            /name: expected that of the folder \(got "greeting"\)/,
          ],
          ['"calls"', '"cals"', /needs: there is no "cals", but calls, listen/],
          ["GREETER_MAX_LENGTH", "MAX_ROOMS", /config: MAX_ROOMS is a variable of Hopwire/],
          ["export const", "const", /it exports no "declaration"/],
        ];
        for (const [from, to, expected] of cases) {
          await Deno.writeTextFile(file, right.replace(from, to));
          const data = await Deno.makeTempDir();
          await using process = launchIn(clone, { DATA_DIR: data });
          assert.equal((await process.status(COMMAND_MS)).code, 1);
          const [error, ...others] = ownLines(process).filter((line) => line.startsWith("ERROR"));
          assert.equal(others.length, 0);
          assert.match(error!, /^ERROR services\/greeter\/declaration\.ts: /);
          assert.match(error!, expected);
          await Deno.remove(data, { recursive: true });
        }
      },
    );
  } finally {
    await Deno.remove(clone, { recursive: true });
  }
});
