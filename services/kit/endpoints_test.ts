import assert from "node:assert/strict";
import * as z from "zod";
import { startNats } from "../../tests/harness/nats.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { connectBus } from "./bus.ts";
import { publish, serve, subscribe } from "./endpoints.ts";
import { FaultError } from "./fault_error.ts";
import { contextOf, traceparentOf } from "./hop.ts";
import { createLogger } from "./log.ts";
import { request, requestRaw } from "./requests.ts";

const Double = {
  subject: "test.double",
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
};
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function setUp() {
  const nats = await startNats();
  const lines: string[] = [];
  const log = createLogger("test", { level: "debug", write: (line) => lines.push(line) });
  const bus = await connectBus({ url: nats.url, name: "test", log });
  return {
    nats,
    bus,
    lines,
    async [Symbol.asyncDispose]() {
      await bus.drain();
      await nats[Symbol.asyncDispose]();
    },
  };
}

/** Returns the code, message and retry time of the FaultError that a promise rejects with. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof FaultError, String(error));
    return `${error.fault.code}: ${error.fault.message} ${error.fault.retryAfter ?? ""}`.trim();
  }
  return assert.fail("the request was not refused");
}

Deno.test("requests", async (t) => {
  await using set = await setUp();
  const { bus } = set;
  let seen: string | undefined;
  serve(bus, Double, "q", ({ n }, { context }) => {
    seen = traceparentOf(context);
    if (n === 13) throw new FaultError("forbidden", "unlucky", 250);
    if (n === 14) throw new Error("a secret detail");
    if (n === 15) return { n: "no number" as unknown as number };
    if (n === 16) return new Promise(() => {});
    return { n: n * 2 };
  });

  await t.step("are answered, and propagate the trace context", async () => {
    const context = contextOf(TRACEPARENT);
    assert.deepEqual(await request(bus, Double, { n: 21 }, { context }), { n: 42 });
    assert.equal(seen?.slice(3, 35), TRACEPARENT.slice(3, 35));
  });

  await t.step("are refused with the service's fault", async () => {
    assert.equal(
      await refusal(request(bus, Double, { n: 13 })),
      "forbidden: Not allowed: unlucky 250",
    );
  });

  await t.step("that fail unexpectedly expose nothing, but are logged", async () => {
    const words = await refusal(request(bus, Double, { n: 14 }));
    assert.equal(words, "unavailable: Temporarily unavailable 1000");
    assert.ok(set.lines.some((line) => line.includes("a secret detail")));
  });

  await t.step("and replies are validated", async () => {
    const wrong = { n: "1" } as unknown as { n: number };
    assert.match(await refusal(request(bus, Double, wrong)), /^invalid_format: .*n: /);
    assert.match(await refusal(request(bus, Double, { n: 15 })), /^unavailable/);
  });

  await t.step(
    "without a service or a timely reply fail with unavailable, or the given code",
    async () => {
      const nobody = { ...Double, subject: "test.nobody" };
      assert.match(
        await refusal(request(bus, nobody, { n: 1 })),
        /^unavailable: .*no service answers/,
      );
      assert.match(await refusal(request(bus, Double, { n: 16 }, { timeout: 50 })), /^unavailable/);
      const codes = { missing: "service_not_found", late: "timeout", timeout: 50 } as const;
      assert.match(
        await refusal(requestRaw(bus, "test.nobody", "{}", codes)),
        /^service_not_found/,
      );
      assert.match(await refusal(requestRaw(bus, "test.double", '{"n":16}', codes)), /^timeout/);
    },
  );
});

Deno.test("an endpoint handles a bounded number of requests, and refuses more at once", async () => {
  await using set = await setUp();
  const { bus } = set;
  const gate = Promise.withResolvers<void>();
  serve(bus, Double, "q", async ({ n }) => {
    await gate.promise;
    return { n };
  });
  const asked = Array.from({ length: 4_100 }, (_, n) => request(bus, Double, { n }));
  const results = Promise.allSettled(asked);
  assert.match(
    await refusal(
      Promise.any(asked.slice(4_096)).catch((error) => {
        throw error.errors[0];
      }),
    ),
    /overloaded/,
  );
  gate.resolve();
  const refused = (await within("the rest", results)).filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 4);
});

Deno.test("events are validated; an invalid one is logged and ignored", async () => {
  await using set = await setUp();
  const { bus } = set;
  const got: number[] = [];
  const contexts: (string | undefined)[] = [];
  subscribe(bus, "test.event", z.object({ n: z.number() }), ({ n }, { context }) => {
    got.push(n);
    contexts.push(traceparentOf(context));
  });
  publish(bus, "test.event", { n: 1 }, contextOf(TRACEPARENT));
  bus.send("test.event", "no JSON");
  publish(bus, "test.event", { n: "x" });
  publish(bus, "test.event", { n: 2 });
  await until("both", () => got.length === 2);
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(contexts, [TRACEPARENT, undefined]);
  assert.equal(set.lines.filter((line) => line.includes("ignored an invalid event")).length, 2);
});
