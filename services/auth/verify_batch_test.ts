import assert from "node:assert/strict";
import type { Fault } from "../contract/mod.ts";
import { FaultError } from "../kit/mod.ts";
import { verifyBatch } from "./verify_batch.ts";

const NO_CLAIMS = { rooms: null, calls: [], tokenId: null, issuedAt: null };

/** Tokens are user ids, or codes of refusals. The second one is the slowest. */
const verify = async (token: string) => {
  if (token === "slow") await new Promise((resolve) => setImmediate(resolve));
  if (token === "token_expired") throw new FaultError("token_expired");
  if (token === "broken") throw new Error("a secret detail");
  return { userId: token, username: token, expiresAt: null, ...NO_CLAIMS };
};

Deno.test("results are in the order of the tokens, and a refused token refuses no other", async () => {
  const refused: Fault[] = [];
  const tokens = ["ann", "slow", "token_expired", "bob", "ann"];
  const { results } = await verifyBatch({ tokens }, verify, (fault) => void refused.push(fault));
  assert.deepEqual(
    results.map((one) => "identity" in one ? one.identity.userId : one.error.code),
    tokens,
  );
  assert.deepEqual(refused.map(({ code }) => code), ["token_expired"]);
});

Deno.test("an unexpected error refuses its token, and its text is not exposed", async () => {
  const { results } = await verifyBatch({ tokens: ["broken", "ann"] }, verify);
  const [broken, ann] = results;
  assert.ok("error" in broken! && "identity" in ann!);
  assert.equal(broken.error.code, "unavailable");
  assert.doesNotMatch(JSON.stringify(broken), /secret/);
});
