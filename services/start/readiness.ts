/**
 * Waits until a service is ready.
 *
 * @module
 */
import { probe } from "./probe.ts";

/** How long a service may take to become ready, milliseconds. Packages are fetched before. */
const READY_MS = 60_000;

/** The interval between two checks, milliseconds. */
const POLL_MS = 50;

/**
 * Waits until `/readyz` of a service answers 200.
 *
 * @throws {Error} when the service takes longer than `ms` milliseconds, or when `stopping` turns true
 */
export async function waitUntilReady(
  name: string,
  url: string,
  stopping: () => boolean,
  ms: number = READY_MS,
): Promise<void> {
  const end = performance.now() + ms;
  let last = "it does not answer";
  for (;;) {
    if (stopping()) throw new Error("the start command is stopping");
    try {
      const { ok, text } = await probe(url);
      if (ok) return;
      last = text;
    } catch {
      // It does not listen yet.
    }
    if (performance.now() > end) {
      throw new Error(`${name} is not ready after ${ms / 1_000} s: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
