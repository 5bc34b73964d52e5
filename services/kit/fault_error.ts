/**
 * The error class for refusals that clients may see.
 *
 * @module
 */
import { type ErrorCode, type Fault, fault } from "../contract/mod.ts";

/**
 * An error that clients may see. An endpoint throws it to refuse a request. `request` throws it if
 * the endpoint refused or could not be reached.
 */
export class FaultError extends Error {
  /** Always `"FaultError"`. */
  override name = "FaultError";
  /** The code, message and retry time that the client receives. */
  readonly fault: Fault;

  /** Takes an error code, a detail for the message, and a time to retry after in milliseconds. */
  constructor(code: ErrorCode, detail?: string, retryAfter?: number) {
    const made = fault(code, detail, retryAfter);
    super(made.message);
    this.fault = made;
  }

  /** Makes an error from a fault that another service sent. Keeps its message unchanged. */
  static from(given: Fault): FaultError {
    const error = new FaultError(given.code, undefined, given.retryAfter);
    error.message = given.message;
    error.fault.message = given.message;
    return error;
  }
}

/**
 * Returns the fault to send to a client for any thrown value. An unexpected error becomes
 * `unavailable`; its text is never exposed.
 */
export function faultOf(error: unknown): Fault {
  return error instanceof FaultError ? error.fault : fault("unavailable", undefined, 1_000);
}
