/**
 * What text may contain. No I/O; imports nothing.
 *
 * @module
 */

/**
 * Control characters (C0, DEL, C1), line and paragraph separators, and the characters that turn the
 * direction of text that follows. In a name they break lines of logs, or make one name look like another.
 */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/**
 * Returns what is wrong with the name or the id of a user; undefined if nothing is.
 *
 * @example
 * ```ts
 * import { nameProblem } from "./text.ts";
 * import assert from "node:assert/strict";
 * assert.equal(nameProblem("Zoë 🦊"), undefined);
 * assert.equal(nameProblem("a\nb"), "expected no control characters");
 * assert.equal(nameProblem("\ud83e"), "expected well-formed Unicode");
 * ```
 */
export function nameProblem(name: string): string | undefined {
  // Unpaired surrogates all encode to the same UTF-8 character, so two users could share a subject.
  if (!name.isWellFormed()) return "expected well-formed Unicode";
  return CONTROLS.test(name) ? "expected no control characters" : undefined;
}

/**
 * Returns whether JSON, as `JSON.stringify` writes it, holds half of a character: a lone surrogate, which
 * has no UTF-8. `JSON.stringify` escapes it, and nothing else that begins with `\ud`.
 *
 * @example
 * ```ts
 * import { hasLoneSurrogate } from "./text.ts";
 * import assert from "node:assert/strict";
 * assert.equal(hasLoneSurrogate(JSON.stringify("🦊 \\ud83e")), false);
 * assert.equal(hasLoneSurrogate(JSON.stringify({ text: "\ud83e" })), true);
 * ```
 */
export function hasLoneSurrogate(json: string): boolean {
  // Almost no JSON has the first, which is a fast search.
  return json.includes("\\ud") && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(json);
}
