/**
 * What PROTOCOL.md says, for the documents that are generated: its prose about frames, its examples and
 * its tables.
 *
 * @module
 */

/** The text of PROTOCOL.md and its parts. */
export interface ProtocolText {
  /** Returns the text below a heading of the second level, up to the next one. */
  section(title: string): string;
  /** Returns what is said about a frame, without its examples. */
  frame(from: "client" | "server", type: string): string;
  /** Returns the examples of a frame. */
  examples(from: "client" | "server", type: string): unknown[];
  /** Returns the cells of the first table of a section, by row; without backticks. */
  table(title: string): string[][];
}

/** Takes PROTOCOL.md apart. */
export function protocolText(text: string): ProtocolText {
  const section = (title: string): string => {
    const found = text.split(`\n## ${title}\n`)[1];
    if (found === undefined) throw new Error(`PROTOCOL.md has no section "${title}"`);
    return found.split(/\n## /)[0]!.trim();
  };
  const blocks = [...text.matchAll(/^```json (client|server)\n([\s\S]*?)^```/gm)];
  const examples = blocks.flatMap(([, from, block]) =>
    block!.trim().split(/\n(?=\{)/).map((one) => ({ from, frame: JSON.parse(one) }))
  );
  return {
    section,
    frame(from, type) {
      const parts = section(`From the ${from}`).split(/^### /m).slice(1);
      const part = parts.find((one) => one.split("\n", 1)[0]!.includes(`\`${type}\``));
      if (part === undefined) throw new Error(`PROTOCOL.md does not describe ${type}`);
      return withoutLinks(part.slice(part.indexOf("\n")).replace(/^```[\s\S]*?^```\n?/gm, ""));
    },
    examples: (from, type) =>
      examples.filter((one) => one.from === from && one.frame.type === type)
        .map(({ frame }) => frame),
    table: (title) =>
      section(title).split("\n").filter((line) => line.startsWith("| ")).slice(2).map((line) =>
        line.split("|").slice(1, -1).map((cell) => withoutLinks(cell).replaceAll("`", ""))
      ),
  };
}

/** Replaces links within the repository by their text: they lead nowhere from another document. */
export function withoutLinks(markdown: string): string {
  return markdown.replace(/\[([^\]]+)\]\((?!https?:)[^)\s]+\)/g, "$1")
    .replace(/\n{3,}/g, "\n\n").trim();
}
