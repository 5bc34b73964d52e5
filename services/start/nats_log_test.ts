import assert from "node:assert/strict";
import { createLogger } from "../kit/mod.ts";
import { logNatsLine } from "./nats_log.ts";

Deno.test("of nats-server's log only warnings and errors are shown", () => {
  const lines: string[] = [];
  const log = createLogger("nats", {
    format: "text",
    level: "debug",
    write: (line) => lines.push(line.slice("00:00:00.000 ".length)),
  });
  const output = [
    "[11787] 2026/11/25 10:18:53.111537 [INF] Starting nats-server",
    "[11787] 2026/11/25 10:18:53.113475 [INF] ",
    "[11787] 2026/11/25 10:18:53.113476 [DBG] a detail",
    "[11787] 2026/11/25 10:18:53.113477 [WRN] Filesystem is nearly full",
    "[11787] 2026/11/25 10:18:53.113478 [ERR] JetStream failed to store a msg",
    "[11787] 2026/11/25 10:18:53.113479 [FTL] Can't listen",
    "",
    "nats-server: .data/nats.conf:1:0: unknown field",
  ];
  for (const line of output) logNatsLine(line, log);
  assert.deepEqual(lines, [
    "WARN  Filesystem is nearly full",
    "ERROR JetStream failed to store a msg",
    "ERROR Can't listen",
    "ERROR nats-server: .data/nats.conf:1:0: unknown field",
  ]);
});
