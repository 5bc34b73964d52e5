/**
 * Trace contexts that begin in the client.
 *
 * @module
 */

/**
 * Returns a W3C trace context that begins a trace. Pass it where `traceparent` is expected; the
 * characters 3 to 34 are the id of the trace.
 *
 * @example
 * ```ts ignore
 * const traceparent = newTraceparent();
 * await hop.call("dice.roll", { sides: 6 }, { traceparent, trace: true });
 * const traceId = traceparent.slice(3, 35);
 * ```
 */
export function newTraceparent(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
  return `00-${hex.slice(16)}-${hex.slice(0, 16)}-01`;
}
