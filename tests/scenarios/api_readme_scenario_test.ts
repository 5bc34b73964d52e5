/** The curl lines of services/api/README.md, run as they stand; only the port is changed. */
import assert from "node:assert/strict";
import { apiKey } from "../../services/start/commands/api_key.ts";
import { OPERATIONS } from "../../services/api/operations/mod.ts";
import { apiOf } from "../harness/api.ts";
import { codeBlocks, everyBlock } from "../harness/code_blocks.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** The blocks with curl lines, each with the answer that the document shows after it. */
async function curlBlocks(): Promise<{ script: string; answer: string | undefined }[]> {
  const answers = await everyBlock("services/api/README.md", "json");
  const scripts = await everyBlock("services/api/README.md", "sh");
  const found = scripts.filter(({ heading }) => heading !== "## Keys").map(({ text, line }) => {
    // Two fences, and an empty line between them.
    const after = line + text.split("\n").length + 2;
    return { script: text, answer: answers.find((block) => block.line === after)?.text };
  });
  assert.equal(found.filter(({ answer }) => answer !== undefined).length, answers.length);
  return found;
}

/** What a value is made of: the names of its fields, and the types of their values. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value !== "object") return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) =>
      [name, name === "content" || name === "result" ? "any" : shape(field)] as const
    ).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

async function curl(): Promise<boolean> {
  try {
    return (await new Deno.Command("curl", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "services/api/README.md: every curl line works as it stands",
  ignore: !await curl(),
  async fn() {
    await using system = await startSystem({ apis: 1 });
    const api = await apiOf(system);
    await Deno.mkdir(`${system.folder}/.data`);
    await Deno.writeTextFile(`${system.folder}/.data/api-key`, api.key);
    const used = new Set<string>();
    for (const { script, answer } of await curlBlocks()) {
      const own = script.replaceAll("http://127.0.0.1:8070", api.url)
        .replaceAll("curl -s ", "curl -s -w '\\n' ");
      for (const [, name] of script.matchAll(/\/v1\/(\w+)/g)) used.add(name!);
      const { success, stdout, stderr } = await new Deno.Command("sh", {
        args: ["-ec", own],
        cwd: system.folder,
        env: { KEY: api.key },
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.ok(success, new TextDecoder().decode(stderr));
      const answers = text.trim().split("\n").map((line) => JSON.parse(line));
      for (const one of answers) {
        assert.equal(one.error !== undefined, script.includes("no room"), `${script}\n${text}`);
      }
      if (answer !== undefined) assert.deepEqual(shape(answers[0]), shape(JSON.parse(answer)));
    }
    assert.deepEqual([...used].sort(), OPERATIONS.map(({ name }) => name).sort());
  },
});

Deno.test("deno task api-key makes, lists and revokes keys of a running API", async () => {
  await using system = await startSystem({ apis: 1 });
  const api = await apiOf(system);
  const file = `${system.folder}/api-keys.json`;
  const [block] = await codeBlocks("services/api/README.md", "## Keys", "sh", 2);
  const lines = block!.trim().split("\n").map((line) => {
    const [, words] = /^deno task api-key (.+)$/.exec(line)!;
    return words!.split(" ").map((word) => word.replaceAll("'", ""));
  });
  assert.equal(lines.length, 3);
  const [create, listing, revoking] = lines as [string[], string[], string[]];
  const [key, about] = (await apiKey(create, file)).split("\n");
  assert.match(about!, /^Nobody can show it again/);
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  assert.ok(!(await Deno.readTextFile(file)).includes(key!.split("_").slice(2).join("_")));
  const publish = { room: "shop.one", userId: "shop", content: "open" };
  await until("the key to work", async () => {
    return (await api.send("publish", publish, { key })).status === 200;
  });
  await api.refused("forbidden", "publish", { ...publish, room: "lobby" }, { key });
  await api.refused("forbidden", "stats", {}, { key });
  const list = await apiKey(listing, file);
  const id = key!.split("_")[1]!;
  assert.match(list, new RegExp(`^${id}  shop: publish,read in shop\\.\\*, expires 20`, "m"));
  assert.equal(await apiKey([revoking[0]!, id], file), `${id} is revoked`);
  await until("the key to be revoked", async () => {
    return (await api.send("publish", publish, { key })).status === 401;
  });
  for (
    const [args, message] of [
      [["create"], /^usage:/],
      [["create", "--scopes", "everything"], /^scopes\.0: /],
      [["create", "--scopes", "read", "--rooms", "a b"], /^rooms\.0: expected a room pattern/],
      [["create", "--scopes", "read", "--expires", "2020-01-01"], /^--expires: /],
      [["create", "--scopes", "read", "--rate", "x"], /^rate: /],
      [["revoke", "nobody"], /^there is no key nobody$/],
      [["remove", id], /^usage:/],
    ] as const
  ) await assert.rejects(apiKey([...args], file), { message });
});
