/**
 * Calls to services on the server's bus.
 *
 * @module
 */
import { HopwireError } from "./errors.ts";
import type { CallOptions } from "./options.ts";

/** Default time that a service may take, milliseconds. */
export const CALL_TIMEOUT_MS = 5_000;

/** How much longer the client waits, milliseconds: the server's own `timeout` should arrive first. */
export const CALL_GRACE_MS = 1_000;

/** Largest frame of a call, bytes. The server closes the connection above 65,536; the id comes on top. */
const MAX_CALL_BYTES = 65_000;

/**
 * Returns the frame of a call without its id. `method` is `<service>.<method>`; The
 * options' defaults are filled in.
 *
 * @throws {HopwireError} `too_large`
 * @throws {TypeError} `data` contains a cycle or a bigint
 */
export function callFrame(
  method: string,
  data: unknown,
  { timeout = CALL_TIMEOUT_MS, traceparent, trace }: CallOptions,
): { timeout: number } {
  const [service, name] = method.split(".");
  const frame = { type: "call", service, method: name, data, timeout, traceparent, trace };
  if (new TextEncoder().encode(JSON.stringify(frame)).length > MAX_CALL_BYTES) {
    throw new HopwireError("too_large", `data: the call must not exceed ${MAX_CALL_BYTES} bytes`);
  }
  return frame;
}
