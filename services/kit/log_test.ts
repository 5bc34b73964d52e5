import assert from "node:assert/strict";
import { contextOf, ROOT_CONTEXT } from "./hop.ts";
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

Deno.test("a JSON line within a trace carries the ids of trace and span, and no more of it", () => {
  const lines: string[] = [];
  const log = createLogger("x", { write: (line) => lines.push(line), now });
  const ids = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  log.warn("slow", { room: "lobby" }, contextOf(`00-${ids.join("-")}-01`));
  log.warn("slow", {}, ROOT_CONTEXT);
  const [first, second] = lines.map((line) => JSON.parse(line));
  assert.deepEqual([first.trace_id, first.span_id], ids);
  assert.deepEqual(
    Object.keys(first),
    ["time", "level", "service", "message", "trace_id", "span_id", "room"],
  );
  assert.deepEqual(Object.keys(second), ["time", "level", "service", "message"]);
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
