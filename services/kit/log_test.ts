import assert from "node:assert/strict";
import { createLogger } from "./log.ts";

/** The 25th of November at 9:05:07.042, local time. */
const now = () => new Date(2026, 10, 25, 9, 5, 7, 42);

Deno.test("a JSON line carries time, level, service, message and fields", () => {
  const lines: string[] = [];
  const log = createLogger("x", { write: (line) => lines.push(line) });
  log.info("started", { port: 1, note: "a\nb" });
  log.debug("not shown");
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0]!);
  assert.ok(!Number.isNaN(Date.parse(time)));
  assert.deepEqual(rest, {
    level: "info",
    service: "x",
    message: "started",
    port: 1,
    note: "a\nb",
  });
});

Deno.test("a text line carries the local time, the level, the message and the fields", () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const log = createLogger("x", { format: "text", level: "debug", write, now });
  log.debug("at work", { room: "lobby", n: 2 });
  log.info("started");
  log.warn("slow");
  log.error("failed", { error: "no route" });
  assert.deepEqual(lines, [
    "09:05:07.042 DEBUG at work room=lobby n=2",
    "09:05:07.042 INFO  started",
    "09:05:07.042 WARN  slow",
    "09:05:07.042 ERROR failed error=no route",
  ]);
});
