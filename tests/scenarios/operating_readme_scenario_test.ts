/**
 * The commands of services/README.md on a running system, each block as it stands: only paths, ports and the
 * seq of a message are changed. Those for compose are tested on a Docker engine alone (`deno task docker`).
 */
import assert from "node:assert/strict";
import { namespaceOf, parseNamespaces } from "../../services/contract/mod.ts";
import { makeCertificate } from "../harness/certificate.ts";
import {
  changed,
  codeBlock,
  codeBlocks,
  commandLines,
  startVariables,
} from "../harness/code_blocks.ts";
import { goFor, pythonFor } from "../harness/languages.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { alive, readRunFile } from "../harness/start.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";

/** How long a start may take, milliseconds. */
const START_MS = 60_000;

Deno.test("services/README.md: its commands do on a running system what it says", async (t) => {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "hopwire-readme-" }));
  const deno = `'${Deno.execPath()}'`;
  const ports = () => ({
    AUTH_PORT: String(freePort()),
    MONITOR_PORT: String(freePort()),
    API_PORT: String(freePort()),
  });
  await Deno.mkdir(`${folder}/tls`);
  const { certFile, keyFile } = await makeCertificate(folder, "localhost");
  await Deno.rename(certFile, `${folder}/tls/fullchain.pem`);
  await Deno.rename(keyFile, `${folder}/tls/privkey.pem`);
  const namespaces = await codeBlock("services/README.md", "## Namespaces", "json");
  await Deno.writeTextFile(`${folder}/namespaces.json`, namespaces);

  /** Runs a block, line by line, and returns what it printed. */
  const sh = async (block: string, data: string): Promise<string> => {
    const { success, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-ec", block.replaceAll("deno task", `${deno} task --quiet`)],
      cwd: ROOT,
      env: { DATA_DIR: data, NO_COLOR: "1" },
    }).output();
    const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.ok(success, `${block}\n${out}\n${errors}`);
    return out!;
  };
  const start = async (block: string, data: string, more: Record<string, string> = {}) => {
    const env = {
      ...ports(),
      DATA_DIR: data,
      NAMESPACES_FILE: `${folder}/namespaces.json`,
      ...more,
    };
    const process = startProcess("sh", ["-ec", block], { cwd: ROOT, env });
    await process.line("| ready", START_MS);
    const file = await readRunFile(data);
    const api = async (operation: string, body: object, key = file.apiKey!) => {
      const response = await fetch(`${file.api}v1/${operation}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await response.json() };
    };
    return {
      file,
      api,
      async [Symbol.asyncDispose]() {
        if (alive(file.pid)) Deno.kill(file.pid, "SIGTERM");
        await process.status(30_000);
      },
    };
  };
  const contents = (answer: { body: { messages: { content: unknown }[] } }) =>
    answer.body.messages.map(({ content }) => content);

  const data = `${folder}/data`;
  try {
    const [backup, restoring] = await codeBlocks(
      "services/README.md",
      "## Backup and restore",
      "sh",
      2,
    );
    const tls = await codeBlock("services/README.md", "## TLS", "sh");
    const port = freePort();
    {
      await using system = await start(
        changed(
          tls,
          ["tls/", `${folder}/tls/`],
          ["PORT=443", `PORT=${port}`],
          ["TLS_REDIRECT_PORT=80", `TLS_REDIRECT_PORT=${freePort()}`],
          // As it stands, where npx has the package.
          ["npx -y deno", await npxRunsDeno() ? "npx -y deno" : deno],
        ),
        data,
      );
      assert.match(system.file.url, new RegExp(`^https://\\S+:${port}/$`));
      const seqs: number[] = [];
      for (const content of ["one", "two", "three"]) {
        const body = { room: "chat.lobby", userId: content === "two" ? "u8" : "u7", content };
        const answer = await system.api("publish", body);
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        seqs.push(answer.body.seq);
      }

      await t.step("where the time of a message went", async () => {
        const block = await codeBlock("services/README.md", "## Monitor", "console");
        const [command] = block.split("\n", 1);
        const own = changed(command!, ["$ ", ""], ["chat.lobby 3", `chat.lobby ${seqs[2]}`]);
        const text = await until("the hops of the message", async () => {
          const shown = await sh(own, data).catch(() => "");
          return shown.includes("archive.store") && shown;
        });
        assert.match(text, /^chat\.lobby \d+ .* trace [0-9a-f]{32}\n.* the longest hop is /);
        assert.match(text, /^hop +process +start +duration$/m);
        // README.md has the same command with the id of a trace.
        const [shown] = (await codeBlock("README.md", "## See every hop", "console")).split(
          "\n",
          1,
        );
        const id = / trace ([0-9a-f]{32})$/m.exec(text)![1]!;
        const byId = shown!.replace(/^\$ npx -y /, "").replace(/[0-9a-f]{32}$/, id);
        assert.notEqual(byId, shown);
        assert.equal((await sh(byId, data)).split("\n")[0], text.split("\n")[0]);
      });

      await t.step("a key for the API", async () => {
        const block = await codeBlock("services/README.md", "## The HTTP API", "sh");
        const key = /hw_\S+/.exec(await sh(block, data))![0];
        const body = { room: "chat.lobby", userId: "u8", content: "four" };
        await until("the key", async () => (await system.api("publish", body, key)).status === 200);
        assert.equal((await system.api("stats", {}, key)).status, 403);
      });

      await t.step("revocations, kicks and bans", async () => {
        await sh(
          await codeBlock("services/README.md", "## Revocations, kicks and bans", "sh"),
          data,
        );
        const { body } = await system.api("revocations", {});
        assert.deepEqual(
          body.denials.map((denial: { tokenId: string }) => denial.tokenId),
          ["5f0c9a"],
        );
        assert.deepEqual((await system.api("bans", {})).body.denials, []);
      });

      await t.step("a backup", async () => {
        await sh(changed(backup!, ["/mnt/backups", folder]), data);
      });

      await t.step("audits and erasures", async () => {
        const block = await codeBlock("services/README.md", "## The archive", "sh");
        await sh(changed(block, ["--seq 812", `--seq ${seqs[1]}`]), data);
        const history = await system.api("history", { room: "chat.lobby" });
        assert.deepEqual(contents(history), ["four", null, null, null]);
      });
    }

    await t.step("the backup is restored on an empty disk", async (t) => {
      const restored = `${folder}/restored`;
      const [restore, starting] = changed(restoring!, ["/mnt/backups", folder]).split("\n");
      await sh(restore!, restored);
      const own = changed(starting!, ["deno task", `PORT=${freePort()} ${deno} task`]);
      const natsPort = String(freePort());
      await using system = await start(own, restored, {
        ...await examplesVariables(),
        ...await webhooksVariables(folder, (block) => sh(block, restored)),
        NATS_PORT: natsPort,
      });
      const history = await system.api("history", { room: "chat.lobby" });
      assert.deepEqual(contents(history), ["four", "three", "two", "one"]);
      await sh("deno task audit", restored);

      await t.step("what webhooks are there", async () => {
        const listed = await sh(
          await codeBlock("services/README.md", "## Webhooks", "sh"),
          restored,
        );
        assert.match(listed, /^shop {2}ok: [^]*^statistics {2}ok: /m);
      });

      await t.step("one more instance of a service", async () => {
        const [block] = await codeBlocks("tests/README.md", "## Run one service", "sh", 2);
        const [started, instance] = commandLines(block!);
        assert.deepEqual(startVariables(started!), { NATS_PORT: "4222" });
        const command = changed(instance!, [".data/", `${restored}/`], [
          "deno run",
          `exec ${deno} run`,
        ]);
        const env = { NATS_URL: `nats://127.0.0.1:${natsPort}`, PORT: String(freePort()) };
        await using rooms = startProcess("sh", ["-ec", command], { cwd: ROOT, env });
        await rooms.line("started", START_MS);
      });

      await t.step("the examples in Python and in Go roll dice", async () => {
        const [, python, go] = await codeBlocks(
          "services/kit/examples/README.md",
          "# Examples of services",
          "sh",
          3,
        );
        const runners = [
          [python!, await pythonFor("services/kit/examples/python", "dice.py", ["nats", "nkeys"])],
          [go!, await goFor("services/kit/examples/go")],
        ] as const;
        for (const [block, runner] of runners) {
          if ("missing" in runner) continue;
          const room = `table.${block.includes("python3") ? "python" : "go"}`;
          const bin = runner.command.slice(0, runner.command.lastIndexOf("/") + 1);
          const script = changed(block, [".data/", `${restored}/`])
            .replace("python3 ", `exec ${bin}python3 `)
            .replace("pip ", `${bin}pip `)
            // Built before, because the program would outlive a \`go run\` that is killed.
            .replace("go run .", `exec ${runner.command}`);
          await using dice = startProcess("sh", ["-ec", script], {
            cwd: ROOT,
            env: { PIP_BREAK_SYSTEM_PACKAGES: "1" },
          });
          await dice.line(/(^| )ready$/, START_MS);
          const body = { room, userId: "u7", username: "Ada", content: "roll" };
          assert.equal((await system.api("publish", body)).status, 200);
          await until("the roll", async () => {
            return /Ada rolled [1-6]/.test(JSON.stringify(await system.api("history", { room })));
          });
        }
      });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The variables with which services/kit/examples/README.md starts the system. */
async function examplesVariables(): Promise<Record<string, string>> {
  const [block] = await codeBlocks(
    "services/kit/examples/README.md",
    "# Examples of services",
    "sh",
    3,
  );
  return startVariables(block!.trim());
}

/** Does what services/hooks/README.md says before the start, and returns the variables of the start. */
async function webhooksVariables(
  folder: string,
  sh: (block: string) => Promise<string>,
): Promise<Record<string, string>> {
  const block = await codeBlock("services/hooks/README.md", "# Webhooks", "sh");
  const [making, secret, starting] = commandLines(changed(block, [".data/", `${folder}/`]));
  await sh(making!);
  assert.match(await sh(secret!), /^whsec_\S{40,}\n$/);
  const variables = startVariables(starting!);
  const endpoints = await codeBlock("services/hooks/README.md", "# Webhooks", "json");
  await Deno.writeTextFile(variables.WEBHOOKS_FILE!, endpoints);
  return variables;
}

/** Whether npx runs Deno without getting it from a registry first. */
async function npxRunsDeno(): Promise<boolean> {
  try {
    const args = ["--offline", "-y", "deno", "--version"];
    return (await new Deno.Command("npx", { args, stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

Deno.test("README.md, tests/README.md and CI run the gate by the same command", async () => {
  const [start, gate] = commandLines(await codeBlock("README.md", "## Two commands", "sh"));
  assert.deepEqual(startVariables(start!), {});
  const work = await codeBlock("tests/README.md", "# Working on Hopwire", "sh");
  assert.deepEqual(commandLines(work), [gate]);
  assert.ok((await Deno.readTextFile(`${ROOT}.ci/run`)).endsWith(`\nexec ${gate}\n`));
});

Deno.test("services/README.md: the namespaces file is what its text says", async () => {
  const namespaces = parseNamespaces(
    await codeBlock("services/README.md", "## Namespaces", "json"),
  );
  assert.equal(namespaceOf(namespaces, "cursor.doc7").stored, false);
  assert.equal(namespaceOf(namespaces, "news.today").content, "html");
  assert.equal(namespaceOf(namespaces, "public.square").screen?.onFailure, "open");
});
