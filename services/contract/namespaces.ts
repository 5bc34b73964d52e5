/**
 * The rules of rooms by the pattern of their names, as a JSON file has them (NAMESPACES_FILE).
 * The rooms service grants by them and persistence keeps by them. No I/O; imports zod.
 *
 * @module
 */
import * as z from "zod";
import { PresenceMode } from "./bus.ts";
import { describeIssue } from "./frames.ts";
import { ALL_RIGHTS, matchesRoom, Right, RoomPattern } from "./rooms.ts";

/** The rules of the rooms that one pattern names. */
export const Namespace = z.strictObject({
  pattern: RoomPattern,
  /** Stored, ordered, acked and kept as history; or only passed on to who is there now. */
  stored: z.boolean().default(true),
  /** Each join and leave told (`on`), only how many (`counts`), or nothing (`off`). */
  presence: PresenceMode.default("on"),
  /** The rights of a token without a `rooms` claim. A token with one has what its claim says. */
  access: z.array(Right).default([...ALL_RIGHTS]),
  /** How long and how much history is kept; without a number, for ever. */
  history: z.strictObject({
    /** Seconds. */
    maxAge: z.number().int().min(1).optional(),
    /** Messages of each room. */
    maxMessages: z.number().int().min(1).optional(),
  }).default({}),
});
export type Namespace = z.infer<typeof Namespace>;

/** The file: the first namespace whose pattern names a room holds for it. */
export const NamespacesFile = z.strictObject({ namespaces: z.array(Namespace).max(1_000) });

/** What holds for a room that no namespace names. */
export const DEFAULT_NAMESPACE: Namespace = Namespace.parse({ pattern: ">" });

/** The namespace of a room. */
export function namespaceOf(namespaces: readonly Namespace[], room: string): Namespace {
  return namespaces.find(({ pattern }) => matchesRoom(pattern, room)) ?? DEFAULT_NAMESPACE;
}

/**
 * Parses the text of a namespaces file.
 *
 * @throws {Error} with one line that says what is wrong
 *
 * @example
 * ```ts
 * import { namespaceOf, parseNamespaces } from "./namespaces.ts";
 * import assert from "node:assert/strict";
 * const rules = parseNamespaces('{"namespaces":[{"pattern":"cursor.>","stored":false}]}');
 * assert.equal(namespaceOf(rules, "cursor.doc7").stored, false);
 * assert.equal(namespaceOf(rules, "lobby").stored, true);
 * assert.throws(() => parseNamespaces('{"namespaces":[{}]}'), /namespaces.0.pattern/);
 * ```
 */
export function parseNamespaces(text: string): Namespace[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`);
  }
  const parsed = NamespacesFile.safeParse(value);
  if (!parsed.success) throw new Error(describeIssue(parsed.error));
  return parsed.data.namespaces;
}
