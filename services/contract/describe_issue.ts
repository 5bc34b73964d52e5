/**
 * What a schema reported, as one line of text. No I/O; imports only zod.
 *
 * @module
 */
import type * as z from "zod";

/** What zod says of data that matches no member of a union, if the union says nothing else. */
const NO_MEMBER = "Invalid input";

/**
 * Describes the first issue that a schema reported, as `path: problem`. Of a union's members, what is wrong by the
 * one of which the data matched more.
 */
export function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "not as expected" : describe(issue, []);
}

function describe(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): string {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const firsts = issue.errors.map((issues) => issues[0]!);
    const deepest = firsts.reduce((a, b) => b.path.length > a.path.length ? b : a);
    if (deepest.path.length > 0) return describe(deepest, path);
    if (issue.message !== NO_MEMBER) return located(path, issue.message);
    const problems = new Set(firsts.map(({ message }) => message));
    return located(path, [...problems].join(", or "));
  }
  // The key itself is the last part of the path.
  if (issue.code === "invalid_key") return located(path, issue.issues[0]?.message ?? issue.message);
  return located(path, issue.message);
}

function located(path: readonly PropertyKey[], message: string): string {
  return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
}
