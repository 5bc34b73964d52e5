/**
 * Verifies many tokens of one request.
 *
 * @module
 */
import type { AuthVerify, Fault } from "../contract/mod.ts";
import { faultOf } from "../kit/mod.ts";
import type { VerifyToken } from "./verify.ts";

type Request = typeof AuthVerify["request"]["_output"];
type Reply = typeof AuthVerify["reply"]["_output"];

/**
 * Verifies each token of a request. A refused token does not affect the others; `refused` receives each
 * refusal.
 */
export async function verifyBatch(
  { tokens }: Request,
  verify: VerifyToken,
  refused: (refusal: Fault) => void = () => {},
): Promise<Reply> {
  const results = await Promise.all(tokens.map(async (token) => {
    try {
      return { identity: await verify(token) };
    } catch (error) {
      const refusal = faultOf(error);
      refused(refusal);
      return { error: refusal };
    }
  }));
  return { results };
}
