/** The service as a process with its production permissions, and a real nats-server. */
import { exportJWK } from "jose";
import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { freePort } from "../../tests/harness/ports.ts";
import { type ChildProcess, startProcess } from "../../tests/harness/process.ts";
import { until } from "../../tests/harness/wait.ts";
import { AuthVerify, type DevToken, type Identity } from "../contract/mod.ts";
import { BASE_CONFIG, type Bus, connectBus, FaultError, request } from "../kit/mod.ts";
import { AUTH_CONFIG } from "./config.ts";
import {
  assertUnauthorized,
  captureLog,
  generateKeys,
  refusal,
  SECRET,
  sign,
} from "./test_tokens.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
const VARIABLES = [...Object.keys(BASE_CONFIG), ...Object.keys(AUTH_CONFIG)];
const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

interface Service extends AsyncDisposable {
  process: ChildProcess;
  url: string;
  ready(): Promise<void>;
}

/**
 * Starts the service with only the permissions it needs: its variables, its port, NATS, an issuer.
 */
function startAuth(
  nats: string,
  env: Record<string, string>,
  more: { net?: string; read?: string } = {},
): Service {
  const port = freePort();
  const hosts = [`127.0.0.1:${port}`, nats.replace("nats://", "")];
  if (more.net !== undefined) hosts.push(more.net);
  const flags = [
    "--no-prompt",
    `--allow-net=${hosts.join(",")}`,
    `--allow-env=${VARIABLES.join(",")}`,
    "--ignore-env",
  ];
  if (more.read !== undefined) flags.push(`--allow-read=${more.read}`);
  // Keeps the machine's environment out: an empty variable counts as not set.
  const unset = Object.fromEntries(VARIABLES.map((name) => [name, ""]));
  const process = startProcess(Deno.execPath(), ["run", "--frozen", ...flags, MAIN], {
    env: { ...unset, NATS_URL: nats, HOST: "127.0.0.1", PORT: String(port), ...env },
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    process,
    url,
    async ready() {
      await until("auth to be ready", async () => {
        if (process.ended !== undefined) throw new Error(process.output.join("\n"));
        const response = await fetch(`${url}/readyz`);
        await response.body?.cancel();
        return response.ok;
      });
    },
    [Symbol.asyncDispose]: () => process.kill(),
  };
}

/** Verifies one token over the bus. Rejects with a FaultError if it is refused. */
async function verifyOne(bus: Bus, token: string): Promise<Identity> {
  const { results: [result] } = await request(bus, AuthVerify, { tokens: [token] });
  if ("error" in result!) throw FaultError.from(result.error);
  return result!.identity;
}

/** Connects to NATS as a requester. */
async function connect(url: string): Promise<Bus & AsyncDisposable> {
  const bus = await connectBus({ url, name: "test", log: captureLog().log });
  return Object.assign(bus, { [Symbol.asyncDispose]: () => bus.drain() });
}

Deno.test("the service verifies tokens over NATS, and issues development tokens", async () => {
  await using nats = await startNats();
  await using auth = startAuth(nats.url, { AUTH_SECRET: SECRET, AUTH_DEV_TOKENS: "true" });
  await auth.ready();
  assert.match(await auth.process.line("development tokens are on"), /"level":"warn"/);
  await using bus = await connect(nats.url);
  const verify = (token: string) => verifyOne(bus, token);

  const exp = inAnHour();
  const identity = await verify(await sign(SECRET, { name: "Ann", exp, rooms: ["chat.>"] }));
  assert.deepEqual(identity, {
    userId: "u1",
    username: "Ann",
    expiresAt: exp * 1_000,
    rooms: ["chat.>"],
    calls: [],
    tokenId: null,
    issuedAt: null,
  });
  await assertUnauthorized(verify(await sign(SECRET + "!", { exp })), "signature");
  assert.deepEqual(await refusal(verify(await sign(SECRET, { exp: exp - 7_200 }))), {
    code: "token_expired",
    message: "Token expired",
  });
  assert.equal((await refusal(verify("x".repeat(8_193)))).code, "invalid_format");

  const response = await fetch(`${auth.url}/token`, {
    method: "POST",
    body: JSON.stringify({ username: "Bob" }),
  });
  const { token, ...issued }: DevToken = await response.json();
  const { tokenId, issuedAt, ...verified } = await verify(token);
  assert.deepEqual(verified, { ...issued, rooms: null, calls: ["*.*"] });
  assert.ok(tokenId !== null && issuedAt !== null, "a development token can be revoked");

  auth.process.signal("SIGTERM");
  assert.equal((await auth.process.status()).code, 0);
  assert.equal((await refusal(verify(token))).code, "unavailable");
  assert.ok(!auth.process.output.join("\n").includes(SECRET), "the secret is in the log");
});

Deno.test("without AUTH_DEV_TOKENS the route does not exist", async () => {
  await using nats = await startNats();
  await using auth = startAuth(nats.url, { AUTH_SECRET: SECRET });
  await auth.ready();
  const response = await fetch(`${auth.url}/token`, {
    method: "POST",
    body: JSON.stringify({ username: "Bob" }),
  });
  await response.body?.cancel();
  assert.equal(response.status, 404);
});

Deno.test("development tokens are for callers on this machine, whatever HOST says", async () => {
  await using nats = await startNats();
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/secret`, `${SECRET}\n`);
  const env = { AUTH_SECRET_FILE: `${folder}/secret`, AUTH_DEV_TOKENS: "true", HOST: "0.0.0.0" };
  const other = Deno.networkInterfaces().find(({ family, address }) =>
    family === "IPv4" && !address.startsWith("127.")
  )?.address;
  for (const remote of ["false", "true"]) {
    const more = { net: "0.0.0.0", read: `${folder}/secret` };
    await using auth = startAuth(nats.url, { ...env, AUTH_DEV_TOKENS_REMOTE: remote }, more);
    await auth.ready();
    const { port } = new URL(auth.url);
    const ask = async (host: string, headers: Record<string, string> = {}) => {
      const body = JSON.stringify({ username: "Bob" });
      const response = await fetch(`http://${host}:${port}/token`, {
        method: "POST",
        body,
        headers,
      });
      await response.body?.cancel();
      return response.status;
    };
    const elsewhere = remote === "true" ? 200 : 403;
    assert.equal(await ask("127.0.0.1"), 200);
    assert.equal(await ask("127.0.0.1", { "x-forwarded-for": "192.0.2.1" }), elsewhere);
    assert.equal(await ask("127.0.0.1", { forwarded: "for=192.0.2.1" }), elsewhere);
    // From an address of this machine that others use, too.
    if (other !== undefined) assert.equal(await ask(other), elsewhere);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a key file and a key set each need only their own permission", async () => {
  const { privateKey, publicKey, pem } = await generateKeys("ES256");
  const token = await sign(privateKey, { exp: inAnHour() }, { alg: "ES256" });
  const folder = await Deno.makeTempDir();
  let down = false;
  await using issuer = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async () =>
      down ? new Response(null, { status: 503 }) : Response.json({
        keys: [await exportJWK(publicKey)],
      }),
  );
  try {
    await Deno.writeTextFile(`${folder}/key.pem`, pem);
    await using nats = await startNats();
    await using bus = await connect(nats.url);
    const verify = (token: string) => verifyOne(bus, token);
    {
      const env = { AUTH_ALGORITHMS: "ES256", AUTH_PUBLIC_KEY_FILE: `${folder}/key.pem` };
      await using auth = startAuth(nats.url, env, { read: `${folder}/key.pem` });
      await auth.ready();
      assert.equal((await verify(token)).userId, "u1");
    }
    {
      const host = `localhost:${issuer.addr.port}`;
      const env = { AUTH_ALGORITHMS: "ES256", AUTH_JWKS_URL: `http://${host}/jwks` };
      await using auth = startAuth(nats.url, env, { net: host });
      await auth.ready();
      down = true;
      const { code, retryAfter } = await refusal(verify(token));
      assert.equal(code, "unavailable");
      assert.ok(retryAfter! > 0);
      down = false;
      await until("the key set to be fetched again", () => verify(token));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a wrong configuration ends the service with 78 and one line, even without NATS", async () => {
  const { pem } = await generateKeys("RS256");
  const cases: [Record<string, string>, RegExp][] = [
    [{}, /AUTH_SECRET: must be set/],
    [{ AUTH_SECRET: "too short" }, /AUTH_SECRET: expected at least 32 bytes$/],
    [{ AUTH_PUBLIC_KEY: pem }, /AUTH_ALGORITHMS: AUTH_PUBLIC_KEY holds public keys/],
    [{ AUTH_SECRET: SECRET, AUTH_ALGORITHMS: "HS256,RS256" }, /AUTH_ALGORITHMS: HS256 cannot/],
    [{ AUTH_ALGORITHMS: "ES256", AUTH_PUBLIC_KEY: pem }, /AUTH_PUBLIC_KEY: ES256 needs a key of/],
    [
      { AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY_FILE: "no-such-key.pem" },
      /AUTH_PUBLIC_KEY_FILE: /,
    ],
    [
      { AUTH_ALGORITHMS: "RS256", AUTH_PUBLIC_KEY: pem, AUTH_DEV_TOKENS: "true" },
      /AUTH_DEV_TOKENS: AUTH_PUBLIC_KEY only verifies/,
    ],
    [{ AUTH_JWKS_URL: "http://issuer.example/" }, /AUTH_JWKS_URL: expected an https URL/],
  ];
  const nowhere = `nats://127.0.0.1:${freePort()}`;
  for (const [env, line] of cases) {
    await using auth = startAuth(nowhere, { LOG_FORMAT: "text", ...env }, {
      read: "no-such-key.pem",
    });
    const { code } = await auth.process.status();
    const output = auth.process.output.join("\n");
    assert.equal(code, 78, output);
    assert.equal(auth.process.output.length, 1, output);
    assert.match(output, /^\d\d:\d\d:\d\d\.\d{3} ERROR AUTH_/);
    assert.match(output, line);
    assert.ok(!output.includes(SECRET) && !output.includes("too short"), output);
  }
});
