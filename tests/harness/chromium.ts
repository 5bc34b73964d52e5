/**
 * A real Chromium, driven by playwright-core, with a profile of its own.
 *
 * @module
 */
import { type BrowserContext, chromium } from "playwright-core";
import { findOnPath } from "../../services/start/nats_server.ts";

/** Chromium as root and without a network beyond this machine. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The path of Chromium; null where there is none. */
export function findChromium(): Promise<string | null> {
  return findOnPath("chromium");
}

/** Starts Chromium; the context is closed, and its profile removed, with `await using`. */
export async function startChromium(
  executablePath: string,
): Promise<{ context: BrowserContext } & AsyncDisposable> {
  const profile = await Deno.makeTempDir({ prefix: "hopwire-chromium-" });
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: ARGS,
  });
  return {
    context,
    async [Symbol.asyncDispose]() {
      await context.close();
      await Deno.remove(profile, { recursive: true });
    },
  };
}
