/**
 * Checks a page with axe-core.
 *
 * @module
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";

/** Asserts that axe finds nothing that breaks WCAG 2.2 on level AA, in the light and in the dark theme. */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  // As the browser's own tools do it: the page's content policy allows no scripts but its own.
  await page.evaluate(axe.source);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const problems = await page.evaluate<string[]>(`axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) =>
        id + ": " + html.slice(0, 200) + " " + failureSummary)))`);
    assert.deepEqual(problems, [], `${what}, ${colorScheme}`);
  }
}
