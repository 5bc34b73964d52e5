/** The commands of tests/README.md and of tests/simulation/README.md for work on the project. */
import assert from "node:assert/strict";
import { findNatsServer, findOnPath } from "../../services/start/nats_server.ts";
import { changed, codeBlock, codeBlocks, commandLines } from "../harness/code_blocks.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

/** How long a program may take to start, milliseconds. */
const START_MS = 60_000;

const DENO = `exec '${Deno.execPath()}'`;

Deno.test({
  name: "tests/README.md: auth runs with nothing but nats-server",
  ignore: await findOnPath("curl") === null,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "hopwire-readme-" });
    const [natsPort, port] = [freePort(), freePort()];
    const [, block] = await codeBlocks("tests/README.md", "## Run one service", "sh", 2);
    const [server, service, ...requests] = commandLines(changed(block!, ["8081", String(port)]));
    try {
      const own = changed(server!, ["nats-server", `exec ${await findNatsServer()}`], [" &", ""]);
      await using nats = startProcess("sh", ["-ec", `${own} -p ${natsPort} -sd ${folder}`]);
      await nats.line("Server is ready");
      await using auth = startProcess("sh", ["-ec", changed(service!, ["deno", DENO])], {
        cwd: ROOT,
        env: { NATS_URL: `nats://127.0.0.1:${natsPort}` },
      });
      await auth.line("started", START_MS);
      const answers: string[] = [];
      for (const request of requests) {
        const { success, stdout } = await new Deno.Command("sh", {
          args: ["-ec", request],
          stderr: "null",
        }).output();
        assert.ok(success, request);
        answers.push(new TextDecoder().decode(stdout));
      }
      assert.equal(answers.length, 2);
      assert.equal(typeof JSON.parse(answers[1]!).token, "string");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("tests/README.md: a service and a test wait for a debugger", async () => {
  const commands = commandLines(await codeBlock("tests/README.md", "## Attach a debugger", "sh"));
  assert.equal(commands.length, 2);
  for (const command of commands) {
    const own = changed(
      command,
      ["deno", DENO],
      ["--inspect-brk", `--inspect-brk=127.0.0.1:${freePort()}`],
    );
    await using process = startProcess("sh", ["-ec", own], { cwd: ROOT });
    await process.line("Debugger listening on ws://127.0.0.1:", START_MS);
  }
});

Deno.test("tests/simulation/README.md: one schedule runs again", async () => {
  const block = await codeBlock("tests/simulation/README.md", "# Presence, simulated", "sh");
  const command = commandLines(block).find((line) => line.includes("--seconds 1 "))!;
  await using process = startProcess("sh", ["-ec", changed(command, ["deno", DENO])], {
    cwd: ROOT,
  });
  await process.line(/^[1-9]\d* schedules agree: [1-9]\d* messages/, START_MS);
  assert.equal((await process.status()).code, 0);
});
