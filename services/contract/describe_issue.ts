/**
 * What a schema reported, as one line of text. No I/O; imports only zod.
 *
 * @module
 */
import type * as z from "zod";

/** Describes the first issue that a schema reported, as `path: problem`. */
export function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not as expected";
  return issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`;
}
