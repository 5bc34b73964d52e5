import assert from "node:assert/strict";
import * as z from "zod";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { HEADERS, MicroInfo, MicroPing, MicroStats, VERSION } from "../../contract/mod.ts";
import { connectBus } from "../bus.ts";
import { serve } from "../endpoints.ts";
import { FaultError } from "../fault_error.ts";
import { createLogger } from "../log.ts";
import { announceService } from "./micro_service.ts";

Deno.test("a service answers who it is, what it serves and how that fares, as ADR-32 wants it", async () => {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  try {
    const subscription = serve(
      bus,
      { subject: "dice.roll", request: z.object({ sides: z.number() }), reply: z.number() },
      "dice",
      ({ sides }) => {
        if (sides < 2) throw new FaultError("forbidden", "too few sides");
        return 4;
      },
    );
    const stop = announceService(bus, { name: "dice", description: "Rolls dice." });
    const ask = async (subject: string) => (await bus.nats.request(subject, "")).json();

    const ping = MicroPing.parse(await ask("$SRV.PING"));
    assert.deepEqual([ping.name, ping.version], ["dice", VERSION]);
    const { id } = ping;
    for (const subject of ["$SRV.PING.dice", `$SRV.PING.dice.${id}`]) {
      assert.equal(MicroPing.parse(await ask(subject)).id, id);
    }
    const info = MicroInfo.parse(await ask(`$SRV.INFO.dice.${id}`));
    assert.equal(info.description, "Rolls dice.");
    assert.deepEqual(info.endpoints, [
      { name: "dice-roll", subject: "dice.roll", queue_group: "dice", metadata: {} },
    ]);

    assert.equal((await bus.nats.request("dice.roll", '{"sides":6}')).json(), 4);
    const refused = await bus.nats.request("dice.roll", '{"sides":1}');
    assert.equal(refused.headers?.get(HEADERS.errorNumber), "403");
    assert.equal(refused.headers?.get(HEADERS.errorCode), "forbidden");
    const { endpoints: [stats], started } = MicroStats.parse(await ask("$SRV.STATS.dice"));
    assert.ok(Date.parse(started) <= Date.now());
    assert.deepEqual([stats!.num_requests, stats!.num_errors], [2, 1]);
    assert.equal(stats!.last_error, "403:Not allowed: too few sides");
    assert.ok(stats!.processing_time > 0);
    assert.equal(stats!.average_processing_time, Math.round(stats!.processing_time / 2));

    subscription.unsubscribe();
    await until(
      "the endpoint is gone",
      async () => MicroInfo.parse(await ask("$SRV.INFO.dice")).endpoints.length === 0,
    );
    stop();
    await assert.rejects(bus.nats.request("$SRV.PING.dice", "", { timeout: 1_000 }));
  } finally {
    await bus.drain();
  }
});
