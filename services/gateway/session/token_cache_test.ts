import assert from "node:assert/strict";
import { TokenCache } from "./token_cache.ts";

/** A cache on a clock of its own; tokens are `user` or `user@expiry`. */
function cache() {
  let time = 1_000;
  const asked: string[] = [];
  const tokens = new TokenCache((token) => {
    asked.push(token);
    const [userId, expiry] = token.split("@") as [string, string?];
    if (userId === "bad") return Promise.reject(new Error("unauthorized"));
    const expiresAt = expiry === undefined ? null : Number(expiry);
    return Promise.resolve({ userId, username: userId, expiresAt, rooms: null });
  }, () => time);
  return { tokens, asked, at: (now: number) => time = now };
}

Deno.test("a token is verified once, until it expires", async () => {
  const { tokens, asked, at } = cache();
  for (let i = 0; i < 3; i++) assert.equal((await tokens.verify("ann@5000")).userId, "ann");
  assert.equal(asked.length, 1);
  at(4_999);
  await tokens.verify("ann@5000");
  assert.equal(asked.length, 1);
  at(5_000);
  await tokens.verify("ann@5000");
  assert.equal(asked.length, 2);
});

Deno.test("one that never expires is verified again after a while", async () => {
  const { tokens, asked, at } = cache();
  await tokens.verify("ann");
  at(1_000 + 299_999);
  await tokens.verify("ann");
  assert.equal(asked.length, 1);
  at(1_000 + 300_000);
  await tokens.verify("ann");
  assert.equal(asked.length, 2);
});

Deno.test("a refusal is not remembered", async () => {
  const { tokens, asked } = cache();
  for (let i = 0; i < 2; i++) await assert.rejects(tokens.verify("bad"));
  assert.deepEqual([asked.length, tokens.size], [2, 0]);
});

Deno.test("a revoked user's tokens are forgotten, those being verified included", async () => {
  const { tokens, asked } = cache();
  await tokens.verify("ann");
  await tokens.verify("ann@900000");
  await tokens.verify("bob");
  const underWay = tokens.verify("ann@800000");
  tokens.revoke("ann");
  await underWay;
  assert.equal(tokens.size, 1);
  await tokens.verify("ann@800000");
  assert.equal(asked.length, 5);
  tokens.clear();
  assert.equal(tokens.size, 0);
});

Deno.test("there is a limit to what is remembered", async () => {
  const { tokens, asked } = cache();
  for (let i = 0; i < 10_500; i++) await tokens.verify(`user-${i}`);
  assert.equal(tokens.size, 10_000);
  await tokens.verify("user-10499");
  assert.equal(asked.length, 10_500);
  await tokens.verify("user-0");
  assert.equal(asked.length, 10_501, "the oldest made room");
});
