/** What is described of the bus is what a service of one's own may use. */
import assert from "node:assert/strict";
import { messageSubject, roomOfSubject } from "../../../contract/mod.ts";
import { busChannels } from "./channels.ts";
import { matchesSubject, ownRights, usersOf } from "./users.ts";
import { SCHEMAS } from "../named_schemas.ts";

const channels = busChannels({});

Deno.test("every subject that a service may use is described, and no other", () => {
  const rights = ownRights().flatMap(({ words, rights: { publish, subscribe } }) =>
    [...publish, ...subscribe].map((subject) => ({ words, subject }))
  );
  assert.ok(rights.length > 15);
  for (const { words, subject } of rights) {
    // The questions of ADR-32 by name and by id are described with those to all.
    const shown = subject.replace(/^(\$SRV\.\w+)\..*$/, "$1");
    assert.ok(
      channels.some((channel) => matchesSubject(shown, channel.subject)),
      `${words} may use ${subject}, which channels.ts does not describe`,
    );
  }
  for (const { name, subject } of channels) {
    assert.ok(rights.some((right) => matchesSubject(right.subject, subject)), name);
  }
});

Deno.test("who may publish and receive follows from the rights", () => {
  assert.deepEqual(usersOf(messageSubject("lobby")), {
    publishers: ["gateway", "api", "any service"],
    subscribers: [],
  });
  assert.deepEqual(usersOf("room.live.19.lobby"), {
    publishers: ["nats-server"],
    subscribers: ["gateway", "any service"],
  });
  assert.deepEqual(usersOf("rooms.ban").publishers, [
    "api",
    "operator",
    "a service with +moderate",
  ]);
});

Deno.test("schemas are named that exist, and examples are what their schemas accept", () => {
  for (const { name, address, subject, message, reply } of channels) {
    assert.ok(Object.hasOwn(SCHEMAS, message.headers), name);
    if (address.endsWith("{room}")) assert.equal(roomOfSubject(subject), "lobby");
    for (const { payload, examples } of [message, ...reply === undefined ? [] : [reply]]) {
      if (payload === undefined) continue;
      assert.ok(examples.length > 0, `${name} has no example`);
      for (const example of examples) SCHEMAS[payload]!.parse(example);
    }
  }
});
