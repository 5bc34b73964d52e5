/**
 * Light or dark: what the system prefers, until the user chooses. The choice is kept in the browser.
 *
 * @module
 */

const KEPT = "hopwire.theme";

/** Applies the kept choice, and lets a button change it. `changed` is called after a change. */
export function followTheme(button: HTMLButtonElement, changed: () => void = () => {}): void {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = localStorage.getItem(KEPT);
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme === undefined ? system.matches : root.dataset.theme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem(KEPT, root.dataset.theme);
    changed();
  });
  system.addEventListener("change", changed);
}
