/** What monitor says of processes and stalls, and how it is left out. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { monitorOn } from "../harness/monitor.ts";
import { startAll } from "../harness/start.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

Deno.test("a process that is killed is lost, and there again after a restart", async () => {
  await using system = await startSystem({ monitor: true });
  const monitor = monitorOn(system.monitor!.port);
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  const stateOf = async (name: string) => {
    const { processes, alerts } = await monitor.overview();
    const state = processes.find(({ service }) => service === name)?.state;
    return { state, alerts: alerts.map(({ name }) => name) };
  };
  await until("rooms to export", async () => {
    const { state } = await stateOf("rooms");
    return state !== undefined && state !== "lost";
  });
  await system.rooms[0]!.kill();
  await until("rooms to be lost", async () => {
    const { state, alerts } = await stateOf("rooms");
    return state === "lost" && alerts.includes("rooms-1 is lost");
  }, 30_000);
  await system.rooms[0]!.restart();
  await until("rooms to be there again", async () => {
    const { state, alerts } = await stateOf("rooms");
    return state !== undefined && state !== "lost" && !alerts.includes("rooms-1 is lost");
  }, 30_000);
});

Deno.test("a disk of the archive that stalls is an alert with its hop, and a message that was slow", async () => {
  await using system = await startSystem({ monitor: true, env: { all: { TRACE_RATIO: "0" } } });
  const monitor = monitorOn(system.monitor!.port);
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  using file = new DatabaseSync(`${system.folder}/archive.db`);
  file.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
  ann.send({ type: "message", room: "lobby", content: 1, id: "1" });
  const { seq } = await ann.take("ack");
  // Longer than a slow message takes; the stall itself is what is tested.
  await new Promise((resolve) => setTimeout(resolve, 600));
  file.exec("COMMIT");
  await until("the alert", async () => {
    const { alerts } = await monitor.overview();
    return alerts.some(({ name }) => name === "archive.store is slow");
  });
  const message = await until("the message", async () => {
    const { messages } = await monitor.messages(`room=lobby&seq=${seq}`);
    return messages[0];
  });
  assert.equal(message.slow, true);
  assert.equal(message.slowestHop, "archive.store");
});

Deno.test("MONITOR=false leaves it out, and API=false the HTTP API", async () => {
  await using system = await startAll({ MONITOR: "false", API: "false" });
  assert.equal(system.file.monitor, undefined);
  assert.equal(system.file.pids.monitor, undefined);
  await assert.rejects(fetch(`http://127.0.0.1:${system.env.MONITOR_PORT}/`));
  const { api, apiKey, pids } = system.file;
  assert.deepEqual([api, apiKey, pids.api], [undefined, undefined, undefined]);
  await assert.rejects(fetch(`http://127.0.0.1:${system.env.API_PORT}/`));
  assert.ok(!system.process.output.some((line) => /\bAPI\b/.test(line)));
});
