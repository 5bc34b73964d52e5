/**
 * The demo page's script: sign in, join a room, talk, see who is here. It speaks the wire protocol
 * by hand, as a first client would. Text from others only ever becomes text nodes.
 */

interface Message {
  seq: number;
  userId: string;
  username: string;
  content: unknown;
}

interface Frame extends Partial<Message> {
  type: string;
  room?: string;
  id?: string;
  code?: string;
  message?: string;
  messages?: Message[];
  members?: { userId: string; username: string }[];
  count?: number;
  epoch?: string;
  recovered?: boolean;
}

/** Waits before connecting again, milliseconds: doubled each time, with jitter. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;

/** Messages kept on the page. */
const MAX_SHOWN = 500;

function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const status = byId("status");
const messages = byId<HTMLOListElement>("messages");
const members = byId<HTMLUListElement>("members");
const text = byId<HTMLInputElement>("text");

const here = new Map<string, string>();
let socket: WebSocket | undefined;
let token = "";
let room = "";
let lastSeq = 0;
let epoch = "";
let early: Message[] | null = null;
let tries = 0;

function show(state: "offline" | "online" | "error", words: string): void {
  status.dataset.state = state;
  status.textContent = words;
}

function addLine(who: string | null, words: string): void {
  const line = document.createElement("li");
  if (who === null) {
    line.className = "note";
    line.textContent = words;
  } else {
    const name = document.createElement("b");
    name.textContent = who;
    line.append(name, words);
  }
  messages.append(line);
  while (messages.childElementCount > MAX_SHOWN) messages.firstElementChild!.remove();
  messages.scrollTop = messages.scrollHeight;
}

function showMembers(): void {
  members.replaceChildren(
    ...[...here].sort((a, b) => a[1].localeCompare(b[1])).map(([, name]) => {
      const item = document.createElement("li");
      item.textContent = name;
      return item;
    }),
  );
}

function addMessage(message: Message): void {
  // What was shown already comes again when history and live meet.
  if (message.seq !== 0 && message.seq <= lastSeq) return;
  lastSeq = Math.max(lastSeq, message.seq);
  const { content, username, userId } = message;
  addLine(username || userId, typeof content === "string" ? content : JSON.stringify(content));
}

function send(frame: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function subscribe(): void {
  const since = epoch === "" ? undefined : { seq: lastSeq, epoch };
  send({ type: "subscribe", room, since, id: "join" });
}

function receive(frame: Frame): void {
  switch (frame.type) {
    case "authenticated":
      subscribe();
      break;
    case "subscribed":
      tries = 0;
      show("online", `in ${room}`);
      epoch = frame.epoch ?? "";
      if (!frame.recovered) {
        lastSeq = 0;
        early = [];
        send({ type: "history", room, limit: 50, id: "first" });
      }
      send({ type: "presence", room, id: "who" });
      break;
    case "history":
      messages.replaceChildren();
      for (const message of frame.messages!.toReversed()) addMessage(message);
      for (const message of early ?? []) addMessage(message);
      early = null;
      break;
    case "room-message":
      // Live messages wait until the history before them is on the page.
      if (early !== null) early.push(frame as Message);
      else addMessage(frame as Message);
      break;
    case "presence":
      // A room of many tells only how many.
      if (frame.members!.length === 0 && frame.count! > 0) {
        show("online", `in ${room}, ${frame.count} here`);
        break;
      }
      here.clear();
      for (const { userId, username } of frame.members!) here.set(userId, username || userId);
      showMembers();
      break;
    case "user-joined":
      here.set(frame.userId!, frame.username || frame.userId!);
      addLine(null, `${frame.username} joined`);
      showMembers();
      break;
    case "user-left":
      here.delete(frame.userId!);
      addLine(null, `${frame.username} left`);
      showMembers();
      break;
    case "error":
      addLine(null, frame.message ?? "error");
      // Not in the room for a reason that passes: asked again a little later.
      if (frame.id === "join" && frame.code === "unavailable") setTimeout(subscribe, RETRY_MIN_MS);
      break;
  }
}

function connect(): void {
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(url);
  socket.onopen = () => send({ type: "auth", token });
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code, reason }) => {
    // 40xx: coming back as we are changes nothing.
    if (code >= 4000 && code < 4100) return show("error", reason || `closed (${code})`);
    const most = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** tries++);
    show("offline", "connecting again ...");
    setTimeout(connect, most / 2 + Math.random() * most / 2);
  };
}

async function signIn(username: string): Promise<string> {
  const url = document.body.dataset.tokenUrl;
  if (!url) throw new Error("this server issues no development tokens");
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `no token (${response.status})`);
  return answer.token;
}

byId<HTMLFormElement>("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  room = byId<HTMLInputElement>("room").value.trim();
  try {
    token = await signIn(byId<HTMLInputElement>("name").value.trim());
  } catch (error) {
    return show("error", error instanceof Error ? error.message : String(error));
  }
  byId("sign-in").hidden = true;
  byId("chat").hidden = false;
  connect();
  text.focus();
});

byId<HTMLFormElement>("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = text.value.trim();
  if (content === "") return;
  if (socket?.readyState !== WebSocket.OPEN) return show("offline", "not connected yet");
  send({ type: "message", room, content });
  text.value = "";
});
