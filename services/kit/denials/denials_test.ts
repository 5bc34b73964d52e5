/** The list of denials, its pages, and the stream behind it on a real nats-server. */
import { jetstreamManager } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { startNats } from "../../../tests/harness/nats.ts";
import { until } from "../../../tests/harness/wait.ts";
import { type Denial, DENIALS_STREAM, denialSubject, type Identity } from "../../contract/mod.ts";
import { type Bus, connectBus } from "../bus.ts";
import { createLogger } from "../log.ts";
import { DenialList } from "./denial_list.ts";
import { denialPage } from "./denial_page.ts";
import { createDenialStore, keepDenialsStream } from "./denial_store.ts";
import { type Denials, followDenials } from "./follow_denials.ts";

const at = 1_000_000;
const identity = (more: Partial<Identity>): Identity => ({
  userId: "ann",
  username: "Ann",
  expiresAt: null,
  rooms: null,
  calls: [],
  tokenId: null,
  issuedAt: null,
  ...more,
});
const ofUser = (userId: string, before: number, expiresAt: number | null = null): Denial => ({
  kind: "user",
  userId,
  before,
  at,
  expiresAt,
});
const ofToken = (tokenId: string, expiresAt: number | null = null): Denial => ({
  kind: "token",
  tokenId,
  at,
  expiresAt,
});

Deno.test("a list knows who is denied what, and until when", () => {
  let now = at;
  const list = new DenialList(() => now);
  list.set(ofUser("ann", 500, at + 10), 1);
  list.set(ofToken("t1"), 2);
  list.set({ kind: "ban", userId: "ann", room: "a.b", at, expiresAt: at + 5 }, 3);
  list.set({ ...ofToken("t2"), lifted: true }, 4);
  const cases: [Partial<Identity>, boolean][] = [
    [{ issuedAt: 499 }, true],
    [{ issuedAt: 500 }, false],
    // It may have been issued at any time.
    [{ issuedAt: null }, true],
    [{ userId: "bob" }, false],
    [{ userId: "bob", tokenId: "t1" }, true],
    [{ userId: "bob", tokenId: "t2" }, false],
  ];
  for (const [token, revoked] of cases) {
    assert.equal(list.isRevoked(identity(token)), revoked, JSON.stringify(token));
  }
  assert.equal(list.banOf("ann", "a.b")?.kind, "ban");
  assert.equal(list.banOf("ann", "a"), undefined);
  now = at + 5;
  assert.equal(list.banOf("ann", "a.b"), undefined);
  now = at + 10;
  assert.equal(list.isRevoked(identity({ issuedAt: 1 })), false);
  assert.deepEqual(list.prune().map(({ seq }) => seq), [1, 3]);
  assert.equal(list.size, 2);
});

Deno.test("pages have each denial in force once", () => {
  const list = new DenialList(() => at);
  for (let i = 0; i < 25; i++) list.set(ofToken(`t${i}`), i + 1);
  list.set({ ...ofToken("t3"), lifted: true }, 30);
  list.set(ofUser("ann", 1), 31);
  const found: Denial[] = [];
  let after: string | undefined;
  do {
    const page = denialPage(list, ({ kind }) => kind === "token", { after, limit: 10 });
    found.push(...page.denials);
    after = page.next;
  } while (after !== undefined);
  assert.equal(new Set(found.map((denial) => denialSubject(denial))).size, 24);
  assert.equal(found.length, 24);
});

/** A stream of denials on a server, kept by one process and followed by another. */
async function withStream(
  max: number,
  play: (parts: {
    bus: Bus;
    keeper: Denials;
    follower: Denials;
    store: ReturnType<typeof createDenialStore>;
    nats: Awaited<ReturnType<typeof startNats>>;
  }) => Promise<void>,
): Promise<void> {
  await using nats = await startNats();
  const log = createLogger("test", { level: "error" });
  const [bus, other] = await Promise.all(
    ["keeper", "follower"].map((name) => connectBus({ url: nats.url, name, log })),
  ) as [Bus, Bus];
  const [keeper, follower] = [followDenials(bus), followDenials(other)];
  const store = createDenialStore(bus, keeper);
  const stop = keepDenialsStream(bus, keeper, store, { max });
  try {
    assert.ok(await follower.waitUntilFresh(5_000, 10_000), "the stream was not created");
    await play({ bus, keeper, follower, store, nats });
  } finally {
    stop();
    keeper.stop();
    follower.stop();
    await Promise.all([bus.drain(), other.drain()]);
  }
}

