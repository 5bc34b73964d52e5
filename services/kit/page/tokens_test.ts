/** The colours of the pages have enough contrast (WCAG 2.2, level AA) in both themes. */
import assert from "node:assert/strict";

const css = await Deno.readTextFile(new URL("tokens.css", import.meta.url));

/** The tokens of each theme. */
function tokens(theme: "light" | "dark"): Record<string, string> {
  const found: Record<string, string> = {};
  for (
    const [, name, light, dark] of css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g)
  ) {
    found[name!] = theme === "light" ? light! : dark!;
  }
  return found;
}

function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light! + 0.05) / (dark! + 0.05);
}

const SURFACES = ["ground", "surface", "raised", "sunken"];
const SERVICES = ["client", "gateway", "nats", "persistence", "auth", "rooms", "monitor"];

/** Which colours stand on which, and the least contrast: 4.5 for text, 3 for what is not text. */
const PAIRS: [least: number, over: string[], under: string[]][] = [
  [4.5, ["ink", "muted", "accent", "bad", "warn"], SURFACES],
  [4.5, ["ink", "muted", "accent"], ["accent-soft"]],
  [4.5, ["ink", "muted"], ["warn-soft", "bad-soft"]],
  [4.5, ["bad"], ["bad-soft"]],
  [4.5, ["warn"], ["warn-soft"]],
  [4.5, ["on-accent"], ["accent", "accent-hover"]],
  [3, ["edge", ...SERVICES], ["ground", "surface", "raised"]],
];

for (const theme of ["light", "dark"] as const) {
  Deno.test(`the ${theme} theme has enough contrast`, () => {
    const colors = tokens(theme);
    for (const [least, overs, unders] of PAIRS) {
      for (const over of overs) {
        for (const under of unders) {
          const found = contrast(colors[over]!, colors[under]!);
          assert.ok(found >= least, `${over} on ${under}: ${found.toFixed(2)}, at least ${least}`);
        }
      }
    }
  });
}

/** The colours of avatars, by hue: `hsl()` of the style sheet, which tokens cannot express. */
function avatarColors(
  css: string,
): [text: (hue: number) => string, back: (hue: number) => string][] {
  const pattern = /hsl\(var\(--hue\) (\d+)% (\d+)%\)/g;
  const found = [...css.matchAll(pattern)].map(([, saturation, light]) => (hue: number) =>
    hex(hue, Number(saturation) / 100, Number(light) / 100)
  );
  assert.equal(found.length, 4, "text and background, light and dark");
  return [[found[0]!, found[2]!], [found[1]!, found[3]!]];
}

function hex(hue: number, saturation: number, light: number): string {
  const reach = saturation * Math.min(light, 1 - light);
  const channel = (offset: number) => {
    const k = (offset + hue / 30) % 12;
    const value = light - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

Deno.test("initials can be read on an avatar of every colour", async () => {
  const room = new URL("../../gateway/demo/room/room.css", import.meta.url);
  for (const [text, back] of avatarColors(await Deno.readTextFile(room))) {
    for (let hue = 0; hue < 360; hue++) {
      const found = contrast(text(hue), back(hue));
      assert.ok(found >= 4.5, `hue ${hue}: ${found.toFixed(2)}`);
    }
  }
});

Deno.test("pages take their colours from the tokens", async () => {
  const sheets = [
    "kit/page/base.css",
    "kit/page/components.css",
    "gateway/demo/layout.css",
    "gateway/demo/room/room.css",
    "monitor/page/layout.css",
    "monitor/page/overview/overview.css",
    "monitor/page/trace/trace.css",
  ];
  for (const sheet of sheets) {
    const text = await Deno.readTextFile(new URL(`../../${sheet}`, import.meta.url));
    const colors = [...text.matchAll(/:[^;{]*(#[0-9a-f]{3,8}\b|\b(?:rgb|oklch)\([^)]*\))/gi)]
      .map(([, color]) => color).filter((color) => color !== "rgb(0 0 0 / 45%)");
    assert.deepEqual(colors, [], sheet);
  }
});
