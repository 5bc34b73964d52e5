/**
 * The fenced code blocks of the project's documents. Tests that run one read it from here, by its document
 * and heading; so tests/code_blocks_test.ts knows which blocks nobody runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ROOT } from "./root.ts";

/** A fenced code block. */
export interface CodeBlock {
  /** The document, relative to the root of the project. */
  file: string;
  /** The line of its opening fence. */
  line: number;
  /** The heading above it, with its marks: `## TLS`. Empty above the first one. */
  heading: string;
  /** What follows the opening fence: `sh`, `json client`, or nothing. */
  language: string;
  text: string;
}

/** Folders without documents of the project. */
const SKIPPED = ["node_modules", "dist"];

/** Returns the blocks of a document, in order. */
export function parseBlocks(file: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = "";
  let open: { block: CodeBlock; indent: string } | undefined;
  const lines = text.split("\n");
  lines.forEach((line, index) => {
    const [, indent, language] = /^( *)```(.*)$/.exec(line) ?? [];
    if (open !== undefined) {
      if (indent !== undefined) open = undefined;
      else {
        const own = line.startsWith(open.indent) ? line.slice(open.indent.length) : line;
        open.block.text += `${own}\n`;
      }
    } else if (indent !== undefined) {
      const block = { file, line: index + 1, heading, language: language!.trim(), text: "" };
      blocks.push(block);
      open = { block, indent };
    } else if (/^#+ /.test(line)) heading = line;
  });
  assert.ok(open === undefined, `${file}:${open?.block.line}: this block has no end`);
  return blocks;
}

/** Returns the paths of all documents, relative to the root of the project. */
export async function documents(): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
      if (name.startsWith(".") || SKIPPED.includes(name)) continue;
      if (isDirectory) await visit(`${folder}${name}/`);
      else if (name.endsWith(".md")) found.push(folder + name);
    }
  };
  await visit("");
  return found.sort();
}

/** Returns the blocks of all documents. */
export async function allBlocks(): Promise<CodeBlock[]> {
  const files = await documents();
  const read = async (file: string) => parseBlocks(file, await Deno.readTextFile(ROOT + file));
  return (await Promise.all(files.map(read))).flat();
}

/**
 * Returns the blocks of one language below a heading, up to the next heading of any level. Pass texts and
 * numbers as literals: tests/code_blocks_test.ts reads the calls.
 *
 * @throws {AssertionError} if there are not as many as `count` says: somebody has added one that the test
 * does not run
 */
export async function codeBlocks(
  file: string,
  heading: string,
  language: string,
  count = 1,
): Promise<string[]> {
  const found = parseBlocks(file, await Deno.readTextFile(ROOT + file))
    .filter((block) => block.heading === heading && block.language === language);
  assert.equal(found.length, count, `${file}: \`\`\`${language} blocks below "${heading}"`);
  return found.map(({ text }) => text);
}

/** Returns the only block of one language below a heading; like {@link codeBlocks}. */
export async function codeBlock(file: string, heading: string, language: string): Promise<string> {
  const [text] = await codeBlocks(file, heading, language);
  return text!;
}

/**
 * Returns all blocks of one language of a document, for a test that runs each of them, however many there
 * are. Pass literals, as for {@link codeBlocks}.
 *
 * @throws {AssertionError} if there is none
 */
export async function everyBlock(file: string, language: string): Promise<CodeBlock[]> {
  const found = parseBlocks(file, await Deno.readTextFile(ROOT + file))
    .filter((block) => block.language === language);
  assert.ok(found.length > 0, `${file} has no \`\`\`${language} block`);
  return found;
}

/** Returns the commands of a block: its lines without comments; continued lines are one. */
export function commandLines(text: string): string[] {
  return text.replaceAll("\\\n", "").split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

/**
 * Returns the variables of a command that starts the system, such as `GATEWAYS=4 npx -y deno task start`.
 *
 * @throws {AssertionError} if the command is another one, or has arguments
 */
export function startVariables(command: string): Record<string, string> {
  const [, variables] = /^((?:[A-Z_]+=\S+ +)*)(?:npx -y )?deno task start$/.exec(command) ?? [];
  assert.ok(variables !== undefined, `${command} does not start the system`);
  return Object.fromEntries(
    variables.trim().split(/ +/).filter((one) => one !== "").map((one) => {
      const at = one.indexOf("=");
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
}

/**
 * Replaces parts of a block.
 *
 * @throws {AssertionError} if one of them is not there
 */
export function changed(text: string, ...parts: [from: string, to: string][]): string {
  for (const [from, to] of parts) {
    assert.ok(text.includes(from), `${from} is not in\n${text}`);
    text = text.replaceAll(from, to);
  }
  return text;
}
