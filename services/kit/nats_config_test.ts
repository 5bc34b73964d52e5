/** Every way in which a service may connect to NATS, with a real server. */
import { nkeys } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import * as z from "zod";
import { startNats } from "../../tests/harness/nats.ts";
import { connectBus } from "./bus.ts";
import { readConfig } from "./config.ts";
import { createLogger } from "./log.ts";
import { NATS_CONFIG, natsOptions } from "./nats_config.ts";

const log = createLogger("test", { write: () => {} });

function optionsOf(env: Record<string, string>) {
  return natsOptions(readConfig(z.object(NATS_CONFIG), (name) => env[name]), "dice");
}

/** Connects with these variables, and sends a request to itself. */
async function tryConnection(env: Record<string, string>): Promise<void> {
  const bus = await connectBus({ options: optionsOf(env), name: "dice", log });
  try {
    bus.nats.subscribe("test.echo", {
      callback: (_, message) => void message.respond(message.data),
    });
    const reply = await bus.nats.request("test.echo", "x", { timeout: 5_000 });
    assert.equal(reply.string(), "x");
    assert.match(bus.createInbox(), /^_INBOX\.dice\.\w+$/);
  } finally {
    await bus.drain();
  }
}

/** What a server says to credentials that it does not know. The library's socket ends untidily. */
async function assertRejected(env: Record<string, string>, message: RegExp): Promise<void> {
  const reset = (event: ErrorEvent) => {
    if (/ECONNRESET/.test(String(event.error))) event.preventDefault();
  };
  globalThis.addEventListener("error", reset);
  try {
    await assert.rejects(tryConnection(env), message);
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    globalThis.removeEventListener("error", reset);
  }
}