Deno.test("a follower has what another process stores, also what was stored before it began", () =>
  withStream(2_000, async ({ bus, keeper, follower, store }) => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `t${i}`);
    for (let i = 0; i < ids.length; i += 100) {
      await Promise.all(
        ids.slice(i, i + 100).map((tokenId) =>
          store.write({ kind: "token", tokenId }, () => ofToken(tokenId))
        ),
      );
    }
    const late = followDenials(bus);
    for (const denials of [keeper, follower, late]) {
      await until("all denials", () => denials.list.size === ids.length);
      assert.ok(ids.every((tokenId) => denials.list.isRevoked(identity({ tokenId }))));
    }
    assert.ok(await store.lift({ kind: "token", tokenId: "t500" }));
    for (const denials of [follower, late]) {
      await until("the lifted one", () => !denials.list.isRevoked(identity({ tokenId: "t500" })));
    }
    late.stop();
  }));

Deno.test("of writers at the same time none overwrites another's word", () =>
  withStream(100, async ({ store, keeper }) => {
    const times = [500, 100, 900, 300, 700];
    await Promise.all(
      times.map((before) =>
        store.write({ kind: "user", userId: "ann" }, (stored) => {
          if (stored?.kind === "user" && stored.before >= before) return undefined;
          return ofUser("ann", before);
        })
      ),
    );
    assert.ok(keeper.list.isRevoked(identity({ issuedAt: 899 })));
  }));

Deno.test("what has ended makes room, and a full stream says that it is full", () =>
  withStream(2, async ({ bus, store, keeper }) => {
    const soon = Date.now() + 500;
    await store.write({ kind: "token", tokenId: "a" }, () => ofToken("a", soon));
    await store.write({ kind: "token", tokenId: "b" }, () => ofToken("b"));
    const third = () => store.write({ kind: "token", tokenId: "c" }, () => ofToken("c"));
    await assert.rejects(third(), /as many revocations and bans as AUTH_MAX_DENIALS allows/);
    await until("the first one to end", () => keeper.list.expired(soon));
    // Another process, which prunes what it finds to have ended when it starts.
    const next = followDenials(bus);
    const stop = keepDenialsStream(bus, next, createDenialStore(bus, next), { max: 2 });
    await until("room for another one", async () => (await third()) !== undefined);
    stop();
    next.stop();
  }));

Deno.test("a denial that somebody overwrites stays in force, and is stored again", () =>
  withStream(10, async ({ bus, follower, store }) => {
    const denied = { kind: "token", tokenId: "a" } as const;
    await store.write(denied, () => ofToken("a"));
    const manager = await jetstreamManager(bus.nats, { checkAPI: false });
    // As a consumer of another stream would deliver it: without the header of this one.
    for (const subject of [denialSubject(denied), "denial.other"]) {
      await bus.nats.request(subject, JSON.stringify({ ...ofToken("a"), lifted: true }));
    }
    await until("the denial to be stored again", async () => {
      const { state } = await manager.streams.info(DENIALS_STREAM);
      const last = await manager.streams.getMessage(DENIALS_STREAM, {
        last_by_subj: denialSubject(denied),
      });
      return state.messages === 1 && last !== null && !last.string().includes("lifted");
    });
    assert.ok(follower.list.isRevoked(identity({ tokenId: "a" })));
  }));

Deno.test("a follower that gets no answer says so, and a purge is refused", () =>
  withStream(10, async ({ bus, follower, store, nats }) => {
    await store.write({ kind: "token", tokenId: "a" }, () => ofToken("a"));
    const manager = await jetstreamManager(bus.nats, { checkAPI: false });
    await assert.rejects(manager.streams.purge(DENIALS_STREAM), /purge/);
    assert.ok(follower.isFresh(5_000));
    await nats.kill();
    await until("the list to be stale", () => !follower.isFresh(1_000));
    assert.equal(await follower.waitUntilFresh(1_000, 50), false);
    await nats.restart();
    assert.ok(await follower.waitUntilFresh(1_000, 10_000));
    assert.ok(follower.list.isRevoked(identity({ tokenId: "a" })));
  }));
