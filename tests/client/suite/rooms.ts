/** Rooms as an application uses them: messages, members, signals, events, history, calls, errors. */
import assert from "node:assert/strict";
import type { HopwireError, Room, Schema } from "../../../client/mod.ts";
import { countListeners } from "../../../client/test_listeners.ts";
import {
  collectMessages,
  connect,
  contents,
  control,
  gateways,
  newRoomName,
  proxy,
  rejectsWith,
  until,
  within,
} from "./fixture.ts";

/** The tests by name. */
export const ROOM_TESTS: Record<string, () => Promise<void>> = {
  async "a room carries messages, members, signals and history; events and calls work"() {
    const name = newRoomName();
    const ann = connect("ann");
    const bob = connect("bob", { url: gateways[1]!.replace("http", "ws") + "/ws" });
    const room = ann.join(name);
    assert.equal(ann.join(name), room);
    await within("the room to be joined", room.joined);
    assert.equal(ann.state, "connected");
    assert.deepEqual(ann.user, { userId: "ann", username: "ann" });
    const presence: string[] = [];
    room.on("member-joined", ({ userId }) => presence.push(userId));
    room.on("member-left", ({ userId }) => presence.push(`-${userId}`));
    const other = bob.join(name);
    await within("the room to be joined", other.joined);
    await until(
      "both to list each other",
      () => room.members.size === 2 && other.members.size === 2,
    );
    assert.deepEqual([...other.members.keys()].sort(), ["ann", "bob"]);
    assert.equal(other.count, 2);
    const iterated: unknown[] = [];
    const iteration = (async () => {
      for await (const { content } of other) {
        iterated.push(content);
        if (iterated.length === 3) break;
      }
    })();
    const ack = await room.send({ text: "hello" }, { id: "mine" });
    assert.deepEqual([ack.id, ack.room, ack.duplicate], ["mine", name, false]);
    assert.deepEqual(await room.send("again", { id: "mine" }), { ...ack, duplicate: true });
    await room.send("two");
    await room.send(null);
    await within("three messages", iteration);
    assert.deepEqual(iterated, [{ text: "hello" }, "two", null]);
    const signals: unknown[] = [];
    other.on("signal", ({ userId, content }) => signals.push([userId, content]));
    assert.equal(room.signal({ typing: true }), true);
    await until("the signal", () => signals.length > 0);
    assert.deepEqual(signals, [["ann", { typing: true }]]);
    const events: unknown[] = [];
    ann.on("event", (event) => events.push(event));
    await control("sendEvent", { user: "ann" });
    await until("the event", () => events.length > 0);
    assert.deepEqual(events, [{ topic: "order.shipped", data: 17 }]);
    const newest: unknown[] = [];
    for await (const { content } of other.history({ pageSize: 2 })) newest.push(content);
    assert.deepEqual(newest, [null, "two", { text: "hello" }]);
    const answer = await ann.call("dice.roll", { sides: 6 }) as { rolled: { data: unknown } };
    assert.deepEqual(answer.rolled.data, { sides: 6 });
    await rejectsWith(ann.call("nobody.there"), "service_not_found");
    await rejectsWith(ann.call("slow.sleep", null, { timeout: 20 }), "timeout");
    other.leave();
    assert.equal(other.state, "left");
    await until("the leave of bob", () => presence.length === 2);
    assert.deepEqual(presence, ["bob", "-bob"]);
    await until("the latency", () => ann.latency !== undefined);
  },

  async "members see each other's state, also after a reconnect"() {
    const name = newRoomName();
    const room = connect("ann").join(name);
    await within("the room to be joined", room.joined);
    const seen: unknown[] = [];
    const left: string[] = [];
    room.on("member-joined", ({ presence }) => seen.push(["joined", presence]));
    room.on("member-updated", ({ presence }) => seen.push(["updated", presence]));
    room.on("member-left", ({ userId }) => left.push(userId));
    const bob = connect("bob", { url: proxy });
    const other = bob.join(name, { presenceState: { status: "here" } });
    await until("bob", () => seen.length === 1);
    await within("the room to be joined", other.joined);
    other.setPresence({ status: "typing" });
    other.setPresence({ status: "away", since: 1 });
    await until("the update", () => seen.length === 2);
    assert.deepEqual(room.members.get("bob")?.presence, { status: "away", since: 1 });
    await control("cutConnections");
    await until("bob to leave", () => left.length === 1);
    await until("bob to be back", () => seen.length === 3);
    await until("bob's own entry", () => other.members.get("bob")?.presence?.status === "away");
    other.setPresence(null);
    await until("the cleared state", () => seen.length === 4);
    assert.deepEqual(seen, [
      ["joined", { status: "here" }],
      ["updated", { status: "away", since: 1 }],
      ["joined", { status: "away", since: 1 }],
      ["updated", undefined],
    ]);
    assert.deepEqual(room.members.get("bob"), { userId: "bob", username: "bob" });
    assert.throws(() => other.setPresence({ text: "x".repeat(1_024) }), { code: "too_large" });
    // A user who may only read joins without the state.
    const claims = { rooms: { [name]: ["subscribe", "presence"] } };
    const cid = connect("cid", { claims }).join(name, { presenceState: { status: "here" } });
    const errors: string[] = [];
    cid.on("error", ({ code }) => errors.push(code));
    await within("the room to be joined", cid.joined);
    await until("the refusal", () => errors.length === 1);
    assert.deepEqual([cid.state, errors], ["joined", ["forbidden"]]);
    assert.equal(room.members.get("cid")?.presence, undefined);
  },

  async "a refusal has a code and does not end more than it must"() {
    const ann = connect("ann");
    const room = ann.join(newRoomName());
    await within("the room to be joined", room.joined);
    const large = await rejectsWith(room.send("x".repeat(40_000)), "too_large");
    assert.match(large.message, /40002 bytes, the limit is 32768/);
    await rejectsWith(room.send(undefined), "invalid_format");
    await rejectsWith(room.send("x", { id: "with blanks" }), "invalid_format");
    const secret = ann.join("secret.room");
    const errors: HopwireError[] = [];
    secret.on("error", (error) => errors.push(error));
    await rejectsWith(secret.joined, "forbidden");
    assert.deepEqual(errors.map(({ code }) => code), ["forbidden"]);
    await rejectsWith(secret.send("x"), "forbidden");
    assert.equal(ann.rooms.size, 1);
    assert.throws(() => ann.join("not a room"), { code: "invalid_format" });
    assert.equal((await room.send("still here")).duplicate, false);
    const cursor = ann.join("cursor.a");
    const messages = collectMessages(cursor);
    await within("the room to be joined", cursor.joined);
    assert.equal((await cursor.send([1, 2])).seq, 0);
    await until("the message", () => messages.length === 1);
  },

  async "a typed room delivers valid contents alone, live, iterated and from history"() {
    const name = newRoomName();
    const other = connect("bob").join(name);
    const schema: Schema<number> = {
      "~standard": {
        version: 1,
        vendor: "suite",
        validate: (value) =>
          typeof value === "number"
            ? { value: value + 1_000 }
            : { issues: [{ message: "no number", path: ["here", { key: 0 }] }] },
      },
    };
    const ann = connect("ann");
    const room = ann.join(name, { schema });
    const problems: string[] = [];
    room.on("invalid", ({ received, error }) => {
      problems.push(`${JSON.stringify(received.content)} ${error.code} ${error.message}`);
    });
    const messages = collectMessages(room as Room);
    await within("the room to be joined", room.joined);
    const iterated = within("an iterated message", room.messages().next());
    for (const content of ["one", 2, null, 3]) await other.send(content);
    await until("the valid messages", () => messages.length === 2);
    assert.deepEqual(contents(messages), [1_002, 1_003]);
    assert.equal((await iterated).value?.content, 1_002);
    const history: unknown[] = [];
    for await (const { content } of room.history({ after: 0 })) history.push(content);
    assert.deepEqual(history, [1_002, 1_003]);
    const invalid = [
      '"one" invalid_content here: 0: no number',
      "null invalid_content here: 0: no number",
    ];
    assert.deepEqual(problems, [...invalid, ...invalid], "once live and once from history");
    await rejectsWith(ann.call("dice.roll", { sides: 6 }, { schema }), "invalid_content");
  },

  async "abort signals end what they were passed to, and keep no listeners"() {
    const ann = connect("ann");
    const room = ann.join(newRoomName());
    await within("the room to be joined", room.joined);
    const abort = new AbortController();
    const { signal } = abort;
    const listeners = countListeners(signal);
    await room.send(1, { signal });
    for await (const _ of room.history({ signal })) break;
    await ann.call("dice.roll", null, { signal });
    assert.equal(listeners(), 0);
    let received = 0;
    room.on("message", () => received++, { signal });
    await room.send(2);
    await until("the message", () => received === 1);
    const call = ann.call("slow.sleep", null, { signal });
    abort.abort(new Error("enough"));
    await assert.rejects(call, /enough/);
    await assert.rejects(room.send(3, { signal }), /enough/);
    const messages = collectMessages(room);
    await room.send(4);
    await until("the message", () => messages.length === 1);
    assert.equal(received, 1);
    const clientAbort = new AbortController();
    const bob = connect("bob", { signal: clientAbort.signal });
    const his = bob.join(newRoomName());
    await within("the room to be joined", his.joined);
    clientAbort.abort();
    assert.equal(bob.state, "closed");
    assert.equal(his.state, "left");
    assert.throws(() => bob.join("x"), { code: "closed" });
  },
};
