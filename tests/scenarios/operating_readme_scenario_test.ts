/**
 * The commands of services/README.md on a running system, each block as it stands: only paths, ports and the
 * seq of a message are changed. Those for compose are tested on a Docker engine alone (`deno task docker`).
 */
import assert from "node:assert/strict";
import { namespaceOf, parseNamespaces } from "../../services/contract/mod.ts";
import { makeCertificate } from "../harness/certificate.ts";
import { freePort, startProcess } from "../harness/process.ts";
import { alive, readRunFile } from "../harness/start.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";

const README = await Deno.readTextFile(`${ROOT}services/README.md`);

/** How long a start may take, milliseconds. */
const START_MS = 60_000;

/** The blocks of one language below a heading. */
function blocks(heading: string, language: string): string[] {
  const at = README.indexOf(`\n${heading}\n`);
  assert.ok(at >= 0, `services/README.md has no ${heading}`);
  const end = README.indexOf("\n## ", at + heading.length);
  const part = README.slice(at, end < 0 ? undefined : end);
  return [...part.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))]
    .map(([, text]) => text!);
}

/** Replaces parts of a block, each of which must be there. */
function changed(text: string, ...parts: [from: string, to: string][]): string {
  for (const [from, to] of parts) {
    assert.ok(text.includes(from), `${from} is not in\n${text}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

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
  const [namespaces] = blocks("## Namespaces", "json");
  await Deno.writeTextFile(`${folder}/namespaces.json`, namespaces!);

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
  const start = async (block: string, data: string) => {
    const env = { ...ports(), DATA_DIR: data, NAMESPACES_FILE: `${folder}/namespaces.json` };
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
    const [tls] = blocks("## TLS", "sh");
    const port = freePort();
    {
      await using system = await start(
        changed(
          tls!,
          ["tls/", `${folder}/tls/`],
          ["PORT=443", `PORT=${port}`],
          ["TLS_REDIRECT_PORT=80", `TLS_REDIRECT_PORT=${freePort()}`],
          ["npx -y deno", deno],
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
        const [block] = blocks("## Monitor", "console");
        const [command] = block!.split("\n", 1);
        const own = changed(command!, ["$ ", ""], ["chat.lobby 3", `chat.lobby ${seqs[2]}`]);
        const text = await until("the hops of the message", async () => {
          const shown = await sh(own, data).catch(() => "");
          return shown.includes("archive.store") && shown;
        });
        assert.match(text, /^chat\.lobby \d+ .* trace [0-9a-f]{32}\n.* the longest hop is /);
        assert.match(text, /^hop +process +start +duration$/m);
      });

      await t.step("a key for the API", async () => {
        const [block] = blocks("## The HTTP API", "sh");
        const key = /hw_\S+/.exec(await sh(block!, data))![0];
        const body = { room: "chat.lobby", userId: "u8", content: "four" };
        await until("the key", async () => (await system.api("publish", body, key)).status === 200);
        assert.equal((await system.api("stats", {}, key)).status, 403);
      });

      await t.step("revocations, kicks and bans", async () => {
        const [block] = blocks("## Revocations, kicks and bans", "sh");
        await sh(block!, data);
        const { body } = await system.api("revocations", {});
        assert.deepEqual(
          body.denials.map((denial: { tokenId: string }) => denial.tokenId),
          ["5f0c9a"],
        );
        assert.deepEqual((await system.api("bans", {})).body.denials, []);
      });

      await t.step("a backup", async () => {
        const [block] = blocks("## Backup and restore", "sh");
        await sh(changed(block!, ["/mnt/backups", folder]), data);
      });

      await t.step("audits and erasures", async () => {
        const [block] = blocks("## The archive", "sh");
        await sh(changed(block!, ["--seq 812", `--seq ${seqs[1]}`]), data);
        const history = await system.api("history", { room: "chat.lobby" });
        assert.deepEqual(contents(history), ["four", null, null, null]);
      });
    }

    await t.step("the backup is restored on an empty disk", async () => {
      const restored = `${folder}/restored`;
      const [, block] = blocks("## Backup and restore", "sh");
      const [restore, starting] = changed(block!, ["/mnt/backups", folder]).split("\n");
      await sh(restore!, restored);
      const own = changed(starting!, ["deno task", `PORT=${freePort()} ${deno} task`]);
      await using system = await start(own, restored);
      const history = await system.api("history", { room: "chat.lobby" });
      assert.deepEqual(contents(history), ["four", "three", "two", "one"]);
      await sh("deno task audit", restored);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("services/README.md: the namespaces file is what its text says", () => {
  const [text] = blocks("## Namespaces", "json");
  const namespaces = parseNamespaces(text!);
  assert.equal(namespaceOf(namespaces, "cursor.doc7").stored, false);
  assert.equal(namespaceOf(namespaces, "news.today").content, "html");
  assert.equal(namespaceOf(namespaces, "public.square").screen?.onFailure, "open");
});
