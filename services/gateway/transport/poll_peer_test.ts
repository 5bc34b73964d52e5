import assert from "node:assert/strict";
import type { Session } from "../session/session.ts";
import { PollPeer } from "./poll_peer.ts";
import type { TransportDeps } from "./transport_deps.ts";

/** How long a closed session is kept for later polls, milliseconds. */
const PONG_TIMEOUT_MS = 1;

Deno.test("a session that was closed ends once, with the poll that fetches the rest", async () => {
  let ended = 0;
  const deps = {
    id: "gateway",
    config: { PONG_TIMEOUT_MS, PING_INTERVAL_MS: 1_000, SEND_BUFFER_BYTES: 1_000 },
    flushes: { bytesWritten: 0 },
    connections: { remove: () => ended++ },
    openSession: () => ({ identity: {} }) as Session,
  } as unknown as TransportDeps;
  const peer = new PollPeer(deps, "192.0.2.1");
  const poll = peer.poll(0);
  peer.close("draining");
  assert.match(new TextDecoder().decode(await poll), /"close":/);
  assert.equal(ended, 1);
  // The timer that would end it later was set first, so this one fires after it.
  await new Promise((resolve) => setTimeout(resolve, PONG_TIMEOUT_MS));
  peer.disconnected();
  assert.equal(ended, 1);
});
