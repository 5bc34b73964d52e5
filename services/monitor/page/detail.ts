/**
 * What is shown instead of the overview: one trace, the search for a message, the messages of a room.
 *
 * @module
 */
import { byId, element } from "../../kit/page/dom.ts";
import { NotFound, readMessages, readTrace } from "./api.ts";
import { hashOf, type View } from "./location.ts";
import { showMessages } from "./messages_view.ts";
import { showTrace } from "./trace/trace_view.ts";

/** How long spans may take to arrive here, milliseconds. Until then a message may still be found. */
const PATIENCE_MS = 15_000;

/** Most messages of a room that are listed. */
const MAX_LISTED = 100;

const body = byId("detail-body");

/** Clears what an earlier view left. */
function begin(title: string): void {
  body.replaceChildren();
  delete body.dataset.shown;
  document.title = `${title} · Hopwire monitor`;
}

/** Returns what asks for a view and shows it, called every two seconds while it is shown. */
export function detailOf(view: Exclude<View, { name: "overview" }>): (
  signal: AbortSignal,
) => Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  if (view.name === "room") {
    begin(view.room);
    const heading = element("h1", {}, view.room);
    const list = element("div", { className: "panel" });
    body.append(element("div", { className: "trace-head" }, heading), list);
    return async (signal) => {
      const search = { room: view.room, order: "recent" as const, limit: MAX_LISTED };
      const { messages } = await readMessages(search, signal);
      showMessages(list, messages, `No message of ${view.room} is kept: ${WHY_NOT}`);
    };
  }
  let traceId = view.name === "trace" ? view.traceId : undefined;
  begin(view.name === "trace" ? view.traceId : `${view.room} #${view.seq}`);
  showSearching("Looking for the hops of this message ...");
  return async (signal) => {
    if (traceId === undefined && view.name === "message") {
      const { room, seq } = view;
      const { messages } = await readMessages({ room, seq, limit: 1 }, signal);
      traceId = messages[0]?.traceId;
      if (traceId !== undefined) {
        // The address of the trace: it can be shared, and stays right.
        history.replaceState(null, "", hashOf({ name: "trace", traceId }));
      }
    }
    try {
      if (traceId === undefined) throw new NotFound();
      showTrace(body, await readTrace(traceId, signal));
    } catch (error) {
      // What is shown stays, though monitor has let go of it.
      if (!(error instanceof NotFound) || body.dataset.shown !== undefined) throw error;
      if (Date.now() < giveUpAt) return;
      const what = view.name === "trace" ? "this trace" : `message ${view.seq} of ${view.room}`;
      showSearching(`Monitor has no hops of ${what}: ${WHY_NOT}`);
    }
  };
}

const WHY_NOT = "it was neither sampled nor slow, or it is older than what monitor keeps.";

function showSearching(words: string): void {
  if (body.textContent === words) return;
  const text = element("p", { className: "nothing muted" }, words);
  text.setAttribute("role", "status");
  body.replaceChildren(text);
}
