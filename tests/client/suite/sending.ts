/** The send queue: its bound, its order and the rate limit. */
import assert from "node:assert/strict";
import { newTraceparent } from "../../../client/mod.ts";
import {
  collectMessages,
  connect,
  contents,
  control,
  newRoomName,
  proxy,
  range,
  rejectsWith,
  until,
  within,
} from "./fixture.ts";

/** The tests by name. */
export const SENDING_TESTS: Record<string, () => Promise<void>> = {
  async "the queue refuses more than maxQueue messages"() {
    const ann = connect("ann", { url: "http://127.0.0.1:9", maxQueue: 10 });
    const room = ann.join("chat.x");
    const sends = range(10).map((n) => room.send(n));
    await rejectsWith(room.send(10), "queue_full");
    ann.close();
    for (const send of sends) await rejectsWith(send, "closed");
  },

  async "a message and a call are traced if the token allows it"() {
    const name = newRoomName();
    const ann = connect("ann", { claims: { rooms: [name] }, measure: true });
    const room = ann.join(name, { trace: true });
    await within("the room to be joined", room.joined);
    const { traceId } = await within("the trace", room.send("x", { trace: true }));
    assert.match(String(traceId), /^[0-9a-f]{32}$/);
    const traceparent = newTraceparent();
    const own = await within("its own trace", room.send("y", { traceparent }));
    assert.equal(own.traceId, traceparent.slice(3, 35));
    assert.equal((await within("an answer", room.send("z"))).traceId, undefined);
    const options = { trace: true, traceparent };
    assert.ok(await within("the call", ann.call("dice.roll", { sides: 6 }, options)));
    const bob = connect("bob", { claims: { rooms: { [name]: ["subscribe", "publish"] } } });
    const his = bob.join(name);
    await within("the room to be joined", his.joined);
    await rejectsWith(his.send("x", { trace: true }), "forbidden");
    await rejectsWith(bob.call("dice.roll", 1, options), "forbidden");
    await his.send("x");
  },

  async "a thousand queued messages are sent in order and below the rate limit"() {
    const ann = connect("ann", { url: proxy });
    const bob = connect("bob");
    const name = newRoomName();
    const [hers, his] = [ann.join(name), bob.join(name)];
    const received = collectMessages(his);
    await within("both rooms to be joined", Promise.all([hers.joined, his.joined]));
    await control("setProxyMode", { mode: { silent: true } });
    await control("cutConnections");
    await until("the loss to be noticed", () => ann.state !== "connected");
    const sends = range(1_000).map((n) => hers.send(n));
    await control("setProxyMode");
    const acks = await within("every acknowledgement", Promise.all(sends));
    assert.equal(acks.filter(({ duplicate }) => duplicate).length, 0);
    await until("every message", () => received.length >= 1_000);
    assert.deepEqual(contents(received), range(1_000));
  },
};
