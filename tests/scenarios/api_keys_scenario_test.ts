/** The HTTP API: what a key may do, against the real system. */
import assert from "node:assert/strict";
import { OPERATIONS } from "../../services/api/operations/mod.ts";
import { API_SCOPES, type ApiScope } from "../../services/contract/mod.ts";
import { apiOf } from "../harness/api.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

Deno.test("an API key does what its scopes, rooms and expiry allow, and nothing else", async (t) => {
  await using system = await startSystem({ apis: 1 });
  const api = await apiOf(system);

  await t.step("each operation needs its scope", async () => {
    const keys = new Map<ApiScope, string>();
    for (const scope of Object.keys(API_SCOPES) as ApiScope[]) {
      keys.set(scope, await api.addKey({ scopes: [scope] }));
    }
    for (const { name, scope, example } of OPERATIONS) {
      if (scope === null) continue;
      const key = keys.get(scope)!;
      const { status, body } = await api.send(name, example, { key });
      assert.equal(status, 200, `${name}: ${JSON.stringify(body)}`);
      for (const [other, key] of keys) {
        if (other === scope) continue;
        assert.equal((await api.refused("forbidden", name, example, { key })).status, 403);
      }
    }
    const publish = { room: "lobby", userId: "bot", content: 1 };
    const operations = [{ op: "publish", data: publish }, { op: "stats", data: {} }];
    const { results } = await api.done("batch", { operations }, { key: keys.get("publish")! });
    assert.ok(results[0].result.seq > 0);
    assert.equal(results[1].error.code, "forbidden");
    const kick = [{ op: "kick", data: { room: "lobby", userId: "u9" } }];
    await api.done("batch", { operations: kick }, { key: keys.get("moderate")! });
    const id = keys.get("moderate")!.split("_")[1];
    await until("each use of such a scope to be logged, also in a batch", () => {
      const { output } = system.apis[0]!.process;
      const uses = output.filter((line) =>
        line.includes('"operation":"kick"') && line.includes(`"key":"${id}"`)
      );
      return uses.length === 2;
    });
  });

  await t.step("a key that is limited to rooms does nothing elsewhere", async () => {
    const key = await api.addKey({ rooms: ["shop.*"] });
    const [inside, outside] = ["shop.one", "lobby"];
    const message = { userId: "bot", content: 1 };
    await api.done("publish", { room: inside, ...message }, { key });
    const { results } = await api.done("broadcast", { rooms: [inside, outside], ...message }, {
      key,
    });
    assert.deepEqual([results[0].seq > 0, results[1].error.code], [true, "forbidden"]);
    for (const op of ["publish", "signal"]) {
      await api.refused("forbidden", op, { room: outside, ...message }, { key });
    }
    for (const op of ["history", "presence", "bans"]) {
      await api.done(op, { room: inside }, { key });
      await api.refused("forbidden", op, { room: outside }, { key });
    }
    for (const op of ["kick", "ban", "unban"]) {
      await api.refused("forbidden", op, { room: outside, userId: "u" }, { key });
    }
    await api.refused("forbidden", "erase", { room: outside, seq: 1 }, { key });
    // What reaches beyond rooms.
    for (const op of ["bans", "stats", "revocations"]) {
      await api.refused("forbidden", op, {}, { key });
    }
    for (const op of ["connections", "disconnect", "revoke", "unrevoke", "erase"]) {
      await api.refused("forbidden", op, { userId: "u" }, { key });
    }
    await api.refused("forbidden", "event", { userId: "u", topic: "t", data: 1 }, { key });
    // Tokens within the rooms, and without calls.
    await api.done("token", { userId: "u", rooms: ["shop.one", "shop.*"] }, { key });
    for (const rooms of [undefined, ["shop.>"], ["*.one"], [{ room: ">", rights: [] }]]) {
      await api.refused("forbidden", "token", { userId: "u", rooms }, { key });
    }
    const calls = { userId: "u", rooms: ["shop.one"], calls: ["dice.roll"] };
    await api.refused("forbidden", "token", calls, { key });
    const { results: batched } = await api.done("batch", {
      operations: [{ op: "publish", data: { room: outside, ...message } }],
    }, { key });
    assert.equal(batched[0].error.code, "forbidden");
  });

  await t.step("without a key, with a wrong, expired or revoked one, nothing is done", async () => {
    const expired = await api.addKey({ expiresAt: Date.now() - 1 });
    for (const key of [null, "", "hw_a_b", expired, `${api.key}x`]) {
      const { status, headers } = await api.refused("unauthorized", "stats", {}, { key });
      assert.deepEqual([status, headers.get("www-authenticate")], [401, 'Bearer realm="hopwire"']);
    }
    const key = await api.addKey();
    await api.removeKey(key);
    await until("the key to be revoked", async () => {
      return (await api.send("stats", {}, { key })).status === 401;
    });
    assert.ok(!system.apis[0]!.process.output.some((line) => line.includes(api.key)));
  });

  await t.step("documents need no key; what is no operation is refused", async () => {
    const page = await fetch(`${api.url}/docs`);
    assert.match(
      page.headers.get("content-security-policy")!,
      /default-src 'none'; style-src 'sha/,
    );
    const html = await page.text();
    for (const { name } of OPERATIONS) assert.ok(html.includes(`POST /v1/${name}<`), name);
    assert.doesNotMatch(html, /<script|https?:\/\/(?!127\.0\.0\.1)/);
    const document = await (await fetch(`${api.url}/openapi.json`)).json();
    assert.deepEqual([document.openapi, Object.keys(document.paths).length], ["3.1.0", 19]);
    for (const [method, path, status] of [["GET", "/v1/stats", 405], ["POST", "/v1/no", 404]]) {
      const response = await fetch(`${api.url}${path}`, { method: String(method) });
      assert.equal(response.status, status);
      assert.ok((await response.json()).error.code);
    }
  });
});
