/**
 * The page of monitor: the path of messages with live percentiles, traffic, health, and single messages
 * as waterfalls. It asks monitor every two seconds while it is visible.
 */
import type { Overview } from "../../contract/telemetry/monitor_api.ts";
import { byId, setText } from "../../kit/page/dom.ts";
import { followTheme } from "../../kit/page/theme.ts";
import { logIn, NotFound, readMessages, readOverview, TokenNeeded } from "./api.ts";
import { detailOf } from "./detail.ts";
import { durationText, timeText } from "./format.ts";
import { hashOf, viewOf, viewOfSearch } from "./location.ts";
import { showMessages } from "./messages_view.ts";
import { showHealth } from "./overview/health_view.ts";
import { createPath } from "./overview/path_view.ts";
import { showRefusals } from "./overview/refusals_view.ts";
import { createTraffic } from "./overview/traffic_view.ts";
import { type Poll, startPoll } from "./polling.ts";

/** How often monitor is asked, milliseconds. */
const EVERY_MS = 2_000;

/** How many of the slowest messages are listed. */
const SLOWEST = 12;

const showPath = createPath();
const traffic = createTraffic();
let poll: Poll | null = null;
/** Whether the slowest messages are those that reached their members last, or the archive. */
let slowestBy: "slow" | "archive" = "slow";
let retryAt = 0;

async function askOverview(signal: AbortSignal): Promise<void> {
  const search = { order: slowestBy, limit: SLOWEST };
  const [overview, { messages }] = await Promise.all([
    readOverview(signal),
    readMessages(search, signal),
  ]);
  byId("overview").hidden = false;
  showStatus(overview);
  showPath(overview);
  traffic.show(overview);
  showHealth(overview);
  showRefusals(overview);
  const empty = "No message is kept yet. Send one, and its hops appear here.";
  if (search.order !== slowestBy) return;
  const slowest = search.order === "archive"
    ? messages
    : messages.filter(({ delivery }) => delivery !== null);
  const took = search.order === "archive" ? "duration" : "delivery";
  showMessages(byId("slowest"), slowest, empty, took);
}

function showStatus({ alerts, at, window }: Overview): void {
  const status = byId("status");
  status.dataset.state = alerts.length > 0 ? "lost" : "ok";
  const words = alerts.length === 0
    ? "no alerts"
    : `${alerts.length} ${alerts.length === 1 ? "alert" : "alerts"}`;
  setText(byId("status-text"), words);
  setText(byId("status-window"), `last ${durationText(window)}`);
  // Beside the status and not in it: a screen reader would read it every two seconds.
  status.title = `as of ${timeText(at, Date.now())}`;
}

/** Shows a state that is not that of the overview. */
function showState(state: string, words: string): void {
  byId("status").dataset.state = state;
  setText(byId("status-text"), words);
  setText(byId("status-window"), "");
}

/** Shows what the address says. */
function route(): void {
  poll?.stop();
  byId("login").hidden = true;
  const view = viewOf(location.hash);
  const isOverview = view.name === "overview";
  byId("detail").hidden = isOverview;
  if (!isOverview) byId("overview").hidden = true;
  else document.title = "Hopwire monitor";
  const ask = isOverview ? askOverview : detailOf(view);
  poll = startPoll({
    every: EVERY_MS,
    async ask(signal) {
      try {
        await ask(signal);
      } catch (error) {
        // Monitor does answer.
        if (!(error instanceof NotFound)) throw error;
      }
    },
    succeeded() {
      byId("banner").hidden = true;
      if (isOverview) return;
      showState("ok", "live");
    },
    failed(error, next) {
      retryAt = next;
      if (error instanceof TokenNeeded) askForToken();
      else showFailure(error);
    },
  });
}

function showFailure(error: unknown): void {
  const why = error instanceof Error && /^monitor /.test(error.message) ? `: ${error.message}` : "";
  showState("lost", "no answer");
  const since = byId("overview").hidden ? "" : " What you see is old.";
  setText(byId("banner-text"), `Monitor does not answer${why}.${since}`);
  byId("banner").hidden = false;
  showCountdown();
}

function showCountdown(): void {
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000));
  setText(byId("countdown"), `Asking again in ${seconds} s`);
}

function askForToken(): void {
  poll?.stop();
  byId("banner").hidden = true;
  byId("overview").hidden = byId("detail").hidden = true;
  byId("login").hidden = false;
  showState("waiting", "token needed");
  byId("token").focus();
}

byId<HTMLFormElement>("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = byId<HTMLInputElement>("token");
  const refusal = byId("login-refusal");
  refusal.textContent = "";
  try {
    if (await logIn(input.value)) {
      input.value = "";
      return route();
    }
    refusal.textContent = "That is not the token.";
  } catch (error) {
    refusal.textContent = (error as Error).message;
  }
  input.focus();
});

byId<HTMLFormElement>("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = byId<HTMLInputElement>("query");
  location.hash = hashOf(viewOfSearch(input.value));
  input.blur();
});

addEventListener("keydown", (event) => {
  const { key, target, ctrlKey, metaKey, altKey } = event;
  if (key !== "/" || ctrlKey || metaKey || altKey || target instanceof HTMLInputElement) return;
  // The key itself is not a part of the search.
  event.preventDefault();
  byId("query").focus();
});

for (const order of ["slow", "archive"] as const) {
  byId(`slowest-${order}`).addEventListener("click", () => {
    slowestBy = order;
    for (const one of ["slow", "archive"]) {
      byId(`slowest-${one}`).setAttribute("aria-pressed", String(one === order));
    }
    poll?.now();
  });
}

setInterval(() => {
  if (!byId("banner").hidden) showCountdown();
}, 500);
byId("retry").addEventListener("click", () => poll?.now());
addEventListener("hashchange", () => {
  scrollTo(0, 0);
  route();
});
followTheme(byId<HTMLButtonElement>("theme"), traffic.repaint);
route();
