/**
 * The demo page: signs in and shows rooms, members and the connection. It uses the client SDK and
 * nothing else of Hopwire.
 */
import { Hopwire } from "../../../client/mod.ts";
import { byId, element, glyph, setText } from "../../kit/page/dom.ts";
import { followTheme } from "../../kit/page/theme.ts";
import { connectComposer, showComposer } from "./composer.ts";
import { followConnection } from "./connection_view.ts";
import { avatarOf, showMembers } from "./people.ts";
import { RoomView } from "./room/room_view.ts";
import {
  fetchToken,
  invitationTo,
  invitedTo,
  keep,
  kept,
  newUser,
  type SignedIn,
} from "./session.ts";

/** How often the client measures the latency in the badge, milliseconds. */
const PING_MS = 5_000;

/** How long a button says that it has copied, milliseconds. */
const COPIED_MS = 2_000;

const views = new Map<string, RoomView>();
let hop: Hopwire | null = null;
let current: RoomView | null = null;
let who: SignedIn | null = null;

function remember(): void {
  if (who !== null) keep({ ...who, rooms: [...views.keys()] });
}

function unreadOf(count: number): HTMLElement {
  const badge = element("span", { className: "unread" }, count > 99 ? "99+" : String(count));
  badge.setAttribute("aria-label", `${count} unread`);
  return badge;
}

function roomLine(name: string, view: RoomView): HTMLLIElement {
  const open = element("button", { type: "button", className: "room" }, name);
  const line = element("li", {}, open);
  if (view === current) {
    open.setAttribute("aria-current", "page");
    line.dataset.current = "";
  }
  if (view.unread > 0) open.append(unreadOf(view.unread));
  // By name: a room that is entered again has a new view.
  open.addEventListener("click", () => look(views.get(name)!));
  const leave = element("button", {
    type: "button",
    className: "button quiet icon",
    title: `Leave ${name}`,
  }, glyph("close"));
  leave.setAttribute("aria-label", `Leave ${name}`);
  leave.addEventListener("click", () => leaveRoom(views.get(name)!));
  line.append(leave);
  return line;
}

let shownRooms = "";

function showRooms(): void {
  // Built anew only on a change, so that the focus stays where it is.
  const state = JSON.stringify([...views].map(([name, view]) => [
    name,
    view === current,
    view.unread,
  ]));
  if (state === shownRooms) return;
  shownRooms = state;
  byId("rooms").replaceChildren(...[...views].map(([name, view]) => roomLine(name, view)));
  const unread = [...views.values()].reduce((sum, view) => sum + view.unread, 0);
  byId("other-unread").hidden = unread === 0;
  setText(byId("other-unread"), unread > 99 ? "99+" : String(unread));
  byId("open-rooms").setAttribute("aria-label", unread > 0 ? `Rooms: ${unread} unread` : "Rooms");
}

let shownMembers: { view: RoomView | null; version: number } = { view: null, version: 0 };

/** Updates everything around the messages: rooms, members and who is typing. */
function changed(): void {
  showRooms();
  if (current === null) return;
  const view = current;
  // Not for every message: a large room has many members.
  if (shownMembers.view !== view || shownMembers.version !== view.membersVersion) {
    shownMembers = { view, version: view.membersVersion };
    showMembers(view.room, hop?.user?.userId);
  }
  setText(byId("typing"), view.typing.words);
  showComposer(view, () => {
    views.delete(view.room.name);
    enter(view.room.name);
  });
}

function look(view: RoomView): void {
  current?.typing.report(false);
  current?.hide();
  current = view;
  const { name } = view.room;
  setText(byId("title"), name);
  byId("title").title = name;
  document.title = `${name} · Hopwire demo`;
  setText(byId("invitation-link"), invitationTo(name));
  history.replaceState(null, "", `#room=${name}`);
  view.show();
  const panel = byId("rooms-panel");
  if (panel.matches(":popover-open")) panel.hidePopover();
  byId("text").focus();
}

function enter(name: string): void {
  let view = views.get(name);
  if (view === undefined) views.set(name, view = new RoomView(hop!, name, changed));
  look(view);
  remember();
}

function leaveRoom(view: RoomView): void {
  view.room.leave();
  views.delete(view.room.name);
  const [next] = views.values();
  if (next === undefined) return signOut();
  if (view === current) look(next);
  remember();
  changed();
}

function signOut(): void {
  hop?.close();
  keep(null);
  location.reload();
}

async function signIn(signedIn: SignedIn): Promise<void> {
  who = signedIn;
  const { username, userId, rooms } = signedIn;
  // Fetch a token first: if the server refuses the name, the form shows the error.
  let first: string | null = await fetchToken(signedIn);
  byId("welcome").hidden = true;
  byId("app").hidden = false;
  byId("self-name").replaceChildren(username);
  byId("self").prepend(avatarOf(userId, username));
  hop = new Hopwire(location.href, {
    token: ({ signal }) => {
      const token = first;
      first = null;
      return token ?? fetchToken(signedIn, signal);
    },
    pingInterval: PING_MS,
    // Two more hops: from send() to the socket, and from the socket to the listener.
    measure: Boolean(document.body.dataset.monitorUrl),
  });
  followConnection(hop, signOut);
  const invited = invitedTo();
  for (const name of rooms) enter(name);
  if (invited !== null) enter(invited);
}

function refuse(error: unknown): void {
  byId("refusal").textContent = error instanceof Error ? error.message : String(error);
}

async function copyInvitation(shown: HTMLElement, usual: string): Promise<void> {
  if (current === null) return;
  const address = invitationTo(current.room.name);
  try {
    await navigator.clipboard.writeText(address);
    setText(shown, "Copied");
    setTimeout(() => setText(shown, usual), COPIED_MS);
  } catch {
    // Pages without TLS may not write to the clipboard, except on this machine.
    prompt("Copy this link", address);
  }
}

byId<HTMLFormElement>("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const username = byId<HTMLInputElement>("name").value.trim();
  const room = byId<HTMLInputElement>("room").value.trim();
  refuse("");
  // The form counts, not the address: the user may have changed the room.
  history.replaceState(null, "", `#room=${room}`);
  signIn(newUser(username, room)).catch(refuse);
});

byId<HTMLFormElement>("add-room").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId<HTMLInputElement>("new-room").value.trim();
  byId<HTMLFormElement>("add-room").reset();
  enter(name);
});

byId("invite").addEventListener("click", () => copyInvitation(byId("invite-text"), "Invite"));
byId("copy-invitation").addEventListener(
  "click",
  () => copyInvitation(byId("copy-invitation"), "Copy"),
);
byId("leave").addEventListener("click", signOut);
addEventListener("hashchange", () => {
  const room = invitedTo();
  if (hop !== null && room !== null && room !== current?.room.name) enter(room);
});
connectComposer(() => current);
followTheme(byId<HTMLButtonElement>("theme"));

const invited = invitedTo();
if (invited !== null) byId<HTMLInputElement>("room").value = invited;
const before = kept();
if (before !== null) signIn(before).catch(refuse);
