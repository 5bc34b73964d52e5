/**
 * Asks auth who the bearers of tokens are, many tokens at a time.
 *
 * @module
 */
import { AuthVerify, type Identity, MAX_BATCH } from "../../../contract/mod.ts";
import { Batcher, type Bus, FaultError, request } from "../../../kit/mod.ts";

/** Tokens that may wait, and how long each may take in all, milliseconds; see AUTH_DEADLINE_MS. */
const MAX_QUEUE = 20_000;
const DEADLINE_MS = 4_000;

/** Bytes of tokens in one request: an RS256 token has about 1 KB. */
const MAX_BYTES = 256 * 1024;

/** Makes the verifier of one gateway. A refused token rejects with a FaultError. */
export function createVerifier(bus: Bus): Batcher<string, Identity> {
  return new Batcher<string, Identity>({
    maxBatch: MAX_BATCH,
    maxBytes: MAX_BYTES,
    sizeOf: (token) => token.length,
    maxQueue: MAX_QUEUE,
    deadlineMs: DEADLINE_MS,
    async send(tokens, timeout) {
      const { results } = await request(bus, AuthVerify, { tokens }, { timeout });
      return results.map((result) =>
        "error" in result ? FaultError.from(result.error) : result.identity
      );
    },
  });
}
