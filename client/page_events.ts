/**
 * What a web page knows about its network and its visibility. In Node, Deno, Bun and most workers
 * these functions do nothing.
 *
 * @module
 */

/** The parts of a page's global scope that are used. Any of them may be missing. */
interface PageScope {
  addEventListener?: EventTarget["addEventListener"];
  document?: EventTarget & { visibilityState: string };
  navigator?: { onLine?: boolean };
  localStorage?: Storage;
}
const scope = globalThis as unknown as PageScope;

/** Callbacks of {@link watchPage}. */
export interface PageEvents {
  /** The network is back, or the user looks at the page again. */
  awake(): void;
  /** The browser reports that it has no network. */
  offline(): void;
}

/** Listens to the page's events until `signal` aborts. */
export function watchPage(events: PageEvents, signal: AbortSignal): void {
  scope.addEventListener?.("online", () => events.awake(), { signal });
  scope.addEventListener?.("offline", () => isOffline() && events.offline(), { signal });
  scope.document?.addEventListener("visibilitychange", () => {
    if (scope.document!.visibilityState === "visible") events.awake();
  }, { signal });
}

/** Whether the browser reports that it has no network. False if the platform does not say. */
export function isOffline(): boolean {
  return scope.navigator?.onLine === false;
}

/** Returns the page's `localStorage`; null outside of a page, or if the browser denies access. */
export function pageStorage(): Storage | null {
  try {
    // Only in a page: in Deno, reading `localStorage` prints a warning or asks for a folder.
    return scope.document === undefined ? null : scope.localStorage ?? null;
  } catch {
    return null;
  }
}
