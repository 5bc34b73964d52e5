/**
 * A real Chromium with its own profile, driven by playwright-core.
 *
 * @module
 */
import { type BrowserContext, chromium } from "playwright-core";
import { findOnPath } from "../../services/start/nats_server.ts";

/** Flags for running as root, without network access beyond this machine. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Returns the path of Chromium, or null if it is not installed. */
export function findChromium(): Promise<string | null> {
  return findOnPath("chromium");
}

/**
 * Starts Chromium. Disposal closes the context and removes the profile. `deviceScaleFactor` says how many
 * pixels of the device a pixel of the page has.
 */
export async function startChromium(
  executablePath: string,
  { deviceScaleFactor = 1 } = {},
): Promise<{ context: BrowserContext } & AsyncDisposable> {
  const profile = await Deno.makeTempDir({ prefix: "hopwire-chromium-" });
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: ARGS,
    deviceScaleFactor,
  });
  return {
    context,
    async [Symbol.asyncDispose]() {
      await context.close();
      await Deno.remove(profile, { recursive: true });
    },
  };
}
