/**
 * What the tests of examples and hooks share: a system whose gateway accepts pages of other origins, a
 * proxy in front of it, and a browser.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { freePort } from "../harness/ports.ts";
import { type Proxy, startProxy } from "../harness/proxy.ts";
import { startSystem, type System } from "../harness/system.ts";

const executablePath = await findChromium();

/** A system, and a browser with pages of other origins. */
export interface ExampleStage {
  system: System;
  proxy: Proxy;
  /** The address of the server, through the proxy. */
  server: string;
  /** The address that issues development tokens. */
  tokens: string;
  /** Opens a page. */
  open(url: string): Promise<Page>;
}

/** Registers a test with a stage of its own. Ignored if Chromium is not installed. */
export function exampleTest(name: string, run: (stage: ExampleStage) => Promise<void>): void {
  Deno.test({
    name: `Chromium: ${name}`,
    ignore: executablePath === null,
    // Playwright keeps timers and a socket open until the browser has closed.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const authPort = freePort();
      await using system = await startSystem({
        env: {
          auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true" },
          gateway: { ALLOWED_ORIGINS: "*" },
        },
      });
      await using proxy = await startProxy([system.gateways[0]!.port]);
      await using browser = await startChromium(executablePath!);
      const problems: string[] = [];
      await run({
        system,
        proxy,
        server: `http://127.0.0.1:${proxy.port}`,
        tokens: `http://127.0.0.1:${authPort}/token`,
        async open(url) {
          const page = await browser.context.newPage();
          page.on("console", (message) => {
            // The browser reports connections that a test cuts on purpose, and icons that pages lack.
            const expected = /WebSocket connection to|Failed to load resource|net::ERR/;
            if (message.type() === "error" && !expected.test(message.text())) {
              problems.push(message.text());
            }
          });
          page.on("pageerror", (error) => problems.push(String(error)));
          await page.goto(url);
          return page;
        },
      });
      assert.deepEqual(problems, []);
    },
  });
}
