import assert from "node:assert/strict";
import { TokenCache } from "./token_cache.ts";

/** A cache with a manual clock. Tokens are `user` or `user@expiry`. */
function cache() {
  let time = 1_000;
  const verified: string[] = [];
  const tokens = new TokenCache((token) => {
    verified.push(token);
    const [userId, expiry] = token.split("@") as [string, string?];
    if (userId === "bad") return Promise.reject(new Error("unauthorized"));
    const expiresAt = expiry === undefined ? null : Number(expiry);
    const claims = { rooms: null, calls: [], tokenId: null, issuedAt: null };
    return Promise.resolve({ userId, username: userId, expiresAt, ...claims });
  }, () => time);
  return { tokens, verified, at: (now: number) => time = now };
}

Deno.test("a token is verified once, until it expires", async () => {
  const { tokens, verified, at } = cache();
  for (let i = 0; i < 3; i++) assert.equal((await tokens.verify("ann@5000")).userId, "ann");
  assert.equal(verified.length, 1);
  at(4_999);
  await tokens.verify("ann@5000");
  assert.equal(verified.length, 1);
  at(5_000);
  await tokens.verify("ann@5000");
  assert.equal(verified.length, 2);
});

Deno.test("a token that never expires is verified again after five minutes", async () => {
  const { tokens, verified, at } = cache();
  await tokens.verify("ann");
  at(1_000 + 299_999);
  await tokens.verify("ann");
  assert.equal(verified.length, 1);
  at(1_000 + 300_000);
  await tokens.verify("ann");
  assert.equal(verified.length, 2);
});

Deno.test("a refusal is not cached", async () => {
  const { tokens, verified } = cache();
  for (let i = 0; i < 2; i++) await assert.rejects(tokens.verify("bad"));
  assert.deepEqual([verified.length, tokens.size], [2, 0]);
});

Deno.test("the cache is bounded and evicts the oldest token", async () => {
  const { tokens, verified } = cache();
  for (let i = 0; i < 10_500; i++) await tokens.verify(`user-${i}`);
  assert.equal(tokens.size, 10_000);
  await tokens.verify("user-10499");
  assert.equal(verified.length, 10_500);
  await tokens.verify("user-0");
  assert.equal(verified.length, 10_501, "the oldest was evicted");
});
