/**
 * The demo page: signs in and shows rooms, members and the connection. It uses the client SDK and
 * nothing else of Hopwire.
 */
import { Hopwire, type StateEvent } from "../../../client/mod.ts";
import { byId, element } from "./dom.ts";
import { RoomView, showMembers } from "./room_view.ts";

/** The signed-in user. It survives a reload of the tab. */
interface SignedIn {
  username: string;
  userId: string;
  rooms: string[];
}

const KEPT = "hopwire.demo";

/** How often the client measures the latency in the badge, milliseconds. */
const PING_MS = 5_000;

const text = byId<HTMLTextAreaElement>("text");
const link = byId<HTMLDialogElement>("link");
const views = new Map<string, RoomView>();
let hop: Hopwire | null = null;
let current: RoomView | null = null;
let who: SignedIn | null = null;

/** Fetches a development token for the signed-in user. */
async function fetchToken(signal?: AbortSignal): Promise<string> {
  const url = document.body.dataset.tokenUrl;
  if (!url) throw new Error("this server issues no development tokens");
  const { username, userId } = who!;
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

function keep(): void {
  if (who === null) return sessionStorage.removeItem(KEPT);
  who.rooms = [...views.keys()];
  sessionStorage.setItem(KEPT, JSON.stringify(who));
}

function kept(): SignedIn | null {
  try {
    const { username, userId, rooms } = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return typeof username === "string" && typeof userId === "string" && rooms.length > 0
      ? { username, userId, rooms }
      : null;
  } catch {
    return null;
  }
}

function showBadge(event?: StateEvent): void {
  if (hop === null) return;
  const badge = byId("badge");
  const { state, transport, latency } = hop;
  badge.dataset.state = state;
  const words = {
    connecting: "connecting ...",
    connected: [
      transport === "websocket" ? "WebSocket" : transport === "sse" ? "SSE" : "polling",
      latency === undefined ? "" : `${Math.max(1, Math.round(latency))} ms`,
    ].filter(Boolean).join(" · "),
    waiting: event?.retryIn === undefined
      ? "offline"
      : `offline, retrying in ${Math.ceil(event.retryIn / 1_000)} s`,
    closed: `closed${event?.reason ? `: ${event.reason}` : ""}`,
  }[state];
  byId("badge-text").textContent = words;
  badge.title = event?.reason ?? "";
}

function showRooms(): void {
  byId("rooms").replaceChildren(...[...views].map(([name, view]) => {
    const open = element("button", { type: "button", className: "room" }, name);
    if (view === current) open.setAttribute("aria-current", "page");
    if (view.unread > 0) {
      const count = element("span", { className: "unread" }, String(Math.min(99, view.unread)));
      count.setAttribute("aria-label", `${view.unread} unread`);
      open.append(count);
    }
    open.addEventListener("click", () => look(view));
    const leave = element(
      "button",
      { type: "button", className: "quiet", title: `Leave ${name}` },
      "×",
    );
    leave.setAttribute("aria-label", `Leave ${name}`);
    leave.addEventListener("click", () => leaveRoom(view));
    return element("li", {}, open, leave);
  }));
}

/** Updates everything around the messages: rooms, members and who is typing. */
function changed(): void {
  showRooms();
  if (current === null) return;
  showMembers(current.room);
  const names = current.typing;
  byId("typing").textContent = names.length === 0
    ? ""
    : names.length > 3
    ? "several are typing ..."
    : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing ...`;
}

function look(view: RoomView): void {
  current?.types(false);
  current?.hide();
  current = view;
  byId("title").textContent = view.room.name;
  document.title = `${view.room.name} · Hopwire demo`;
  view.show();
  text.focus();
}

function enter(name: string): void {
  let view = views.get(name);
  if (view === undefined) views.set(name, view = new RoomView(hop!, name, changed));
  look(view);
  keep();
}

function leaveRoom(view: RoomView): void {
  view.room.leave();
  views.delete(view.room.name);
  const [next] = views.values();
  if (next === undefined) return signOut();
  if (view === current) look(next);
  keep();
  changed();
}

function signOut(): void {
  hop?.close();
  who = null;
  keep();
  location.reload();
}

async function signIn(signedIn: SignedIn): Promise<void> {
  who = signedIn;
  // Fetch a token first: if the server refuses the name, the form shows the error.
  let first: string | null = await fetchToken();
  byId("welcome").hidden = true;
  byId("app").hidden = false;
  hop = new Hopwire(location.href, {
    token: ({ signal }) => {
      const token = first;
      first = null;
      return token ?? fetchToken(signal);
    },
    pingInterval: PING_MS,
  });
  hop.on("state", showBadge);
  setInterval(showBadge, 1_000);
  for (const name of signedIn.rooms) enter(name);
}

function refuse(error: unknown): void {
  byId("refusal").textContent = error instanceof Error ? error.message : String(error);
}

byId<HTMLFormElement>("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const username = byId<HTMLInputElement>("name").value.trim();
  const room = byId<HTMLInputElement>("room").value.trim();
  const userId = `${username.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 24)}-${
    crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)
  }`;
  refuse("");
  signIn({ username, userId, rooms: [room] }).catch(refuse);
});

byId<HTMLFormElement>("add-room").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId<HTMLInputElement>("new-room").value.trim();
  byId<HTMLFormElement>("add-room").reset();
  enter(name);
});

function say(): void {
  const words = text.value.trim();
  if (words === "" || current === null) return;
  current.send(words);
  text.value = "";
  text.style.height = "";
}

byId<HTMLFormElement>("say").addEventListener("submit", (event) => {
  event.preventDefault();
  say();
});

text.addEventListener("keydown", (event) => {
  // In an input method editor, Enter completes a word.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});

text.addEventListener("input", () => {
  text.style.height = "";
  text.style.height = `${text.scrollHeight}px`;
  current?.types(text.value.trim() !== "");
});

byId("attach").addEventListener("click", () => {
  link.querySelector("form")!.reset();
  link.returnValue = "";
  link.showModal();
});
byId("link-cancel").addEventListener("click", () => link.close());
link.addEventListener("close", () => {
  if (link.returnValue !== "send") return;
  const url = byId<HTMLInputElement>("link-url").value.trim();
  const caption = byId<HTMLInputElement>("link-text").value.trim();
  current?.send(caption === "" ? { url } : { url, text: caption });
});

byId("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.body).getPropertyValue("--dark").trim() === "1";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("hopwire.theme", dark ? "light" : "dark");
});
const theme = localStorage.getItem("hopwire.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

byId("leave").addEventListener("click", signOut);

const before = kept();
if (before !== null) signIn(before).catch(refuse);
