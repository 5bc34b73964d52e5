/**
 * The one error class for a refusal that may be told to a client.
 *
 * @module
 */
import { type ErrorCode, type Fault, fault } from "../contract/mod.ts";

/** Thrown by endpoints to refuse, and by `request` when one has refused or could not be reached. */
export class FaultError extends Error {
  override name = "FaultError";
  readonly fault: Fault;

  constructor(code: ErrorCode, detail?: string, retryAfter?: number) {
    const made = fault(code, detail, retryAfter);
    super(made.message);
    this.fault = made;
  }

  /** The same with a fault that came from elsewhere, its sentence unchanged. */
  static from(given: Fault): FaultError {
    const error = new FaultError(given.code, undefined, given.retryAfter);
    error.message = given.message;
    error.fault.message = given.message;
    return error;
  }
}

/** The fault to tell a client for anything thrown: never the inner text of an unexpected error. */
export function faultOf(error: unknown): Fault {
  return error instanceof FaultError ? error.fault : fault("unavailable", undefined, 1_000);
}
