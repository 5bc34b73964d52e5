import assert from "node:assert/strict";
import { createLogger } from "./log.ts";

Deno.test("a line is one JSON object, or plain text", () => {
  const lines: string[] = [];
  const json = createLogger("x", { write: (line) => lines.push(line) });
  json.info("started", { port: 1, note: "a\nb" });
  json.debug("not shown");
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
  const text = createLogger("x", {
    format: "text",
    level: "debug",
    write: (line) => lines.push(line),
  });
  text.debug("at work", { room: "lobby", n: 2 });
  assert.equal(lines[1], "DEBUG at work room=lobby n=2");
});
