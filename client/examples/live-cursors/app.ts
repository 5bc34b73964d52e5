/**
 * Everybody sees the pointers of all others. A moving pointer is sent as signals, which are cheap and
 * not stored. A pointer that rests is this user's presence, which newcomers see, too.
 *
 * @module
 */
import * as z from "zod";
import type { Member } from "@hopwire/client";
import { connect, username } from "../connect.ts";

/** Shortest time between two signals, milliseconds. The transition in page.html is as long. */
const SIGNAL_MS = 50;

/** A pointer that did not move for so long rests, milliseconds. */
const REST_MS = 300;

/** A place on the board, as shares of its width and height. */
const Place = z.object({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) });
type Place = z.infer<typeof Place>;

const board = document.querySelector<HTMLElement>("#board")!;
const status = document.querySelector<HTMLElement>("#status")!;
const pointers = new Map<string, HTMLElement>();

const hop = connect();
const room = hop.join("cursors.demo", { signalSchema: Place });

hop.on("state", ({ state }) => status.textContent = `${username}: ${state}`);
room.on("signal", ({ userId, username, content }) => show(userId, username, content));
room.on("member-joined", showMember);
room.on("member-updated", showMember);
room.on("member-left", ({ userId }) => hide(userId));
room.on("members", () => {
  for (const userId of pointers.keys()) if (!room.members.has(userId)) hide(userId);
  for (const member of room.members.values()) showMember(member);
});

/** Shows where a member's pointer rests. Others choose their presence, so it is checked. */
function showMember({ userId, username, presence }: Member): void {
  const { data: place } = Place.safeParse(presence);
  if (place !== undefined) show(userId, username, place);
}

function show(userId: string, name: string, { x, y }: Place): void {
  if (userId === hop.user?.userId) return;
  let pointer = pointers.get(userId);
  if (pointer === undefined) {
    pointer = document.createElement("div");
    pointer.className = "pointer";
    pointer.textContent = name;
    pointer.style.setProperty("--hue", String(hueOf(userId)));
    pointers.set(userId, pointer);
    board.append(pointer);
  }
  pointer.style.left = `${x * 100}%`;
  pointer.style.top = `${y * 100}%`;
}

function hide(userId: string): void {
  pointers.get(userId)?.remove();
  pointers.delete(userId);
}

/** A color for each user, the same in every tab. */
function hueOf(userId: string): number {
  return [...userId].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
}

let place: Place = { x: 0, y: 0 };
let signalTimer: number | undefined;
let restTimer: number | undefined;

board.addEventListener("pointermove", ({ clientX, clientY }) => {
  const { left, top, width, height } = board.getBoundingClientRect();
  const share = (part: number, whole: number) => Math.min(1, Math.max(0, part / whole));
  place = { x: share(clientX - left, width), y: share(clientY - top, height) };
  // The last place within the interval is sent at its end.
  signalTimer ??= setTimeout(() => {
    signalTimer = undefined;
    room.signal(place);
  }, SIGNAL_MS);
  clearTimeout(restTimer);
  restTimer = setTimeout(() => room.state !== "left" && room.setPresence(place), REST_MS);
});
