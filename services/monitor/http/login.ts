/**
 * The form that asks for MONITOR_TOKEN and sets the cookie.
 *
 * @module
 */
import type { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { setCookie } from "hono/cookie";
import { type Access, COOKIE } from "./access.ts";

/** How long a login lasts, seconds. */
const MAX_AGE_S = 30 * 86_400;

const MAX_BODY = 4_096;

const POLICY =
  "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const page = (message: string) =>
  `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hopwire monitor</title>
<link rel="stylesheet" href="/style.css">
<main id="login">
  <h1>Open monitor</h1>
  <p>${message}</p>
  <form id="login-form" method="post" action="/login">
    <label class="field">Token
      <input class="input" type="password" name="token" autocomplete="current-password" autofocus>
    </label>
    <button class="button">Open</button>
  </form>
</main>
</html>
`;

/** Adds `GET` and `POST /login`. */
export function addLoginRoutes(app: Hono, access: Access): void {
  const headers = { "content-security-policy": POLICY };
  app.get("/login", (c) => c.html(page("Enter MONITOR_TOKEN."), 200, headers));
  app.post("/login", bodyLimit({ maxSize: MAX_BODY }), async (c) => {
    const { token } = await c.req.parseBody();
    const cookie = typeof token === "string" ? access.login(token) : null;
    if (cookie === null) return c.html(page("That is not the token."), 401, headers);
    const secure = new URL(c.req.url).protocol === "https:" ||
      c.req.header("x-forwarded-proto") === "https";
    setCookie(c, COOKIE, cookie, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      secure,
      maxAge: MAX_AGE_S,
    });
    return c.redirect("/", 303);
  });
}
