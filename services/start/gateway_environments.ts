/**
 * The environments of several gateways on one port: each has a health port of its own.
 *
 * @module
 */
import type { Environment } from "./environments.ts";
import { freePort } from "./ports.ts";

/**
 * Returns the environment of each of `count` gateways. One gateway alone keeps `env`. With several, each
 * gets its own `HEALTH_PORT`: numbers that follow the given one, or else free ports. A given
 * `HEALTH_PORT_FILE` is that of the first; the others append their number.
 */
export function gatewayEnvironments(env: Environment, count: number): Environment[] {
  if (count === 1) return [env];
  const { HEALTH_PORT: given, HEALTH_PORT_FILE: file } = env;
  return Array.from({ length: count }, (_, index) => ({
    ...env,
    HEALTH_PORT: String(Number(given) ? Number(given) + index : freePort()),
    ...file && index > 0 ? { HEALTH_PORT_FILE: `${file}-${index + 1}` } : {},
  }));
}

/** Returns the URL that says whether a gateway is ready: on its health port, if it has one. */
export function gatewayReadyUrl(host: string, env: Environment): string {
  if (Number(env.HEALTH_PORT)) return `http://${host}:${env.HEALTH_PORT}/readyz`;
  return `http${env.TLS_CERT_FILE ? "s" : ""}://${host}:${env.PORT}/readyz`;
}
