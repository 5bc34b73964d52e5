/** The send queue: its bound, its order and the rate limit. */
import assert from "node:assert/strict";
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
