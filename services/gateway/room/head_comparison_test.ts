/** Rooms are compared with the archive, each once in a round, and what is missing is read. */
import assert from "node:assert/strict";
import { HistoryHeads, MAX_BATCH } from "../../contract/mod.ts";
import { connectBus, createLogger, FaultError, serve } from "../../kit/mod.ts";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { type ComparedRoom, compareHeads } from "./head_comparison.ts";

Deno.test("a room whose last message was lost is repaired, in many requests for many rooms", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  try {
    const asked: string[][] = [];
    let answering = false;
    const heads = serve(bus, HistoryHeads, "persistence", ({ rooms }) => {
      asked.push(rooms);
      if (!answering) throw new FaultError("unavailable", "starting", 1_000);
      return { epoch: "e", heads: rooms.map((name) => name === "r7" || name === "r8" ? 5 : 4) };
    });
    const repaired: [string, number][] = [];
    const rooms = Array.from({ length: 4 * MAX_BATCH }, (_, i) => ({
      name: `r${i}`,
      stored: i !== 9,
      head: 4,
      missed(head: number) {
        repaired.push([this.name, head]);
        this.head = head;
      },
    }));
    const stop = compareHeads({
      bus,
      epochOf: () => "e",
      rooms: () => (rooms as ComparedRoom[]).values(),
      size: () => rooms.length,
      roundMs: 400,
    });
    // While nobody can tell, the same rooms are asked for again.
    await until("two requests", () => asked.length >= 2);
    assert.deepEqual(asked[0], asked[1]);
    answering = true;
    // The live copy of r8 arrives while its comparison is under way.
    await until("r8 to be compared", () => asked.slice(2).some((names) => names.includes("r8")));
    rooms[8]!.head = 5;
    const seen = () => new Set(asked.slice(2).flat());
    await until("all rooms to be compared", () => seen().size === rooms.length - 1);
    await until("the room to be repaired", () => repaired.length > 0);
    // What is asked for at a time is bounded, and a room without a log is not compared.
    assert.ok(asked.every((names) => names.length <= MAX_BATCH));
    assert.ok(!seen().has("r9"));
    const before = asked.length;
    await until("another round", () => asked.length >= before + 8);
    assert.deepEqual(repaired, [["r7", 5]]);
    stop();
    await heads.drain();
  } finally {
    await bus.drain();
  }
});
