/**
 * The variables of what stands before HTTP: proxies, TLS and deadlines.
 *
 * @module
 */
import * as z from "zod";
import { ConfigError, flag, integer, list } from "../../../kit/mod.ts";
import { networkProblem } from "./address.ts";
import { FORWARDED_HEADERS } from "./client_address.ts";

/** The schemas of the variables. */
export const FRONT_CONFIG = {
  TRUSTED_PROXIES: list().superRefine((parts, context) => {
    const problem = parts.map(networkProblem).find((text) => text !== undefined);
    if (problem !== undefined) context.addIssue(problem);
  }).default([]).meta({
    description: "The proxies before the gateway. Only they may tell the addresses of clients.",
    range: "comma-separated addresses and networks, such as 10.0.0.0/8",
  }),
  FORWARDED_HEADER: z.enum(FORWARDED_HEADERS).default("x-forwarded-for").meta({
    description:
      "The header in which trusted proxies tell the address of a client. They must set or " +
      "extend it; what a client sends in the other header is ignored.",
  }),
  PROXY_PROTOCOL: flag().default(false).meta({
    description:
      "Whether connections of `TRUSTED_PROXIES` begin with a PROXY protocol header of version 2. " +
      "The gateway then closes those without one.",
  }),
  TLS_CERT_FILE: z.string().optional().meta({
    description:
      "The certificate chain, in PEM. With `TLS_KEY_FILE` the gateway speaks `wss` and " +
      "`https` alone. It loads changed files within seconds.",
    range: "a path",
  }),
  TLS_KEY_FILE: z.string().optional().meta({
    description: "The private key of `TLS_CERT_FILE`, in PEM.",
    range: "a path",
  }),
  TLS_REDIRECT_PORT: integer(1, 65_535).optional().meta({
    description: "A port for plain HTTP whose requests are redirected to `https` on `PORT`.",
  }),
  HSTS_MAX_AGE: integer(0, 63_072_000).default(31_536_000).meta({
    description: "How long browsers use `https` alone after a visit by TLS. 0 does not ask for it.",
    unit: "s",
  }),
  REQUEST_TIMEOUT_MS: integer(100, 600_000).default(15_000).meta({
    description: "How long a client may take for each of these: TLS handshake, PROXY header, " +
      "HTTP request with its body.",
    unit: "ms",
  }),
} as const;

/** The configuration of the front. */
export type FrontConfig = z.infer<z.ZodObject<typeof FRONT_CONFIG>>;

/**
 * Checks what variables demand of each other.
 *
 * @throws {ConfigError} for the first one that misses another
 */
export function checkFrontConfig(config: FrontConfig): void {
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key } = config;
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? "TLS_CERT_FILE" : "TLS_KEY_FILE";
    throw new ConfigError(`${missing}: must be set, because the other file of TLS is`);
  }
  if (config.TLS_REDIRECT_PORT !== undefined && cert === undefined) {
    throw new ConfigError("TLS_REDIRECT_PORT: there is no TLS to redirect to; set TLS_CERT_FILE");
  }
  if (config.PROXY_PROTOCOL && config.TRUSTED_PROXIES.length === 0) {
    throw new ConfigError("PROXY_PROTOCOL: no proxy is trusted; set TRUSTED_PROXIES");
  }
}
