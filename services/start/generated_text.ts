/**
 * Parts of documents that are generated from the code: each stands between two markers.
 *
 * @module
 */

/**
 * Returns a document with a new generated part.
 *
 * @throws {Error} when the text does not have both markers of the part
 */
export async function withGenerated(
  text: string,
  part: string,
  markdown: string,
): Promise<string> {
  const [first, last] = [
    `<!-- begin: ${part}, written by "deno task docs" -->`,
    `<!-- end: ${part} -->`,
  ];
  const begin = text.indexOf(first);
  const end = text.indexOf(last);
  if (begin < 0 || end < begin) {
    throw new Error(`a document has lost its markers: ${first} ${last}`);
  }
  return `${text.slice(0, begin)}${first}\n\n${await formatMarkdown(markdown)}\n${text.slice(end)}`;
}

/** Formats with `deno fmt`, which checks the file as well. */
async function formatMarkdown(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "-q", "--ext", "md", "-"],
    cwd: new URL("../../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}
