/** Tokens: refresh, refusal, expiry and revocation. */
import assert from "node:assert/strict";
import {
  connect,
  control,
  newRoomName,
  reachState,
  rejectsWith,
  until,
  within,
} from "./fixture.ts";

/** The tests by name. */
export const TOKEN_TESTS: Record<string, () => Promise<void>> = {
  async "a token is refreshed without a new connection"() {
    let requested = 0;
    const ann = connect("ann", {
      token: () => (requested++, control<string>("token", { user: "ann", lifetime: 3 })),
    });
    const states: string[] = [];
    ann.on("state", ({ state }) => states.push(state));
    const room = ann.join(newRoomName());
    await within("the room to be joined", room.joined);
    await until("three refreshes", () => requested >= 4);
    await room.send("still here");
    assert.deepEqual(states, ["connecting", "connected"]);
    assert.ok(requested < 10, `${requested} tokens were requested`);
  },

  async "a refused token closes the client after one attempt with a fresh token"() {
    const bad = connect("ann", { token: "not a token" });
    const room = bad.join("chat.x");
    const error = await rejectsWith(room.joined, "closed");
    assert.equal(error.closeCode, 4001);
    assert.match(error.message, /Not authenticated/);
    assert.equal(bad.state, "closed");
    let requested = 0;
    const renewed = connect("ann", {
      token: () => requested++ === 0 ? "stale" : control<string>("token", { user: "ann" }),
    });
    await reachState(renewed, "connected");
    assert.equal(requested, 2);
    const alwaysRefused = connect("ann", { token: () => (requested++, "stale") });
    await reachState(alwaysRefused, "closed");
    assert.equal(requested, 4);
    const expired = connect("ann", {
      token: await control<string>("token", { user: "ann", lifetime: -5 }),
    });
    assert.equal((await rejectsWith(expired.join("chat.x").joined, "closed")).closeCode, 4002);
    const revoked = connect("eve");
    await reachState(revoked, "connected");
    await control("revokeTokens", { user: "eve" });
    await reachState(revoked, "closed");
    // A token function that fails is called again.
    const errors: unknown[] = [];
    const retried = connect("ann", {
      token: () => {
        if (errors.length < 2) throw new Error("no token yet");
        return control<string>("token", { user: "ann" });
      },
    });
    retried.on("error", (reason) => errors.push(reason));
    await reachState(retried, "connected");
    assert.equal(retried.transport, "websocket");
    assert.equal(errors.length, 2);
  },
};
