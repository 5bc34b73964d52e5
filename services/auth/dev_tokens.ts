/**
 * `POST /token`: signs a token for any caller on this machine. For development only: the route exists
 * only if AUTH_DEV_TOKENS is on. CORS is open, because the demo page and pages under development have other
 * origins.
 *
 * @module
 */
import type { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import {
  describeIssue,
  type DevToken,
  type DevTokenRefused,
  DevTokenRequest,
  MAX_TOKEN_LENGTH,
} from "../contract/mod.ts";
import type { Logger } from "../kit/mod.ts";
import type { AuthConfig } from "./config.ts";
import { signToken } from "./sign_token.ts";

/** Largest request body, bytes: twice the longest token. */
const MAX_BODY_BYTES = 16 * 1024;

/** Most characters of a username that its generated user id starts with. */
const MAX_SLUG_LENGTH = 40;

/** Logs a warning if development tokens are on. */
export function warnOfDevTokens(config: AuthConfig, log: Logger): void {
  if (!config.AUTH_DEV_TOKENS) return;
  const whom = config.AUTH_DEV_TOKENS_REMOTE ? "any caller" : "any caller on this machine";
  log.warn(`development tokens are on: POST /token signs a token for ${whom}`);
}

/**
 * Adds the route. It answers 200 with a {@link DevToken}, 400 with a
 * {@link DevTokenRefused} for an invalid body, 403 for a caller on another machine, and 413 for a body that is too large. Signs with `secret` by HS256.
 */
export function addTokenRoute(
  app: Hono,
  config: AuthConfig,
  secret: Uint8Array<ArrayBuffer>,
): void {
  app.use("/token", cors({ origin: "*", allowMethods: ["POST"] }));
  app.post(
    "/token",
    async (c, next) => {
      if (config.AUTH_DEV_TOKENS_REMOTE || isLocal(c.env, c.req.raw.headers)) {
        return await next();
      }
      const error =
        "development tokens are for callers on this machine; see AUTH_DEV_TOKENS_REMOTE";
      return c.json({ error } satisfies DevTokenRefused, 403);
    },
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => c.json({ error: `expected at most ${MAX_BODY_BYTES} bytes` }, 413),
    }),
    async (c) => {
      let body: unknown;
      try {
        body = JSON.parse(await c.req.text());
      } catch {
        return c.json({ error: "not JSON" }, 400);
      }
      const parsed = DevTokenRequest.safeParse(body);
      if (!parsed.success) return c.json({ error: describeIssue(parsed.error) }, 400);
      const { username, userId = generateUserId(username), rooms, calls, ttl } = parsed.data;
      const content = { userId, username, rooms, calls, ttl: ttl ?? config.AUTH_DEV_TOKEN_TTL };
      const { token, expiresAt } = await signToken(content, config, secret);
      if (token.length > MAX_TOKEN_LENGTH) {
        const error = `rooms: the token would be longer than ${MAX_TOKEN_LENGTH} characters`;
        return c.json({ error }, 400);
      }
      return c.json({ token, userId, username, expiresAt } satisfies DevToken);
    },
  );
}

/**
 * Whether a caller is on this machine, whatever address the server listens on. A proxy on this machine
 * speaks for others: it adds a header.
 */
function isLocal(connection: unknown, headers: Headers): boolean {
  const address = (connection as Partial<Deno.ServeHandlerInfo> | undefined)?.remoteAddr;
  // Without an address nobody called over a network.
  if (address === undefined) return true;
  if (!("hostname" in address)) return false;
  if (headers.has("forwarded") || headers.has("x-forwarded-for")) return false;
  return /^(?:::ffff:)?127(?:\.\d+){3}$|^::1$/.test(address.hostname);
}

/**
 * Generates a user id: `Ann Lee` becomes `ann-lee-3f9a2c`. The random suffix keeps users of the
 * same name apart.
 */
function generateUserId(username: string): string {
  const plain = username.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
  const slug = plain.replace(/[^a-z0-9]+/g, "-").slice(0, MAX_SLUG_LENGTH).replace(/^-|-$/g, "");
  return `${slug || "user"}-${crypto.getRandomValues(new Uint8Array(3)).toHex()}`;
}
