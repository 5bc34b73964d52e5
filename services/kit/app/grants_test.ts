import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { type Grant, RoomsGrant } from "../../contract/mod.ts";
import { connectBus } from "../bus.ts";
import { serve } from "../endpoints.ts";
import { FaultError, faultOf } from "../fault_error.ts";
import { createLogger } from "../log.ts";
import { createGrants, type GrantRequest, type Grants } from "./grants.ts";

const GRANT: Grant = { rights: ["subscribe"], stored: true, presence: "on" };
const LOBBY: GrantRequest = { room: "lobby", claim: ["lobby"], userId: "ada" };

/** What is asked of rooms, and how it answers. */
interface Rooms {
  asked: GrantRequest[];
  answer: () => Promise<Grant>;
  /** The time that the grants see, milliseconds. */
  now: number;
}

async function withGrants(play: (grants: Grants, rooms: Rooms) => Promise<void>): Promise<void> {
  await using server = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: server.url, name: "test", log });
  const rooms: Rooms = { asked: [], answer: () => Promise.resolve(GRANT), now: 0 };
  serve(bus, RoomsGrant, "rooms", async (wanted) => {
    rooms.asked.push(wanted);
    return { grant: await rooms.answer() };
  });
  await bus.nats.flush();
  try {
    await play(createGrants(bus, () => rooms.now), rooms);
  } finally {
    await bus.drain();
  }
}

Deno.test("a grant is asked for once in two seconds, for each user, claim and room", () =>
  withGrants(async (grants, rooms) => {
    const [one, same] = await Promise.all([grants.of(LOBBY), grants.of(LOBBY)]);
    assert.deepEqual([one, same], [GRANT, GRANT]);
    assert.deepEqual(rooms.asked, [LOBBY]);
    rooms.now = 1_999;
    await grants.of(LOBBY);
    assert.equal(rooms.asked.length, 1);
    rooms.now = 2_000;
    await grants.of(LOBBY);
    assert.equal(rooms.asked.length, 2);
    const others = [{ userId: "bob" }, { claim: null }, { room: "hall" }];
    for (const other of others) await grants.of({ ...LOBBY, ...other });
    assert.equal(rooms.asked.length, 5);
  }));

Deno.test("a failure is not remembered, and no name of a room is asked about", () =>
  withGrants(async (grants, rooms) => {
    rooms.answer = () => Promise.reject(new FaultError("unavailable"));
    await assert.rejects(grants.of(LOBBY), (error) => faultOf(error).code === "unavailable");
    rooms.answer = () => Promise.resolve(GRANT);
    assert.deepEqual(await grants.of(LOBBY), GRANT);
    const wrong = grants.of({ ...LOBBY, room: "no room" });
    await assert.rejects(wrong, (error) => faultOf(error).code === "invalid_format");
    assert.equal(rooms.asked.length, 2);
  }));

Deno.test("what waits and what is remembered are bounded", () =>
  withGrants(async (grants, rooms) => {
    const gate = Promise.withResolvers<void>();
    rooms.answer = () => gate.promise.then(() => GRANT);
    const ask = (room: string) => grants.of({ ...LOBBY, room });
    const waiting = Array.from({ length: 256 }, (_, n) => ask(`room-${n}`));
    await assert.rejects(ask("one-more"), (error) => faultOf(error).code === "unavailable");
    gate.resolve();
    assert.equal((await Promise.all(waiting)).length, 256);
    for (let at = 256; at < 4_097; at += 128) {
      await Promise.all(Array.from({ length: 128 }, (_, n) => ask(`room-${at + n}`)));
    }
    const before = rooms.asked.length;
    await ask("room-4000");
    assert.equal(rooms.asked.length, before);
    await ask("room-0");
    assert.equal(rooms.asked.length, before + 1, "the oldest answer is still remembered");
    const claim = Array.from({ length: 64 }, (_, n) => `${"x".repeat(60)}.${n}`);
    for (let n = 0; n < 2; n++) await grants.of({ ...LOBBY, claim });
    assert.equal(rooms.asked.length, before + 3, "a large claim is remembered");
  }));
