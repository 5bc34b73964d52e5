/**
 * Namespaces: rules for rooms, selected by a pattern of room names and read from a JSON file
 * (NAMESPACES_FILE). The rooms service grants access by them; persistence applies their retention.
 * No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { ContentMode, PresenceMode, Screen } from "./bus.ts";
import { describeIssue } from "./describe_issue.ts";
import { ALL_RIGHTS, matchesRoom, Right, RoomPattern } from "./rooms.ts";

/** The rules for the rooms that match one pattern. */
export const Namespace = z.strictObject({
  pattern: RoomPattern,
  /**
   * True: messages are stored, ordered, acknowledged and kept as history. False: they are only
   * forwarded to current members.
   */
  stored: z.boolean().default(true),
  /**
   * What members learn about each other: every join and leave (`on`), only the number of members
   * (`counts`), or nothing (`off`).
   */
  presence: PresenceMode.default("on"),
  /**
   * What messages and signals of clients carry: any JSON (`any`), or a string of HTML (`html`), from which
   * gateways remove what is not safe to show.
   */
  content: ContentMode.default("any"),
  /**
   * The service that screens messages of clients before they are published. It accepts, replaces or refuses
   * each one.
   */
  screen: z.strictObject({
    service: Screen.shape.service,
    timeoutMs: Screen.shape.timeoutMs.default(1_000),
    onFailure: Screen.shape.onFailure.default("closed"),
  }).optional(),
  /**
   * The rights granted to a token without a `rooms` claim. A token with that claim has exactly the
   * rights it lists.
   */
  access: z.array(Right).default([...ALL_RIGHTS]),
  /** What one user may do in these rooms. */
  rate: z.strictObject({
    /** Messages and signals a second, and ten times as many at once; without it the gateway's limit. */
    messages: z.number().min(0.1).max(1_000_000).optional(),
  }).default({}),
  /** Retention of history. A limit that is absent does not apply. */
  history: z.strictObject({
    /** Maximum age, seconds. */
    maxAge: z.number().int().min(1).optional(),
    /** Maximum number of messages per room. */
    maxMessages: z.number().int().min(1).optional(),
  }).default({}),
});
/** The parsed form of {@link Namespace}. */
export type Namespace = z.infer<typeof Namespace>;

/**
 * The contents of a namespaces file. The first namespace whose pattern matches a room applies to
 * it.
 */
export const NamespacesFile = z.strictObject({ namespaces: z.array(Namespace).max(1_000) });

/** Applies to a room that matches no namespace. */
export const DEFAULT_NAMESPACE: Namespace = Namespace.parse({ pattern: ">" });

/** Returns the first of `namespaces` whose pattern matches `room`, or {@link DEFAULT_NAMESPACE}. */
export function namespaceOf(namespaces: readonly Namespace[], room: string): Namespace {
  return namespaces.find(({ pattern }) => matchesRoom(pattern, room)) ?? DEFAULT_NAMESPACE;
}

/**
 * Parses the text of a namespaces file.
 *
 * @throws {Error} if the text is not JSON or breaks the schema; the message is one line
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
