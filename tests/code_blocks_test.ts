/**
 * Every code block of every document is run by a test, or stands in a list with the reason why nothing can
 * run it. A test runs a block if it reads it from the document: with the functions of
 * tests/harness/code_blocks.ts, whose calls are found here.
 */
import assert from "node:assert/strict";
import { allBlocks, type CodeBlock, commandLines, parseBlocks } from "./harness/code_blocks.ts";
import { FOLDERS } from "./harness/gate_parts.ts";
import { ROOT } from "./harness/root.ts";

/** A block that no test runs: its document, heading and language, and why. */
type NotRun = [file: string, heading: string, language: string, reason: string];

const NOT_RUN: readonly NotRun[] = [
  ["README.md", "## The path of a message", "mermaid", "a drawing"],
  ["services/README.md", "## How the processes fit together", "text", "a drawing"],
  // The test below checks that each of these commands exists, with its options and files.
  ["tests/README.md", "## Run one test", "sh", "the gate runs these tests themselves"],
  ["tests/README.md", "### On which nats-server", "sh", "the gate runs these tests itself"],
  ["tests/README.md", "### The torture", "sh", "minutes each; the gate runs short ones itself"],
  ["tests/ATTACKS.md", "# The attack suite", "sh", "minutes each; the gate runs short ones itself"],
  ["tests/bench/README.md", "# Measuring speed", "sh", "hours; bench_test.ts runs short ones"],
  ["tests/docker/README.md", "# Testing compose.yaml", "sh", "minutes, and it needs an engine"],
];

/** What a test reads: all blocks of a language below a heading, or in a document. */
interface Claim {
  file: string;
  heading: string | null;
  language: string;
  /** How many blocks it reads; null if all. */
  count: number | null;
  /** Where the call stands. */
  by: string;
}

/** The calls of the functions that read blocks. */
const CALLS =
  /\b(codeBlocks?|everyBlock)\(\s*"([^"]+)",\s*"([^"]+)"(?:,\s*"([^"]+)")?(?:,\s*(\d+))?,?\s*\)/g;

/** Returns what the calls in a source claim. */
function claimsIn(by: string, source: string): Claim[] {
  return [...source.matchAll(CALLS)].map(([, name, file, second, third, count]) =>
    name === "everyBlock"
      ? { file: file!, heading: null, language: second!, count: null, by }
      : { file: file!, heading: second!, language: third ?? "", count: Number(count ?? 1), by }
  );
}

/** Whether the gate checks the types of a block, as `--doc` does. */
function isTypeChecked({ file, language }: CodeBlock): boolean {
  return FOLDERS.includes(file.split("/")[0]!) &&
    /^(ts|tsx|js|jsx|typescript|javascript)$/.test(language);
}

/** What is wrong with the blocks: a line for each that nothing runs, and for each reason without a block. */
function problemsOf(
  blocks: readonly CodeBlock[],
  claims: readonly Claim[],
  notRun: readonly NotRun[],
): string[] {
  const problems: string[] = [];
  const used = new Set<NotRun>();
  for (const block of blocks) {
    const { file, line, heading, language } = block;
    if (isTypeChecked(block)) continue;
    const isClaimed = claims.some((claim) =>
      claim.file === file && claim.language === language &&
      (claim.heading === null || claim.heading === heading)
    );
    const reason = notRun.find((one) =>
      !used.has(one) && one[0] === file && one[1] === heading && one[2] === language
    );
    if (isClaimed) continue;
    if (reason !== undefined) used.add(reason);
    else {
      problems.push(
        `${file}:${line}: no test runs this \`\`\`${language} block. Let one read it with ` +
          `codeBlock("${file}", "${heading}", "${language}") of tests/harness/code_blocks.ts, or, if ` +
          "nothing can run it, say why in NOT_RUN of tests/code_blocks_test.ts.",
      );
    }
  }
  for (const { file, heading, language, count, by } of claims) {
    const found = blocks.filter((block) =>
      block.file === file && block.language === language &&
      (heading === null || block.heading === heading)
    );
    if (count === null || found.length === count) continue;
    const lines = found.map(({ line }) => line).join(", ");
    problems.push(
      `${file}, "${heading}": ${by} runs ${count} \`\`\`${language} blocks, and there are ` +
        `${found.length} (lines ${lines}): let it read and run all of them`,
    );
  }
  for (const one of notRun) {
    if (!used.has(one)) problems.push(`NOT_RUN has a block that is run or gone: ${one.join(", ")}`);
  }
  return problems;
}

/** All tests and what they share. */
async function testSources(): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
      if (name === "node_modules" || name === "dist") continue;
      if (isDirectory) await visit(`${folder}/${name}`);
      else if (/_test\.tsx?$/.test(name) || /^tests\/(harness|docker)/.test(folder)) {
        if (/\.tsx?$/.test(name)) found.push(`${folder}/${name}`);
      }
    }
  };
  for (const folder of FOLDERS) await visit(folder);
  return found.filter((path) =>
    !["tests/code_blocks_test.ts", "tests/harness/code_blocks.ts"].includes(path)
  );
}

