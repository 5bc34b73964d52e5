/** Clients follow one message, signal or call through the system, if they have the right `trace`. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { liveSubject } from "../../services/contract/mod.ts";
import type { ReceivedSpan } from "../harness/otlp.ts";
import { tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { answerTo, join, SAMPLED, TRACE, withTracedSystem } from "./traced_system.ts";

Deno.test("a call is traced if the client has the right `trace` in any room", () =>
  withTracedSystem({}, async (system, { spans, calls }) => {
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
      const traceId = await answerTo(ann, { ...call, id: "forced", trace: true });
      const own = TRACE.replace(/^0/, String(index));
      const traceparent = SAMPLED.replace(TRACE, own);
      assert.equal(await answerTo(ann, { ...call, id: "own", traceparent }), own);
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
  withTracedSystem({}, async (system) => {
    const ann = await system.client({ user: "ann" });
    ann.send({ type: "subscribe", room: "quiet.a", trace: true, id: "s" });
    const refused = await ann.answer("s");
    assert.ok(refused.type === "error" && refused.code === "forbidden");
    assert.equal(refused.message, "Not allowed: no right to trace in quiet.a");
    await join(ann, "quiet.a");
    await join(ann, "lobby", true);
  }));

Deno.test("a message is recorded if its sender asks and may, and its acknowledgement names the trace", () =>
  withTracedSystem({}, async (system, { spans }) => {
    const ann = await system.client({ user: "ann" });
    await join(ann, "lobby");
    await join(ann, "quiet.a");
    const message = { type: "message", room: "lobby", content: 1 };
    assert.equal(await answerTo(ann, { ...message, id: "plain" }), null);
    const forced = await answerTo(ann, { ...message, id: "forced", trace: true });
    assert.match(String(forced), /^[0-9a-f]{32}$/);
    assert.equal(await answerTo(ann, { ...message, id: "own", traceparent: SAMPLED }), TRACE);
    const unsampled = SAMPLED.replace(/01$/, "00").replace("0af", "1af");
    const traced = { ...message, traceparent: unsampled, trace: true };
    assert.equal(await answerTo(ann, { ...traced, id: "both" }), "1" + TRACE.slice(1));
    assert.equal(
      await answerTo(ann, { ...message, id: "not", traceparent: unsampled.replace("1af", "2af") }),
      "2" + TRACE.slice(1),
    );
    const root = await until(
      "the root",
      () => spans().find(({ traceId, parentSpanId }) => traceId === forced && parentSpanId === ""),
    );
    assert.equal(root.name, "edge.receive");
    for (const traceId of [forced, TRACE, "1" + TRACE.slice(1)]) {
      await until(
        "the message to be archived",
        () => spans().some((span) => span.name === "archive.store" && span.traceId === traceId),
      );
    }
    // Nothing is stored where the right is missing.
    const quiet = { ...message, room: "quiet.a", trace: true, id: "quiet" };
    assert.equal(await answerTo(ann, quiet), "forbidden");
    const { message: text } = ann.frames.findLast(({ type }) => type === "error") as never;
    assert.equal(text, "Not allowed: no right to trace in quiet.a");
    assert.equal(
      await answerTo(ann, { ...message, room: "other", trace: true, id: "o" }),
      "room_not_found",
    );
    ann.send({ type: "history", room: "quiet.a", id: "h" });
    assert.deepEqual((await ann.take("history")).messages, []);
    const recorded = new Set(spans().map(({ traceId }) => traceId));
    assert.deepEqual(recorded, new Set([forced, TRACE, "1" + TRACE.slice(1)]));
  }));

Deno.test("a sampled flag without the right is cleared, and the ids are kept", () =>
  withTracedSystem({}, async (system, { spans }) => {
    const ann = await system.client({ user: "ann" });
    await join(ann, "quiet.a");
    const nats = await connect({ servers: system.nats.url });
    const live = nats.subscribe(liveSubject("quiet.a"), { max: 1 });
    await nats.flush();
    const message = { type: "message", room: "quiet.a", content: 1, traceparent: SAMPLED };
    assert.equal(await answerTo(ann, { ...message, id: "1" }), TRACE);
    for await (const { headers } of live) {
      assert.match(headers!.get("traceparent"), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    }
    await nats.close();
    assert.deepEqual(spans(), []);
  }));

Deno.test("traces beyond the ratio are limited for each user and for the gateway", () =>
  withTracedSystem({ USER_RATE_TRACES: "1", RATE_TRACES: "2" }, async (system) => {
    const message = { type: "message", room: "lobby", content: 1, trace: true };
    const outcomes = async (user: string, count: number) => {
      const client = await system.client({ user });
      await join(client, "lobby");
      const answers: (string | null)[] = [];
      for (let i = 0; i < count; i++) {
        answers.push(await answerTo(client, { ...message, id: `${user}${i}` }));
      }
      return { client, refused: answers.filter((code) => /_|unavailable/.test(String(code))) };
    };
    const started = performance.now();
    const ann = await outcomes("ann", 14);
    const bob = await outcomes("bob", 14);
    const cid = await outcomes("cid", 4);
    const seconds = (performance.now() - started) / 1_000;
    const about = (refused: unknown[], code: string, count: number) => {
      assert.ok(refused.every((one) => one === code), JSON.stringify(refused));
      assert.ok(refused.length <= count && refused.length >= count - 2 * seconds - 1);
    };
    about(ann.refused, "rate_limited", 4);
    about(bob.refused.filter((code) => code === "rate_limited"), "rate_limited", 4);
    about(cid.refused, "unavailable", 4);
    const error = ann.client.frames.find(({ type }) => type === "error");
    assert.ok(error?.type === "error" && error.retryAfter! > 0);
    assert.match(error.message, /traces of this user/);
  }));

Deno.test("members that ask and may receive the trace of recorded messages, others do not", () =>
  withTracedSystem({}, async (system) => {
    const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
    await join(ann, "lobby");
    await join(bob, "lobby", true);
    const say = async (id: string, trace?: boolean) => {
      const traceId = await answerTo(ann, {
        type: "message",
        room: "lobby",
        content: 1,
        id,
        trace,
      });
      const ofId = (frame: { id: string }) => frame.id === id;
      const [atAnn, atBob] = [
        await ann.take("room-message", ofId),
        await bob.take("room-message", ofId),
      ];
      assert.equal(atAnn.traceparent, undefined);
      const { traceparent, ...rest } = atBob;
      assert.deepEqual(rest, atAnn);
      return { traceId, traceparent };
    };
    assert.equal((await say("plain")).traceparent, undefined);
    const { traceId, traceparent } = await say("traced", true);
    assert.match(String(traceparent), new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    // What is read again has no trace.
    bob.send({ type: "history", room: "lobby", id: "h" });
    const { messages } = await bob.take("history");
    assert.deepEqual(messages.map((message) => message.traceparent), [undefined, undefined]);
    const { epoch } = bob.frames.find(({ type }) => type === "subscribed") as { epoch: string };
    bob.send({ type: "subscribe", room: "lobby", since: { seq: 0, epoch }, trace: true });
    await bob.take("subscribed");
    const replayed = await bob.take("room-message", ({ id }) => id === "traced");
    assert.equal(replayed.traceparent, undefined);
    assert.notEqual((await say("again", true)).traceparent, undefined);
    // Subscribing without `trace` ends it, and so does a token without the right.
    await join(bob, "lobby");
    assert.equal((await say("off", true)).traceparent, undefined);
    await join(bob, "lobby", true);
    assert.notEqual((await say("on", true)).traceparent, undefined);
    const token = await tokenFor("bob", { rooms: { lobby: ["subscribe"] } });
    bob.send({ type: "auth", token, id: "narrow" });
    await bob.take("authenticated", ({ id }) => id === "narrow");
    assert.equal((await say("narrow", true)).traceparent, undefined);
  }));

Deno.test("a signal is traced from the frame that was read to the members that get it", () =>
  withTracedSystem({}, async (system, { spans }) => {
    const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
    for (const room of ["lobby", "quiet.a"]) {
      await join(ann, room);
      await join(bob, room);
    }
    const signal = { type: "signal", content: 1 };
    ann.send({ ...signal, room: "lobby" });
    ann.send({ ...signal, room: "quiet.a", trace: true, id: "refused" });
    const refused = await ann.answer("refused");
    assert.equal(refused.type === "error" && refused.code, "forbidden");
    ann.send({ ...signal, room: "quiet.a", traceparent: SAMPLED.replace("0af", "1af") });
    ann.send({ ...signal, room: "lobby", traceparent: SAMPLED, trace: true });
    await bob.takeMany("room-signal", 3);
    const found = await until("the hops of the signal", () => {
      const all = spans();
      return all.some(({ name }) => name === "edge.fanout") && all;
    });
    assert.deepEqual(new Set(found.map(({ traceId }) => traceId)), new Set([TRACE]));
    const only = (name: string): ReceivedSpan => {
      const named = found.filter((span) => span.name === name);
      assert.equal(named.length, 1, `${name}: ${JSON.stringify(found, null, 1)}`);
      return named[0]!;
    };
    assert.equal(only("edge.receive").parentSpanId, SAMPLED.slice(36, 52));
    assert.equal(only("edge.queue").parentSpanId, only("bus.deliver").spanId);
    assert.equal(only("edge.fanout").attributes["hopwire.members"], 2);
  }));
