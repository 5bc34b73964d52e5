/**
 * Who may see what monitor shows, and who may send to it.
 *
 * With a token, everybody needs it, except who sends telemetry from this machine. Without one, only this
 * machine is served, and only under its own names: a page of another site, whose name was made to lead
 * to this machine, must not read what monitor shows.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";

/** How access is configured. */
export interface AccessOptions {
  token: string | undefined;
  /** Whether other machines need no token to send, nor to see if there is none. */
  remote: boolean;
  /** Names beside those of this machine. */
  hosts: readonly string[];
}

/** The cookie that a login sets. */
export const COOKIE = "hopwire_monitor";

const OWN_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** The checks of access. */
export interface Access {
  /** Answers 401 or 403 to who may not see the page and what it shows. */
  viewers: MiddlewareHandler;
  /** Answers 401 or 403 to who may not send telemetry. */
  senders: MiddlewareHandler;
  /** Returns the value of the cookie for who knows the token; null for who does not. */
  login(token: string): string | null;
}

/** Creates the checks. */
export function createAccess({ token, remote, hosts }: AccessOptions): Access {
  const names = [...OWN_NAMES, ...hosts];
  // Not the token itself, so that a stolen cookie does not tell it.
  const cookie = token === undefined ? "" : digest(`cookie of monitor\0${token}`).toString("hex");

  const hasToken = (c: Context) => {
    if (token === undefined) return false;
    const given = /^Bearer (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    return given !== undefined && equal(given, token);
  };
  /** Why a request without a token is refused; undefined if it is not. */
  const refusal = (c: Context): string | undefined => {
    if (!remote && !isLoopback(c)) {
      return "set MONITOR_TOKEN on monitor, and send it as Authorization: Bearer";
    }
    const host = hostOf(c.req.header("host"));
    return names.includes(host) ? undefined : `the host ${host} is not one of MONITOR_HOSTS`;
  };
  return {
    viewers: async (c, next) => {
      if (token === undefined) {
        const reason = refusal(c);
        if (reason !== undefined) return c.json({ error: reason }, 403);
      } else if (!hasToken(c) && !equal(getCookie(c, COOKIE) ?? "", cookie)) {
        // The page holds nothing secret. It asks for the token itself, and keeps its address meanwhile.
        if (c.req.path === "/") return await next();
        if (wantsPage(c)) return c.redirect("/login", 303);
        return c.json({ error: "send MONITOR_TOKEN as Authorization: Bearer" }, 401);
      }
      await next();
    },
    senders: async (c, next) => {
      if (!hasToken(c)) {
        const reason = refusal(c);
        if (reason !== undefined) return c.json({ error: reason }, token === undefined ? 403 : 401);
      }
      await next();
    },
    login: (given) => token !== undefined && equal(given, token) ? cookie : null,
  };
}

/** Whether two texts are equal; takes as long for any two. */
function equal(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string) {
  return createHash("sha256").update(text).digest();
}

/** Whether the other end of the connection is on this machine. */
function isLoopback(c: Context): boolean {
  const { remoteAddr } = c.env as Deno.ServeHandlerInfo<Deno.NetAddr>;
  const host = remoteAddr.hostname.replace(/^::ffff:/, "");
  return host === "::1" || /^127\./.test(host);
}

/** The name of a `Host` header, without the port. */
function hostOf(header: string | undefined): string {
  return (header ?? "").toLowerCase().replace(/:\d+$/, "");
}

/** Whether a person opened the page, rather than a program. */
function wantsPage(c: Context): boolean {
  return c.req.method === "GET" && (c.req.header("accept") ?? "").includes("text/html");
}
