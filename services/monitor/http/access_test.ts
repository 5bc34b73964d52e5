/** Who may see what monitor shows and send to it. */
import { Hono } from "hono";
import assert from "node:assert/strict";
import { type AccessOptions, createAccess } from "./access.ts";
import { addApiRoutes } from "./api.ts";
import { addLoginRoutes } from "./login.ts";
import { addReceiveRoutes } from "./receive.ts";

const TOKEN = "a token of sixteen characters and more";
const HERE = "127.0.0.1";
const AWAY = "192.0.2.7";

function appWith(options: Partial<AccessOptions>) {
  const app = new Hono();
  const access = createAccess({ token: undefined, remote: false, hosts: [], ...options });
  addReceiveRoutes(app, access, { received: () => {}, forward: () => {} });
  addApiRoutes(app, access, {
    overview: () => ({}) as never,
    messages: () => ({ messages: [] }),
    trace: () => undefined,
    prometheus: () => "",
  });
  addLoginRoutes(app, access);
  app.get("/", (c) => c.text("the page"));
  const ask = async (
    path: string,
    from: string,
    headers: Record<string, string> = {},
    body?: string,
  ) => {
    const env = { remoteAddr: { transport: "tcp", hostname: from, port: 1 } };
    const method = body === undefined ? "GET" : "POST";
    const all = { host: "127.0.0.1:8090", ...headers };
    return await app.request(`http://x${path}`, { method, headers: all, body }, env);
  };
  const status = async (...args: Parameters<typeof ask>) => (await ask(...args)).status;
  const send = (from: string, headers: Record<string, string> = {}) =>
    status("/v1/traces", from, { "content-type": "application/json", ...headers }, "{}");
  return { ask, status, send };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

Deno.test("without a token this machine alone sees and sends, under its own names", async () => {
  const { status, send } = appWith({});
  for (const path of ["/", "/api/overview", "/api/messages", "/metrics"]) {
    for (const here of [HERE, "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
      assert.equal(await status(path, here), 200, path);
    }
    assert.equal(await status(path, AWAY), 403, path);
    for (const host of ["localhost:8090", "[::1]:8090", "LOCALHOST"]) {
      assert.equal(await status(path, HERE, { host }), 200, host);
    }
    // The name of another site that leads to this machine.
    for (const host of ["evil.example:8090", "127.0.0.1.evil.example", ""]) {
      assert.equal(await status(path, HERE, { host }), 403, host);
    }
  }
  assert.equal(await send(HERE), 200);
  assert.equal(await send(AWAY), 403);
  assert.equal(await send(HERE, { host: "evil.example" }), 403);
  assert.equal(await status("/", AWAY, bearer(TOKEN)), 403);
});

Deno.test("MONITOR_REMOTE and MONITOR_HOSTS let a network in", async () => {
  const { status, send } = appWith({ remote: true, hosts: ["monitor"] });
  assert.equal(await send(AWAY, { host: "monitor:8090" }), 200);
  assert.equal(await status("/api/overview", AWAY, { host: "monitor:8090" }), 200);
  assert.equal(await status("/api/overview", AWAY, { host: "evil.example" }), 403);
});

Deno.test("with a token everybody needs it, but who sends from this machine", async () => {
  const { status, send } = appWith({ token: TOKEN });
  for (const from of [HERE, AWAY]) {
    for (const path of ["/api/overview", "/metrics"]) {
      assert.equal(await status(path, from), 401);
      assert.equal(await status(path, from, bearer(TOKEN.slice(1))), 401);
      assert.equal(await status(path, from, bearer(`${TOKEN}x`)), 401);
      assert.equal(await status(path, from, { authorization: TOKEN }), 401);
      assert.equal(await status(path, from, bearer(TOKEN)), 200);
      // Who knows the token does not read for another site.
      assert.equal(await status(path, from, { ...bearer(TOKEN), host: "any.example" }), 200);
    }
  }
  assert.equal(await send(HERE), 200);
  assert.equal(await send(AWAY), 401);
  assert.equal(await send(AWAY, bearer(TOKEN)), 200);
});

Deno.test("the form sets a cookie that is not the token, and opens the page", async () => {
  const { ask, status } = appWith({ token: TOKEN });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  // The page itself holds nothing secret, and asks for the token.
  assert.equal(await (await ask("/", AWAY)).text(), "the page");
  const metrics = await ask("/metrics", AWAY, { accept: "text/html,*/*" });
  assert.equal(metrics.status, 303);
  assert.equal(metrics.headers.get("location"), "/login");
  assert.match(await (await ask("/login", AWAY)).text(), /name="token"/);
  const wrong = await ask("/login", AWAY, form, "token=wrong");
  assert.equal(wrong.status, 401);
  assert.equal(wrong.headers.get("set-cookie"), null);
  const right = await ask("/login", AWAY, form, `token=${encodeURIComponent(TOKEN)}`);
  assert.equal(right.status, 303);
  const cookie = right.headers.get("set-cookie")!;
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /SameSite=Strict/);
  assert.ok(!decodeURIComponent(cookie).includes(TOKEN));
  const [pair] = cookie.split(";") as [string];
  assert.equal(await status("/", AWAY, { cookie: pair }), 200);
  assert.equal(await status("/api/overview", AWAY, { cookie: pair }), 200);
  assert.equal(await status("/api/overview", AWAY, { cookie: `${pair}0` }), 401);
  const secure = await ask(
    "/login",
    AWAY,
    { ...form, "x-forwarded-proto": "https" },
    `token=${encodeURIComponent(TOKEN)}`,
  );
  assert.match(secure.headers.get("set-cookie")!, /Secure/);
  assert.equal(await status("/login", AWAY, form, `token=${"x".repeat(5_000)}`), 413);
});

Deno.test("without a token there is no login", async () => {
  const { status } = appWith({});
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.equal(await status("/login", HERE, form, "token="), 401);
  assert.equal(await status("/login", HERE, form, "token=undefined"), 401);
});

Deno.test("the API names what is wrong with a question", async () => {
  const { ask } = appWith({});
  const cases: [path: string, status: number, text: RegExp][] = [
    ["/api/messages?seq=x", 400, /seq: expected a whole number/],
    ["/api/messages?order=fast", 400, /order: /],
    ["/api/messages?limit=201", 400, /limit: /],
    ["/api/traces/xyz", 400, /32 hexadecimal digits/],
    [`/api/traces/${"a".repeat(32)}`, 404, /no such trace/],
    ["/api/messages?room=a&seq=&limit=5", 200, /messages/],
  ];
  for (const [path, status, text] of cases) {
    const response = await ask(path, HERE);
    assert.equal(response.status, status, path);
    assert.match(await response.text(), text);
  }
});
