/**
 * Verifies many tokens of one request.
 *
 * @module
 */
import type { AuthVerify } from "../contract/mod.ts";
import { faultOf } from "../kit/mod.ts";
import type { VerifyToken } from "./verify.ts";

type Request = typeof AuthVerify["request"]["_output"];
type Reply = typeof AuthVerify["reply"]["_output"];

/** Verifies each token of a request. A refused token refuses no other. */
export async function verifyBatch({ tokens }: Request, verify: VerifyToken): Promise<Reply> {
  const results = await Promise.all(tokens.map(async (token) => {
    try {
      return { identity: await verify(token) };
    } catch (error) {
      return { error: faultOf(error) };
    }
  }));
  return { results };
}
