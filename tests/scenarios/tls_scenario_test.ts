/** Clients connect by wss and https, and certificates change under open connections. */
import assert from "node:assert/strict";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { type Certificate, makeCertificate } from "../harness/certificate.ts";
import { freePort } from "../harness/ports.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

/** A WebSocket client that trusts the certificates given. */
async function connect(port: number, trusted: Certificate[], user: string) {
  const socket = new WebSocket(`wss://localhost:${port}/ws`, {
    ca: trusted.map(({ cert }) => cert),
    headers: { authorization: `Bearer ${await tokenFor(user)}` },
  });
  const frames: Record<string, unknown>[] = [];
  let closed: number | undefined;
  socket.on("message", (data) => frames.push(JSON.parse(String(data))));
  socket.on("close", (code) => closed = code);
  const opened = Promise.withResolvers<void>();
  socket.on("open", () => opened.resolve());
  socket.on("error", (error) => opened.reject(error));
  await within("the handshake", opened.promise);
  const take = (type: string) =>
    until(`a ${type}`, () => {
      const at = frames.findIndex((frame) => frame.type === type);
      return at < 0 ? undefined : frames.splice(at, 1)[0];
    });
  await take("authenticated");
  const send = (frame: object) => socket.send(JSON.stringify(frame));
  send({ type: "subscribe", room: "lobby" });
  await take("subscribed");
  return { socket, send, take, closed: () => closed };
}

/** The name in the certificate that a server presents. */
function presented(port: number, trusted: Certificate[]): Promise<unknown> {
  return within(
    "a TLS handshake",
    new Promise((resolve, reject) => {
      const ca = trusted.map(({ cert }) => cert);
      const socket = connectTls({ host: "127.0.0.1", port, ca, servername: "localhost" }, () => {
        resolve((socket.getPeerCertificate().subject as { CN?: string }).CN);
        socket.destroy();
      });
      socket.on("error", reject);
    }),
  );
}

Deno.test("TLS", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-tls-" });
  const [first, second] = [
    await makeCertificate(folder, "first"),
    await makeCertificate(folder, "second"),
  ];
  const files = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  const install = async (cert: string, key: string) => {
    await Deno.writeTextFile(files.cert, cert);
    await Deno.writeTextFile(files.key, key);
  };
  await install(first.cert, first.key);
  const redirectPort = freePort();
  await using system = await startSystem({
    env: {
      gateway: {
        TLS_CERT_FILE: files.cert,
        TLS_KEY_FILE: files.key,
        TLS_REDIRECT_PORT: String(redirectPort),
        DEMO: "true",
      },
    },
  });
  const [gateway] = system.gateways;
  const { port } = gateway!;
  const trusted = [first, second];
  using http = Deno.createHttpClient({ caCerts: trusted.map(({ cert }) => cert) });
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`https://localhost:${port}${path}`, { client: http, ...init });

  await t.step("messages travel by wss, large ones included", async () => {
    const [ann, bob] = [await connect(port, trusted, "ann"), await connect(port, trusted, "bob")];
    const content = "x".repeat(30_000);
    ann.send({ type: "message", room: "lobby", content, id: "m-1" });
    assert.equal((await bob.take("room-message")).content, content);
    assert.equal((await ann.take("ack")).id, "m-1");
    ann.socket.close();
    bob.socket.close();
  });

  await t.step("an event stream and polls travel by https", async () => {
    const headers = { authorization: `Bearer ${await tokenFor("cid")}` };
    const response = await get("/sse", { headers });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    await until("authenticated", async () => {
      text += (await reader.read()).value ?? "";
      return text.includes('"authenticated"');
    });
    await reader.cancel();
    const poll = await get("/poll", { method: "POST", body: "{}", headers });
    assert.equal(poll.status, 200);
    await poll.body?.cancel();
  });

  await t.step("answers carry the headers that browsers need", async () => {
    for (
      const [path, policy] of [
        ["/", /script-src 'self'.*frame-ancestors 'none'/],
        ["/page.js", /frame-ancestors 'none'/],
        ["/healthz", /^default-src 'none'; frame-ancestors 'none'$/],
        ["/nowhere", /^default-src 'none'/],
        ["/poll", /^default-src 'none'/],
      ] as const
    ) {
      const { headers, body } = await get(path);
      await body?.cancel();
      assert.equal(headers.get("strict-transport-security"), "max-age=31536000", path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("referrer-policy"), "no-referrer", path);
      assert.match(headers.get("content-security-policy") ?? "", policy, path);
    }
  });

  await t.step("plain HTTP is redirected", async () => {
    const answer = await fetch(`http://localhost:${redirectPort}/a?b=1`, { redirect: "manual" });
    await answer.body?.cancel();
    assert.equal(answer.status, 308);
    assert.equal(answer.headers.get("location"), `https://localhost:${port}/a?b=1`);
    assert.equal(answer.headers.get("strict-transport-security"), null);
  });

  await t.step("a new certificate takes effect, and open connections stay", async () => {
    const ann = await connect(port, trusted, "ann");
    assert.equal(await presented(port, trusted), "first");
    await install(second.cert, second.key);
    await until("the new certificate", async () => await presented(port, trusted) === "second");
    ann.send({ type: "message", room: "lobby", content: "still here", id: "m-2" });
    assert.equal((await ann.take("room-message")).content, "still here");
    assert.equal(ann.closed(), undefined);
    ann.socket.close();
  });

  await t.step("files that cannot be used are logged, and the old certificate stays", async () => {
    const kept = () => gateway!.process.output.filter((line) => line.includes("kept the old TLS"));
    await install(first.cert, second.key);
    await until("the log line", () => kept().some((line) => line.includes("does not belong to")));
    await install("nonsense", first.key);
    await until("the log line", () => kept().some((line) => line.includes("holds no certificate")));
    assert.equal(await presented(port, trusted), "second");
    await install(first.cert, first.key);
    await until("the good certificate", async () => await presented(port, trusted) === "first");
    assert.ok(!gateway!.process.output.join("\n").includes("PRIVATE KEY"));
  });

  await t.step("a failed handshake is logged with its address", async () => {
    const plain = await Deno.connect({ hostname: "127.0.0.1", port });
    await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await plain.read(new Uint8Array(100)).catch(() => null);
    plain.close();
    await gateway!.process.line("a TLS handshake failed");
  });

  await t.step("a gateway without a usable certificate does not start", async () => {
    await install(first.cert, second.key);
    await gateway!.restart();
    assert.equal((await gateway!.process.status()).code, 78);
    await gateway!.process.line(/TLS_CERT_FILE, TLS_KEY_FILE: the key in .* does not belong to/);
  });

  await Deno.remove(folder, { recursive: true });
});