Deno.test("every code block of a document is run by a test, or there is a reason", async () => {
  const sources = await testSources();
  const claims = (await Promise.all(sources.map(async (path) => {
    return claimsIn(path, await Deno.readTextFile(ROOT + path));
  }))).flat();
  const blocks = await allBlocks();
  assert.ok(blocks.length > 100 && claims.length > 20, `${blocks.length}, ${claims.length}`);
  assert.deepEqual(problemsOf(blocks, claims, NOT_RUN), []);
});

/** The source of a task of deno.json and of its neighbours, which read its options. */
async function sourceOfTask(command: string): Promise<string> {
  const main = /\S+\.ts\b/.exec(command)![0];
  const folder = main.slice(0, main.lastIndexOf("/"));
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(ROOT + folder)) {
    if (name.endsWith(".ts")) texts.push(await Deno.readTextFile(`${ROOT}${folder}/${name}`));
  }
  return texts.join("\n");
}

/** What is wrong with a command: a task, an option, a file or a test that is not there. */
async function problemsOfCommand(
  command: string,
  tasks: Record<string, { command: string }>,
): Promise<string[]> {
  const problems: string[] = [];
  const [, task, options = ""] = /\bdeno task ([\w-]+)(.*)/.exec(command) ?? [];
  if (task !== undefined && tasks[task] === undefined) problems.push(`there is no task ${task}`);
  else if (task !== undefined) {
    const source = await sourceOfTask(tasks[task]!.command);
    for (const [, option] of options.matchAll(/ --([\w-]+)/g)) {
      if (!new RegExp(`\\b${option}\\b`).test(source)) {
        problems.push(`task ${task} has no option --${option}`);
      }
    }
  }
  const path = /(?<![\w./])(?:services|tests|client)\/[\w./-]+/.exec(command)?.[0];
  const isThere = path === undefined || path.startsWith("services/greeter") ||
    await Deno.stat(ROOT + path).then(() => true, () => false);
  if (!isThere) problems.push(`there is no ${path}`);
  const [, filter] = / --filter "([^"]+)"/.exec(command) ?? [];
  if (isThere && filter !== undefined) {
    const text = await Deno.readTextFile(ROOT + path!);
    if (!new RegExp(`Deno\\.test\\(\\s*"[^"]*${filter}`).test(text)) {
      problems.push(`${path} has no test whose name has "${filter}"`);
    }
  }
  return problems;
}

Deno.test("every command of a document names tasks, options, files and tests that exist", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const found: string[] = [];
  let commands = 0;
  for (const { file, line, language, text } of await allBlocks()) {
    if (!["sh", "console"].includes(language)) continue;
    for (const command of commandLines(text)) {
      commands++;
      for (const problem of await problemsOfCommand(command, tasks)) {
        found.push(`${file}:${line}: ${command}: ${problem}`);
      }
    }
  }
  assert.deepEqual(found, []);
  assert.ok(commands > 100, `${commands} commands`);
  const wrong = [
    "npx -y deno task begin",
    "deno task simulate --minutes 3",
    "deno test -A services/none_test.ts",
    'deno test -A tests/code_blocks_test.ts --filter "no such name"',
  ];
  for (const command of wrong) {
    assert.equal((await problemsOfCommand(command, tasks)).length, 1, command);
  }
});

Deno.test("a block that somebody adds is found, with its place", () => {
  const document =
    "# Title\n\n```sh\none\n```\n\n## More\n\n  ```json\n  {}\n  ```\n\n```ts\n1;\n```\n";
  const blocks = parseBlocks("tests/NEW.md", document);
  assert.deepEqual(
    blocks.map(({ line, heading, language, text }) => [line, heading, language, text]),
    [
      [3, "# Title", "sh", "one\n"],
      [9, "## More", "json", "{}\n"],
      [13, "## More", "ts", "1;\n"],
    ],
  );
  const claims = claimsIn(
    "a_test.ts",
    'await codeBlocks(\n  "tests/NEW.md",\n  "# Title",\n  "sh",\n  1,\n)',
  );
  const [problem, ...others] = problemsOf(blocks, claims, []);
  assert.match(problem!, /^tests\/NEW\.md:9: no test runs this ```json block/);
  assert.deepEqual(others, []);
  const reasons: NotRun[] = [["tests/NEW.md", "## More", "json", "an answer"]];
  assert.deepEqual(problemsOf(blocks, claims, reasons), []);
  assert.match(problemsOf(blocks, [], reasons)[0]!, /^tests\/NEW\.md:3: /);
  assert.match(
    problemsOf(blocks, claimsIn("a_test.ts", 'everyBlock("tests/NEW.md", "json")'), reasons)[1]!,
    /^NOT_RUN has a block that is run or gone: tests\/NEW\.md, ## More, json/,
  );
  const one = claimsIn("a_test.ts", 'codeBlock("tests/NEW.md", "# Title", "sh")');
  const twice = parseBlocks("tests/NEW.md", "# Title\n```sh\none\n```\n```sh\ntwo\n```\n");
  assert.match(problemsOf(twice, one, [])[0]!, /a_test\.ts runs 1 ```sh .* are 2 \(lines 2, 5\)/);
  // Outside of what `deno check --doc` is given.
  assert.equal(problemsOf(parseBlocks("NEW.md", document), [], []).length, 3);
});
