/**
 * What the address of the page means: `#/`, `#/trace/<id>`, `#/message/<room>/<seq>`, `#/room/<room>`; and
 * what the search field means. No DOM.
 *
 * @module
 */

/** What the page shows. */
export type View =
  | { name: "overview" }
  | { name: "trace"; traceId: string }
  | { name: "message"; room: string; seq: number }
  | { name: "room"; room: string };

/** Parses the part of an address after `#`. Anything unknown is the overview. */
export function viewOf(hash: string): View {
  const [, name, first = "", second = ""] = hash.replace(/^#/, "").split("/").map(decoded);
  if (name === "trace" && isTraceId(first)) return { name, traceId: first.toLowerCase() };
  if (name === "message" && first !== "" && isSeq(second)) {
    return { name, room: first, seq: Number(second) };
  }
  if (name === "room" && first !== "") return { name, room: first };
  return { name: "overview" };
}

/** Returns the address of a view. */
export function hashOf(view: View): string {
  switch (view.name) {
    case "overview":
      return "#/";
    case "trace":
      return `#/trace/${view.traceId}`;
    case "message":
      return `#/message/${encodeURIComponent(view.room)}/${view.seq}`;
    case "room":
      return `#/room/${encodeURIComponent(view.room)}`;
  }
}

/** Returns what a search finds: a trace by its id, a message as `room 813` or `room/813`, or a room. */
export function viewOfSearch(text: string): View {
  const query = text.trim();
  if (query === "") return { name: "overview" };
  const traceparent = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i.exec(query);
  const traceId = traceparent?.[1] ?? query;
  if (isTraceId(traceId)) return { name: "trace", traceId: traceId.toLowerCase() };
  const message = /^(\S+)[\s/#]+(\d{1,15})$/.exec(query);
  if (message !== null) return { name: "message", room: message[1]!, seq: Number(message[2]) };
  return { name: "room", room: query };
}

function isTraceId(text: string): boolean {
  return /^[0-9a-f]{32}$/i.test(text);
}

function isSeq(text: string): boolean {
  return /^\d{1,15}$/.test(text);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
