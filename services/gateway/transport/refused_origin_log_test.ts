import assert from "node:assert/strict";
import { createLogger } from "../../kit/mod.ts";
import { RefusedOriginLog } from "./refused_origin_log.ts";

/** A log of refused origins with a manual clock, and the lines that it writes. */
function setUp() {
  let time = 0;
  const lines: {
    level: string;
    message: string;
    origin: string;
    address: string;
    suppressed: number;
  }[] = [];
  const log = createLogger("gateway", { write: (line) => lines.push(JSON.parse(line)) });
  const refused = new RefusedOriginLog(() => time);
  return {
    lines,
    warn: (origin: string) => refused.warn(log, origin, "192.0.2.1"),
    at: (now: number) => time = now,
  };
}

Deno.test("a refused origin is logged with the setting that allows it", () => {
  const { lines, warn } = setUp();
  warn("https://evil.example:8443");
  const { level, message, origin, address, suppressed } = lines[0]!;
  assert.deepEqual([level, origin, suppressed], ["warn", "https://evil.example:8443", 0]);
  assert.equal(address, "192.0.2.1");
  assert.match(message, /ALLOWED_ORIGINS/);
});

Deno.test("at most one line a second, with the number of suppressed lines", () => {
  const { lines, warn, at } = setUp();
  for (let i = 0; i < 1_000; i++) {
    at(i);
    warn(`https://${i}.example`);
  }
  assert.equal(lines.length, 1);
  at(1_000);
  warn("https://next.example");
  at(5_000);
  warn("https://last.example");
  assert.deepEqual(lines.map(({ suppressed }) => suppressed), [0, 999, 0]);
});

Deno.test("a line has scheme, host and port alone, and a bounded length", () => {
  const { lines, warn, at } = setUp();
  const origins = [
    "https://user:secret@evil.example/path?token=secret#secret",
    "null",
    "secret",
    "chrome-extension://abcdef",
    `app://${"x".repeat(10_000)}`,
  ];
  for (const [index, origin] of origins.entries()) {
    at(index * 1_000);
    warn(origin);
  }
  assert.deepEqual(lines.slice(0, 4).map(({ origin }) => origin), [
    "https://evil.example",
    "null",
    "invalid",
    "chrome-extension://abcdef",
  ]);
  assert.equal(lines[4]!.origin.length, 300);
});
