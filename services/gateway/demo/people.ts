/**
 * How users look: initials and a colour. Equal users look the same everywhere.
 *
 * @module
 */
import type { Member, Room } from "../../../client/mod.ts";
import { byId, element, setText } from "../../kit/page/dom.ts";

/** Most members that are listed, so that a large room stays quick. */
const MAX_LISTED = 200;

/** Returns up to two initials of a name. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.map((word) => /[\p{L}\p{N}]/u.exec(word)![0]);
  const initials = letters.length > 1 ? letters[0]! + letters.at(-1)! : letters[0] ?? "?";
  return initials.toUpperCase();
}

/** Returns a hue for a user. */
export function hueOf(userId: string): number {
  let hash = 0;
  for (const character of userId) hash = (hash * 31 + character.codePointAt(0)!) % 36_000;
  // Multiplied, so that ids that differ in one character do not look alike.
  return (hash * 137) % 360;
}

/** Renders a user's avatar. It says nothing that the name does not say. */
export function avatarOf(userId: string, username: string): HTMLElement {
  const avatar = element("span", { className: "avatar" }, initialsOf(username || userId));
  avatar.setAttribute("aria-hidden", "true");
  avatar.style.setProperty("--hue", String(hueOf(userId)));
  return avatar;
}

/** Shows the members of a room, the user first. */
export function showMembers({ members, count }: Room, ownId: string | undefined): void {
  const named = (member: Member) => member.username || member.userId;
  const rank = ({ userId }: Member) => userId === ownId ? 0 : 1;
  const sorted = [...members.values()].sort((a, b) =>
    rank(a) - rank(b) || named(a).localeCompare(named(b))
  );
  const lines = sorted.slice(0, MAX_LISTED).map((member) => {
    const line = element(
      "li",
      {},
      avatarOf(member.userId, member.username),
      element("span", {}, named(member)),
    );
    if (member.userId === ownId) line.append(element("span", { className: "tag" }, "you"));
    return line;
  });
  const more = (count ?? sorted.length) - lines.length;
  if (more > 0) lines.push(element("li", { className: "muted" }, `and ${more} more`));
  byId("members").replaceChildren(...lines);
  setText(byId("count"), count === undefined ? "" : String(count));
  setText(byId("short-count"), count === undefined ? "" : String(count));
  const words = count === undefined ? "Members" : `Members: ${count}`;
  byId("open-members").setAttribute("aria-label", words);
}
