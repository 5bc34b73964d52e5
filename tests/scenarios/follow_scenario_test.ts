/** Clients follow one message, signal or call through the system, if they have the right `trace`. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import type { TestClient } from "../harness/client.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../harness/otlp.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED = `00-${TRACE}-b7ad6b7169203331-01`;

/** What a system of {@link withSystem} has recorded and seen. */
interface Seen {
  /** The spans of hops. */
  spans(): ReceivedSpan[];
  /** The trace contexts with which `dice.roll` was called. */
  calls: string[];
}

/** A system that records nothing unless a client asks for it. */
async function withSystem(
  env: Record<string, string>,
  play: (system: System, seen: Seen) => Promise<void>,
): Promise<void> {
  const calls: string[] = [];
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({
    env: { all: { ...receiver.env, TRACE_RATIO: "0" }, gateway: env },
    namespaces: [{ pattern: "quiet.*", access: ["subscribe", "publish", "history"] }],
  });
  const nats = await connect({ servers: system.nats.url });
  nats.subscribe("call.dice.roll", {
    callback(_, message) {
      calls.push(message.headers?.get("traceparent") ?? "");
      message.respond("4");
    },
  });
  await nats.flush();
  try {
    const spans = () => receiver.spans.filter(({ attributes }) => attributes["hopwire.hop"]);
    await play(system, { spans, calls });
  } finally {
    await nats.close();
  }
}

async function join(client: TestClient, room: string, trace?: boolean): Promise<void> {
  client.send({ type: "subscribe", room, trace });
  await client.take("subscribed");
}

/** The answer to a frame: its code, its trace or null. */
async function answerTo(client: TestClient, frame: { id: string }): Promise<string | null> {
  client.send(frame);
  const answer = await client.answer(frame.id);
  if (answer.type === "error") return answer.code;
  assert.ok(answer.type === "ack" || answer.type === "result", answer.type);
  return answer.traceId ?? null;
}

Deno.test("a call is traced if the client has the right `trace` in any room", () =>
  withSystem({}, async (system, { spans, calls }) => {
    const call = { type: "call", service: "dice", method: "roll" };
    const cases: [claims: object, joined: string | null, may: boolean][] = [
      [{ rooms: { "chat.*": ["subscribe"], "ops.*": ["trace"] } }, null, true],
      [{ rooms: ["chat.*"] }, null, true],
      [{ rooms: { "chat.*": ["subscribe", "publish"] } }, null, false],
      [{}, "lobby", true],
      [{}, "quiet.a", false],
      [{}, null, false],
    ];
    for (const [index, [claims, joined, may]] of cases.entries()) {
      const ann = await system.client({ user: "ann", claims: { ...claims } });
      if (joined !== null) await join(ann, joined);
      assert.equal(await answerTo(ann, { ...call, id: "plain" }), null);
      const traceId = await answerTo(ann, { ...call, id: "forced", trace: true } as never);
      const own = TRACE.replace(/^0/, String(index));
      const traceparent = SAMPLED.replace(TRACE, own);
      assert.equal(await answerTo(ann, { ...call, id: "own", traceparent } as never), own);
      if (!may) {
        assert.equal(traceId, "forbidden");
        const { message } = await ann.frames.find(({ type }) => type === "error") as never;
        assert.match(message, /no right to trace in any room/);
      } else {
        for (const [id, parent] of [[traceId!, ""], [own, SAMPLED.slice(36, 52)]] as const) {
          const span = await until(
            "the span of the call",
            () => spans().find(({ traceId }) => traceId === id),
          );
          assert.deepEqual([span.name, span.parentSpanId], ["call", parent]);
          // The service's own span becomes its child.
          assert.ok(calls.includes(`00-${id}-${span.spanId}-01`), JSON.stringify(calls));
        }
      }
      ann.close();
    }
    const recorded = new Set(spans().map(({ traceId }) => traceId));
    // Three may, with two traces each.
    assert.equal(recorded.size, 6, JSON.stringify([...recorded]));
  }));

Deno.test("a join asks for traces only with the right", () =>
  withSystem({}, async (system) => {
    const ann = await system.client({ user: "ann" });
    ann.send({ type: "subscribe", room: "quiet.a", trace: true, id: "s" });
    const refused = await ann.answer("s");
    assert.ok(refused.type === "error" && refused.code === "forbidden");
    assert.equal(refused.message, "Not allowed: no right to trace in quiet.a");
    await join(ann, "quiet.a");
    await join(ann, "lobby", true);
  }));

Deno.test("what clients measured becomes spans of recorded traces, for those who may trace", () =>
  withSystem({}, async (system, { spans }) => {
    const measured = (traceparent: string, ago: number) => ({
      type: "measurements",
      entries: [
        { hop: "client.send", ms: 30, ago, room: "lobby", traceparent },
        { hop: "client.receive", ms: 2.5, ago: ago - 20, room: "lobby", traceparent },
        { hop: "client.send", ms: 30, ago, room: "lobby" },
        { hop: "client.send", ms: 30, ago, traceparent: traceparent.replace(/01$/, "00") },
      ],
    });
    const other = SAMPLED.replace("0af", "1af");
    const eve = await system.client({ user: "eve", claims: { rooms: { lobby: ["subscribe"] } } });
    eve.send(measured(other, 1_000));
    const ann = await system.client({ user: "ann", claims: { rooms: ["lobby"] } });
    const before = Date.now();
    ann.send(measured(SAMPLED, 1_000));
    const found = await until("both spans", () => spans().length >= 2 && spans());
    assert.deepEqual(found.map(({ traceId }) => traceId), [TRACE, TRACE]);
    const [send, receive] = found as [ReceivedSpan, ReceivedSpan];
    assert.deepEqual([send.name, receive.name], ["client.send", "client.receive"]);
    assert.equal(send.parentSpanId, SAMPLED.slice(36, 52));
    assert.equal(send.attributes["hopwire.hop"], "client.send");
    assert.equal(send.attributes["hopwire.room"], "lobby");
    assert.ok(Math.abs(send.durationMs - 30) < 0.01, String(send.durationMs));
    assert.ok(Math.abs(receive.durationMs - 2.5) < 0.01, String(receive.durationMs));
    // It ended a second before the frame arrived, by the gateway's clock.
    assert.ok(send.endMs >= before - 1_001 && send.endMs <= Date.now() - 999, String(send.endMs));
    assert.ok(Math.abs(receive.endMs - send.endMs - 20) < 0.01);
  }));

Deno.test("a connection may send 100 measurements each 5 s, and as many at once", () =>
  withSystem({}, async (system) => {
    const ann = await system.client({ user: "ann" });
    const entries = Array(100).fill({ hop: "client.receive", ms: 1, ago: 0 });
    ann.send({ type: "measurements", entries, id: "1" });
    ann.send({ type: "measurements", entries, id: "2" });
    ann.send({ type: "measurements", entries, id: "3" });
    const refused = await ann.take("error");
    assert.deepEqual([refused.id, refused.code], ["3", "rate_limited"]);
    assert.ok(refused.retryAfter! > 0);
  }));
