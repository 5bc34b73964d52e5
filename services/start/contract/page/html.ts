/**
 * HTML from Markdown of this repository, and from text.
 *
 * @module
 */
import { Marked } from "marked";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Escapes text for HTML, also for an attribute in double quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}

/** Renders a line of Markdown. */
export function inlineMarkdown(text: string): string {
  return new Marked().parseInline(text, { async: false });
}

/** Renders Markdown. Its headings become `shift` levels smaller, and have the anchors of GitHub. */
export function markdownHtml(text: string, shift = 0): string {
  const seen = new Map<string, number>();
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        const slug = text.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
        const before = seen.get(slug) ?? 0;
        seen.set(slug, before + 1);
        const id = before === 0 ? slug : `${slug}-${before}`;
        const tag = `h${Math.min(depth + shift, 6)}`;
        return `<${tag} id="${id}">${this.parser.parseInline(tokens)}</${tag}>\n`;
      },
    },
  });
  return marked.parse(text, { async: false });
}

/** JSON of this many characters fits into a line of the page. */
const LINE = 90;

/** Shows a value as JSON. */
export function jsonBlock(value: unknown): string {
  const line = JSON.stringify(value);
  const text = line.length <= LINE ? line : JSON.stringify(value, null, 2);
  return `<pre><code>${escapeHtml(text)}</code></pre>`;
}
