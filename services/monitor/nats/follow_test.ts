/** Reports of nats-server on the bus: each is counted, and what is no report harms nothing. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { NATS_TRACES } from "../../contract/mod.ts";
import { connectBus, createLogger } from "../../kit/mod.ts";
import { followNatsTraces } from "./follow.ts";

const report = {
  server: { name: "n1", time: "2026-11-25T18:20:36.472476922Z" },
  request: { header: { traceparent: [`00-${"a".repeat(32)}-${"b".repeat(16)}-01`] } },
  events: [{
    type: "in",
    ts: "2026-11-25T18:20:36.472186011Z",
    kind: 0,
    subj: "room.message.1.lobby",
  }],
};

Deno.test("reports are counted; what is none is dropped, and logged once a second", async () => {
  await using server = await startNats();
  const lines: string[] = [];
  const log = createLogger("monitor", { format: "text", write: (line) => void lines.push(line) });
  const bus = await connectBus({ url: server.url, name: "monitor", log });
  let at = 5_000;
  const counts = { reported: 0, dropped: 0 };
  const stop = followNatsTraces({
    bus,
    namespaces: [],
    reported: () => counts.reported++,
    dropped: () => counts.dropped++,
    now: () => at,
  });
  await bus.nats.flush();
  const test = await connect({ servers: server.url.replace("nats://", "") });
  const send = (content: string) => test.publish(NATS_TRACES, content);
  send(JSON.stringify(report));
  for (const wrong of ["", "{", "[]", "{}", JSON.stringify({ ...report, events: 1 })]) send(wrong);
  // Not recorded, or not from a message: nothing to do.
  send(JSON.stringify({ ...report, request: {} }));
  send(JSON.stringify({ ...report, request: { header: { traceparent: ["x"] } } }));
  await until("all of them", () => counts.reported === 8);
  assert.equal(counts.dropped, 5);
  assert.equal(lines.filter((line) => /cannot read what nats-server reports/.test(line)).length, 1);

  // More than it takes in a second.
  at += 1_000;
  const many = 3_000;
  for (let count = 0; count < many; count++) send(JSON.stringify(report));
  await until("the flood", () => counts.reported === 8 + many);
  assert.equal(counts.dropped, 5 + 1_000);
  stop();
  send("{");
  await test.flush();
  await bus.nats.flush();
  assert.equal(counts.reported, 8 + many);
  await test.close();
  await bus.drain();
});
