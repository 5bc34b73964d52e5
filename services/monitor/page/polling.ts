/**
 * Asks again and again while the page is visible. After a failure it asks less often, up to half a minute.
 *
 * @module
 */

/** The longest wait after failures, milliseconds. */
const MAX_WAIT_MS = 30_000;

/** What to ask, and what to do with the outcome. */
export interface PollOptions {
  /** How long to wait after an answer, milliseconds. */
  every: number;
  /** Asks and shows the answer. */
  ask(signal: AbortSignal): Promise<void>;
  /** The answer arrived. */
  succeeded(): void;
  /** It did not. `retryAt` is when it is asked again, milliseconds since 1970. */
  failed(error: unknown, retryAt: number): void;
}

/** A running poll. */
export interface Poll {
  /** Asks now. */
  now(): void;
  stop(): void;
}

/** Starts to ask. */
export function startPoll({ every, ask, succeeded, failed }: PollOptions): Poll {
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | undefined;
  const later = (wait: number) => {
    clearTimeout(timer);
    timer = setTimeout(now, wait);
  };
  const now = async () => {
    clearTimeout(timer);
    running?.abort();
    if (document.hidden) return;
    const own = running = new AbortController();
    try {
      await ask(own.signal);
      if (own.signal.aborted) return;
      failures = 0;
      succeeded();
      later(every);
    } catch (error) {
      if (own.signal.aborted) return;
      const wait = Math.min(MAX_WAIT_MS, every * 2 ** Math.min(failures++, 8));
      failed(error, Date.now() + wait);
      later(wait);
    }
  };
  const wake = () => {
    if (!document.hidden) void now();
  };
  document.addEventListener("visibilitychange", wake);
  void now();
  return {
    now: () => void now(),
    stop() {
      clearTimeout(timer);
      running?.abort();
      document.removeEventListener("visibilitychange", wake);
    },
  };
}
