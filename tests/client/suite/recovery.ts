/** Losses of the connection: killed gateways, dead links, resumed clients. */
import assert from "node:assert/strict";
import { HopwireError, type StateEvent } from "../../../client/mod.ts";
import {
  collectMessages,
  connect,
  contents,
  control,
  converse,
  gateways,
  newRoomName,
  proxy,
  range,
  rejectsWith,
  until,
  within,
} from "./fixture.ts";

/** The tests by name. */
export const RECOVERY_TESTS: Record<string, () => Promise<void>> = {
  async "a killed gateway loses and duplicates no message"() {
    const ann = connect("ann");
    const bob = connect("bob");
    const states: StateEvent[] = [];
    ann.on("state", (event) => states.push(event));
    let queued: Promise<unknown>[] = [];
    const name = newRoomName();
    const quiet = ann.join(name);
    const received = collectMessages(bob.join(name));
    await within("both rooms to be joined", Promise.all([quiet.joined, bob.join(name).joined]));
    await converse(ann, bob, async () => {
      await control("killGateway", { gateway: 0 });
      await until("the loss to be noticed", () => ann.state !== "connected");
      queued = range(50).map((n) => quiet.send(n));
      await control("restartGateway", { gateway: 0 });
    });
    await within("the queued messages", Promise.all(queued));
    await until("every queued message", () => received.length === 50);
    assert.deepEqual(contents(received), range(50));
    assert.ok(states.some(({ state, retryIn }) => state === "waiting" && retryIn !== undefined));
  },

  async "a client that resumes receives exactly the missed messages"() {
    const ann = connect("ann", { url: proxy });
    const bob = connect("bob", { url: gateways[1] });
    const name = newRoomName();
    const [hers, his] = [ann.join(name), bob.join(name)];
    const received = collectMessages(hers);
    const joins: boolean[] = [];
    hers.on("joined", ({ recovered }) => joins.push(recovered));
    await within("both rooms to be joined", Promise.all([hers.joined, his.joined]));
    await his.send(0);
    await until("the first message", () => received.length === 1);
    await control("setProxyMode", { mode: { silent: true } });
    await control("cutConnections");
    for (const n of range(30, 1)) await his.send(n);
    await control("setProxyMode");
    await until("the missed messages", () => received.length === 31);
    assert.deepEqual(contents(received), range(31));
    assert.deepEqual(joins, [false, true]);
    // A new client resumes from there.
    const since = hers.since!;
    ann.close();
    await his.send(31);
    const newClient = connect("ann");
    const resumed = newClient.join(name, { since });
    const newMessages = collectMessages(resumed);
    await until("the new message", () => newMessages.length === 1);
    assert.deepEqual(contents(newMessages), [31]);
    const lost: unknown[] = [];
    const otherEpoch = connect("cid").join(name, { since: { seq: 1, epoch: "another" } });
    otherEpoch.on("lost", (event) => lost.push(event));
    await within("the room to be joined", otherEpoch.joined);
    assert.deepEqual(lost, [{ after: 1, before: resumed.since!.seq + 1 }]);
  },

  async "pings detect a dead link"() {
    const ann = connect("ann", { url: proxy, pingInterval: 100, pingTimeout: 300 });
    const room = ann.join(newRoomName());
    await within("the room to be joined", room.joined);
    const waits: (string | undefined)[] = [];
    ann.on("state", ({ state, reason }) => state === "waiting" && waits.push(reason));
    await control("setProxyMode", { mode: { silent: true } });
    await until("the dead link to be noticed", () => waits.length > 0);
    assert.equal(waits[0], "the server did not answer a ping");
    const sent = room.send("after the dead link");
    await control("setProxyMode");
    await control("cutConnections");
    assert.ok((await within("the acknowledgement", sent)).seq > 0);
  },

  async "the client gives up after maxAttempts and rejects everything that waits"() {
    const ann = connect("ann", { url: "http://127.0.0.1:9", maxAttempts: 4, random: () => 0 });
    const waiting = ann.join("chat.x").send("x");
    const call = ann.call("dice.roll");
    const gaveUp = new Promise((resolve) => ann.on("reconnect-failed", resolve));
    assert.ok(await within("reconnect-failed", gaveUp) instanceof HopwireError);
    assert.equal(ann.state, "closed");
    await rejectsWith(waiting, "closed");
    await rejectsWith(call, "closed");
  },
};
