/**
 * For tests: a system that records what clients ask for, and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import type { TestClient } from "../harness/client.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../harness/otlp.ts";
import { startSystem, type System } from "../harness/system.ts";

/** A trace that a client has begun, and the context of its span. */
export const TRACE = "0af7651916cd43dd8448eb211c80319c";
export const SAMPLED = `00-${TRACE}-b7ad6b7169203331-01`;

/** What a system of {@link withTracedSystem} has recorded and seen. */
export interface Seen {
  /** The spans of hops. */
  spans(): ReceivedSpan[];
  /** The trace contexts with which `dice.roll` was called. */
  calls: string[];
}

/** A system that records nothing unless a client asks for it. */
export async function withTracedSystem(
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

/** Joins a room, and asks for traces of its messages or not. */
export async function join(client: TestClient, room: string, trace?: boolean): Promise<void> {
  client.send({ type: "subscribe", room, trace });
  await client.take("subscribed");
}

/** The answer to a frame: its code, its trace or null. */
export async function answerTo(
  client: TestClient,
  frame: { id: string; [field: string]: unknown },
): Promise<string | null> {
  client.send(frame);
  const answer = await client.answer(frame.id);
  if (answer.type === "error") return answer.code;
  assert.ok(answer.type === "ack" || answer.type === "result", answer.type);
  return answer.traceId ?? null;
}
