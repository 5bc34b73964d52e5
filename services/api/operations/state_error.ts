/**
 * The refusal of a request that is valid in itself, but not now.
 *
 * @module
 */
import type { ErrorCode } from "../../contract/mod.ts";
import { FaultError } from "../../kit/mod.ts";

/** A refusal with a status of its own: 404 if something does not exist, 409 for any other conflict. */
export class StateError extends FaultError {
  /** The status of the answer. */
  readonly status: 404 | 409;

  /** Takes the status beside what every refusal has. */
  constructor(status: 404 | 409, code: ErrorCode, detail?: string) {
    super(code, detail);
    this.status = status;
  }
}

/**
 * Does something for which a service is asked that refuses with `invalid_format` what the schemas allow. That is
 * because of the state: a time that has passed, a message that does not exist.
 *
 * @throws {StateError} instead of that refusal
 */
export async function withState<T>(status: 404 | 409, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== "invalid_format") throw error;
    const refusal = new StateError(status, "invalid_format");
    refusal.message = refusal.fault.message = error.fault.message;
    throw refusal;
  }
}
