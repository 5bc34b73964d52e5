/**
 * What a close code means for the client: whether to reconnect, and with which token.
 *
 * @module
 */

/** The connection broke, or was never made, without a close code (RFC 6455, 7.1.5). */
export const CONNECTION_LOST = 1006;

/** The application could not supply a token. Not a code of any protocol. */
export const NO_TOKEN = 0;

/** RFC 6455 codes that blame what the client sent: sending it again would end the same way. */
const CLIENT_FAULTS = [1003, 1007, 1009];

/** Whether the server refused the token (4001) or the token has expired (4002). */
export function isTokenRefused(code: number): boolean {
  return code === 4001 || code === 4002;
}

/** Whether reconnecting is pointless: something must change first (4000 to 4099, PROTOCOL.md). */
export function isPermanent(code: number): boolean {
  return (code >= 4000 && code < 4100) || CLIENT_FAULTS.includes(code);
}
