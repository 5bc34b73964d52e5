/**
 * Copies documents into the package. Their links must lead somewhere there, too.
 *
 * @module
 */

/**
 * Returns a document whose links to files of the repository are replaced: by the file's name in the
 * package if `included` has it, else by their text alone. `path` is the document's own path; paths
 * are those in the repository, in `included` and in `path`.
 *
 * @example
 * ```ts
 * import { packageDocument } from "./documents.ts";
 * import assert from "node:assert/strict";
 * const text = "[codes](../services/P.md#codes), [server](../README.md), [site](https://a.example)";
 * assert.equal(
 *   packageDocument(text, "client/README.md", { "services/P.md": "PROTOCOL.md" }),
 *   "[codes](PROTOCOL.md#codes), server, [site](https://a.example)",
 * );
 * ```
 */
export function packageDocument(
  text: string,
  path: string,
  included: Record<string, string>,
): string {
  return text.replace(/\[([^\]]*)\]\(([^)\s]+)\)/g, (link, words, target) => {
    if (/^[a-z]+:/.test(target) || target.startsWith("#")) return link;
    const { pathname, hash } = new URL(target, `file:///${path}`);
    const name = included[pathname.slice(1)];
    return name === undefined ? words : `[${words}](${name}${hash})`;
  });
}
