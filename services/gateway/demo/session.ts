/**
 * Who is signed in: development tokens, and what of it survives a reload of the tab. The address of a room
 * (`#room=<name>`) is an invitation; it carries no secret.
 *
 * @module
 */

/** The signed-in user. */
export interface SignedIn {
  username: string;
  userId: string;
  rooms: string[];
}

const KEPT = "hopwire.demo";

/** Room names that the server accepts (PROTOCOL.md, "Names"). */
const ROOM_NAME = /^[\w-]{1,64}(\.[\w-]{1,64}){0,3}$/;

/** Fetches a development token for a user. */
export async function fetchToken(who: SignedIn, signal?: AbortSignal): Promise<string> {
  const url = document.body.dataset.tokenUrl;
  if (!url) throw new Error("this server issues no development tokens");
  const { username, userId } = who;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username, userId }),
    signal,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `no token (${response.status})`);
  return answer.token;
}

/** Keeps the user for a reload of the tab; null forgets it. */
export function keep(who: SignedIn | null): void {
  if (who === null) sessionStorage.removeItem(KEPT);
  else sessionStorage.setItem(KEPT, JSON.stringify(who));
}

/** Returns the user that was kept; null if there is none. */
export function kept(): SignedIn | null {
  try {
    const { username, userId, rooms } = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return typeof username === "string" && typeof userId === "string" && rooms.length > 0
      ? { username, userId, rooms }
      : null;
  } catch {
    return null;
  }
}

/** Makes a user of a name. */
export function newUser(username: string, room: string): SignedIn {
  const slug = username.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 24);
  const random = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36);
  return { username, userId: `${slug}-${random}`, rooms: [room] };
}

/** Returns the address that invites others to a room. */
export function invitationTo(room: string): string {
  return `${location.origin}${location.pathname}#room=${room}`;
}

/** Returns the room that this page's address invites to; null if it invites to none. */
export function invitedTo(): string | null {
  const room = new URLSearchParams(location.hash.slice(1)).get("room");
  return room !== null && ROOM_NAME.test(room) ? room : null;
}
