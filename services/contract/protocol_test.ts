/** PROTOCOL.md and the schemas agree. */
import assert from "node:assert/strict";
import {
  CLIENT_FRAME_TYPES,
  CLOSES,
  DUPLICATE_WINDOW_MS,
  ERRORS,
  MAX_ANNOUNCED_MEMBERS,
  MAX_CONTENT_BYTES,
  MAX_FRAME_BYTES,
  MAX_FRAMES_BEFORE_AUTH,
  parseClientFrame,
  ServerFrame,
} from "./mod.ts";

const text = await Deno.readTextFile(new URL("PROTOCOL.md", import.meta.url));

/** Returns the JSON objects in all code blocks of one kind. */
function examples(kind: "client" | "server"): string[] {
  const blocks = [...text.matchAll(/```json (\w+)\n([\s\S]*?)```/g)];
  return blocks.filter((block) => block[1] === kind).flatMap((block) =>
    block[2]!.trim().split(/\n(?=\{)/)
  );
}

/** Returns the cells of each row of the table below a heading. */
function table(heading: string): string[][] {
  const section = text.split(`## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return section.split("\n").filter((line) => line.startsWith("| ")).slice(2).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}

Deno.test("every client example parses, and every frame type has an example", () => {
  const types = new Set<string>();
  for (const example of examples("client")) {
    const parsed = parseClientFrame(example);
    assert.ok(parsed.ok, `${example}: ${JSON.stringify(parsed)}`);
    types.add(parsed.frame.type);
  }
  assert.deepEqual([...types].sort(), [...CLIENT_FRAME_TYPES].sort());
});

Deno.test("every server example parses, and every frame type has an example", () => {
  const types = new Set<string>();
  for (const example of examples("server")) {
    const frame = ServerFrame.parse(JSON.parse(example));
    assert.deepEqual(frame, JSON.parse(example), "an example has a field that the schema lacks");
    types.add(frame.type);
  }
  const all = ServerFrame.options.map((option) => option.shape.type.value);
  assert.deepEqual([...types].sort(), [...all].sort());
});

Deno.test("the table of error codes matches ERRORS", () => {
  const rows = table("Error codes").map(([code, message]) => [code, message]);
  assert.deepEqual(rows, Object.entries(ERRORS));
});

Deno.test("the table of close codes matches CLOSES", () => {
  const rows = table("Close codes").map(([code, name, reason]) => [Number(code), name, reason]);
  const own = Object.entries(CLOSES).map(([name, { code, reason }]) => [code, name, reason]);
  assert.deepEqual(rows, own);
});

Deno.test("the numbers in the text match the limits", () => {
  const words = text.replace(/\s+/g, " ");
  assert.ok(words.includes(`at most ${MAX_CONTENT_BYTES / 1024} KiB`));
  assert.ok(words.includes(`larger than ${MAX_FRAME_BYTES / 1024} KiB`));
  assert.ok(words.includes(`at most ${MAX_FRAMES_BEFORE_AUTH}; one more`));
  assert.ok(words.includes(`more than ${MAX_ANNOUNCED_MEMBERS.toLocaleString("en")} members`));
  assert.equal(DUPLICATE_WINDOW_MS, 2 * 60_000);
});
