/** Fallback transports behind a proxy that blocks WebSocket or buffers streams. */
import assert from "node:assert/strict";
import type { TransportName } from "../../../client/mod.ts";
import { connect, control, converse, gateways, proxy, reachState, until } from "./fixture.ts";

/** The tests by name. */
export const TRANSPORT_TESTS: Record<string, () => Promise<void>> = {
  async "server-sent events replace a blocked WebSocket, at any gateway, and are remembered"() {
    await control("setProxyMode", { mode: { webSocket: false } });
    const stored = new Map<string, string>();
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
    };
    const ann = connect("ann", { url: proxy, storage });
    const bob = connect("bob");
    await reachState(ann, "connected");
    assert.equal(ann.transport, "sse");
    await until(
      "the transport to be remembered",
      () => stored.get("hopwire.transport")?.startsWith("sse") === true,
    );
    await converse(ann, bob, () => control("cutConnections"));
    const before = (await control<Record<string, number>>("requestCounts"))["/ws"];
    const next = connect("ann", { url: proxy, storage });
    await reachState(next, "connected");
    assert.equal((await control<Record<string, number>>("requestCounts"))["/ws"], before);
    assert.equal(next.transport, "sse");
    await control("setProxyMode");
  },

  async "long polling replaces streams that a proxy buffers"() {
    await control("setProxyMode", { mode: { webSocket: false, buffering: true } });
    const ann = connect("ann", { url: proxy, connectTimeout: 1_000 });
    const bob = connect("bob");
    await reachState(ann, "connected");
    assert.equal(ann.transport, "poll");
    await converse(ann, bob, () => control("cutConnections"));
    await control("setProxyMode");
  },

  async "the client returns to WebSocket after the server was down"() {
    await control("killGateway", { gateway: 1 });
    const ann = connect("ann", { url: gateways[1], random: () => 0.02 });
    const tried = new Set<TransportName>();
    ann.on("state", ({ transport }) => tried.add(transport));
    await until("every transport to be tried", () => tried.size === 3);
    await control("restartGateway", { gateway: 1 });
    await until(
      "WebSocket",
      () => ann.state === "connected" && ann.transport === "websocket",
    );
  },
};