async function withFolder(play: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-nats-config-" });
  try {
    await play(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a text to a file and returns its path. */
async function save(file: string, text: string | Uint8Array): Promise<string> {
  if (typeof text === "string") await Deno.writeTextFile(file, text);
  else await Deno.writeFile(file, text);
  return file;
}

const PERMISSIONS = 'permissions { publish: ["test.>", "_INBOX.dice.>"], ' +
  'subscribe: ["test.>", "_INBOX.dice.>"] }';

Deno.test("a user with a password, given as it is, in a file, or in the URL", () =>
  withFolder(async (folder) => {
    const user = `{ user: "dice", password: "s3cret", ${PERMISSIONS} }`;
    await using nats = await startNats({ config: `authorization { users: [${user}] }` });
    const NATS_URL = nats.url;
    const file = await save(`${folder}/password`, "s3cret\n");
    await tryConnection({ NATS_URL, NATS_USER: "dice", NATS_PASSWORD: "s3cret" });
    await tryConnection({ NATS_URL, NATS_USER: "dice", NATS_PASSWORD_FILE: file });
    await tryConnection({ NATS_URL: NATS_URL.replace("nats://", "nats://dice:s3cret@") });
    const wrong = { NATS_URL, NATS_USER: "dice", NATS_PASSWORD: "other" };
    await assertRejected(wrong, /[Aa]uthorization/);
  }));

Deno.test("an nkey", () =>
  withFolder(async (folder) => {
    const key = nkeys.createUser();
    const user = `{ nkey: ${key.getPublicKey()}, ${PERMISSIONS} }`;
    await using nats = await startNats({ config: `authorization { users: [${user}] }` });
    const seed = new TextDecoder().decode(key.getSeed());
    const file = await save(`${folder}/dice.nk`, `${seed}\n`);
    await tryConnection({ NATS_URL: nats.url, NATS_NKEY_FILE: file });
    const other = await save(`${folder}/other.nk`, nkeys.createUser().getSeed());
    await assertRejected({ NATS_URL: nats.url, NATS_NKEY_FILE: other }, /[Aa]uthorization/);
  }));

/** Signs a JWT as `nsc` does. */
function jwt(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, nats: object): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const claims = {
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1_000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    nats: { version: 2, ...nats },
  };
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}`;
  const signature = issuer.sign(new TextEncoder().encode(text));
  return `${text}.${signature.toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

Deno.test("a credentials file", () =>
  withFolder(async (folder) => {
    const [operator, system, account, user] = [
      nkeys.createOperator(),
      nkeys.createAccount(),
      nkeys.createAccount(),
      nkeys.createUser(),
    ];
    const limits = { subs: -1, data: -1, payload: -1 };
    const more = { imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
    const preload = [system, account].map((one) =>
      `${one.getPublicKey()}: ${
        jwt(operator, one, { type: "account", limits: { ...limits, ...more } })
      }`
    );
    const inboxes = ["test.>", "_INBOX.dice.>"];
    const rights = { pub: { allow: inboxes }, sub: { allow: inboxes } };
    const userJwt = jwt(account, user, { type: "user", ...limits, ...rights });
    await using nats = await startNats({
      config: `operator: ${jwt(operator, operator, { type: "operator" })}\nresolver: MEMORY\n` +
        `system_account: ${system.getPublicKey()}\nresolver_preload: {\n${preload.join("\n")}\n}\n`,
    });
    const seed = new TextDecoder().decode(user.getSeed());
    const file = await save(
      `${folder}/dice.creds`,
      `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n\n` +
        `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
    );
    await tryConnection({ NATS_URL: nats.url, NATS_CREDS_FILE: file });
    await assertRejected({ NATS_URL: nats.url }, /[Aa]uthorization/);
  }));

async function openssl(folder: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd: folder }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Makes a certificate authority, and certificates for the server and for a service. */
async function makeCertificates(folder: string): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const days = ["-days", "2"];
  const ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA"];
  await openssl(folder, "req", "-x509", ...key, ...days, ...ca);
  await save(`${folder}/names`, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  for (const name of ["server", "dice"]) {
    const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`];
    await openssl(folder, "req", ...key, ...request);
    const signed = ["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", "names", ...days];
    await openssl(
      folder,
      ...["x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...signed,
    );
  }
}

Deno.test("TLS, with the server's certificate checked and one of the service's own", () =>
  withFolder(async (folder) => {
    await makeCertificates(folder);
    const files = `cert_file: "${folder}/server.pem", key_file: "${folder}/server.key"`;
    const ca = { NATS_TLS_CA: `${folder}/ca.pem` };
    {
      await using nats = await startNats({ config: `tls { ${files} }` });
      const NATS_URL = nats.url.replace("nats://127.0.0.1", "tls://localhost");
      await tryConnection({ NATS_URL, ...ca });
      // Of an authority that nobody knows.
      const untrusted = connectBus({ options: optionsOf({ NATS_URL }), name: "dice", log });
      assert.equal(
        await Promise.race([
          untrusted.then(() => "connected", () => "refused"),
          nats.process.line(/TLS handshake error/).then(() => "refused"),
        ]),
        "refused",
      );
    }
    {
      const verify = `tls { ${files}, ca_file: "${folder}/ca.pem", verify: true }`;
      await using nats = await startNats({ config: verify });
      const own = { NATS_TLS_CERT: `${folder}/dice.pem`, NATS_TLS_KEY: `${folder}/dice.key` };
      await tryConnection({ NATS_URL: nats.url.replace("127.0.0.1", "localhost"), ...ca, ...own });
    }
  }));

Deno.test("wrong variables are one line that names one and holds no secret", () =>
  withFolder(async (folder) => {
    const seed = await save(`${folder}/bad.nk`, "s3cret");
    const empty = await save(`${folder}/empty`, "\n");
    const cases: [Record<string, string>, RegExp][] = [
      [{ NATS_USER: "dice" }, /^NATS_USER: needs NATS_PASSWORD or NATS_PASSWORD_FILE$/],
      [{ NATS_PASSWORD: "s3cret" }, /^NATS_PASSWORD: needs NATS_USER$/],
      [
        { NATS_USER: "a", NATS_PASSWORD: "s3cret", NATS_PASSWORD_FILE: seed },
        /^NATS_PASSWORD_FILE/,
      ],
      [{ NATS_NKEY_FILE: seed }, /^NATS_NKEY_FILE: expected a file with the seed of an nkey/],
      [{ NATS_NKEY_FILE: empty }, /^NATS_NKEY_FILE: .* is empty$/],
      [{ NATS_CREDS_FILE: seed }, /^NATS_CREDS_FILE: expected a file with a NATS USER JWT/],
      [{ NATS_CREDS_FILE: "/nowhere" }, /^NATS_CREDS_FILE: cannot read \/nowhere: /],
      [{ NATS_NKEY_FILE: seed, NATS_CREDS_FILE: seed }, /^NATS_CREDS_FILE: set only one kind/],
      [{ NATS_TLS_CERT: seed }, /^NATS_TLS_CERT: needs NATS_TLS_KEY$/],
      [{ NATS_TLS_KEY: seed }, /^NATS_TLS_KEY: needs NATS_TLS_CERT$/],
      [
        { NATS_INBOX_PREFIX: "room.live" },
        /^NATS_INBOX_PREFIX: expected a subject that begins with _INBOX/,
      ],
    ];
    for (const [env, message] of cases) {
      assert.throws(() => optionsOf(env), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!/s3cret|\n/.test(error.message), error.message);
        return error.name === "ConfigError";
      });
    }
  }));
