/** Whose word about a client's address counts. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as connectTls } from "node:tls";
import { makeCertificate } from "../harness/certificate.ts";
import { openRaw, proxyHeader } from "../harness/raw_http.ts";
import { startService, startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** The address of the proxy; 127.0.0.1 is that of direct clients. */
const PROXY = "127.0.0.2";

/** A poll of a page that may not connect: the gateway logs the client's address. */
const request = (...headers: string[]) =>
  [
    "POST /poll HTTP/1.1",
    "Host: x",
    "Origin: https://evil.example",
    "Content-Length: 0",
    ...headers,
  ]
    .join("\r\n") + "\r\n\r\n";

Deno.test("addresses of clients behind proxies", async (t) => {
  await using system = await startSystem();
  const env = { ...system.natsEnv("gateway"), TRUSTED_PROXIES: PROXY, REQUEST_TIMEOUT_MS: "2000" };
  const folder = await Deno.makeTempDir({ prefix: "hopwire-proxies-" });
  const certificate = await makeCertificate(folder, "first");
  await using plain = startService("gateway", env);
  await using forwarded = startService("gateway", { ...env, FORWARDED_HEADER: "forwarded" });
  await using proxied = startService("gateway", { ...env, PROXY_PROTOCOL: "true" });
  await using secure = startService("gateway", {
    ...env,
    PROXY_PROTOCOL: "true",
    TLS_CERT_FILE: certificate.certFile,
    TLS_KEY_FILE: certificate.keyFile,
  });
  await Promise.all([plain, forwarded, proxied, secure].map((gateway) => gateway.ready()));

  /** Repeats a request until the gateway has logged this address: it logs one refusal a second. */
  const logs = async (gateway: typeof plain, address: string, send: () => Promise<void> | void) => {
    const from = gateway.process.output.length;
    await until(`${address} in the log`, async () => {
      await send();
      const lines = gateway.process.output.slice(from).filter((line) => line.includes("origin"));
      const addresses = lines.map((line) => JSON.parse(line).address);
      for (const other of addresses) assert.equal(other, address);
      return addresses.length > 0;
    });
  };
  const ask = (gateway: typeof plain, from: string, data: string | Uint8Array) => async () => {
    using connection = openRaw(gateway.port, from);
    connection.send(data);
    await until("the answer", () => connection.text.startsWith("HTTP/1.1 403 "));
  };

  await t.step(
    "a header counts only from a trusted proxy, and only what that proxy added",
    async () => {
      const header = request("X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.9");
      await logs(plain, "203.0.113.9", ask(plain, PROXY, header));
      await logs(plain, "127.0.0.1", ask(plain, "127.0.0.1", header));
    },
  );

  await t.step("only the header that the gateway was told of counts", async () => {
    await logs(plain, PROXY, ask(plain, PROXY, request("Forwarded: for=1.1.1.1")));
    const both = request("X-Forwarded-For: 1.1.1.1", "Forwarded: for=203.0.113.9");
    await logs(forwarded, "203.0.113.9", ask(forwarded, PROXY, both));
  });

  await t.step("a PROXY header tells the address, in one piece or byte by byte", async () => {
    const whole = Buffer.concat([proxyHeader("203.0.113.9"), Buffer.from(request())]);
    await logs(proxied, "203.0.113.9", ask(proxied, PROXY, whole));
    await logs(proxied, "203.0.113.8", async () => {
      using connection = openRaw(proxied.port, PROXY);
      for (const byte of proxyHeader("203.0.113.8")) {
        await connection.send(Buffer.from([byte]));
      }
      await connection.send(request());
      await until("the answer", () => connection.text.startsWith("HTTP/1.1 403 "));
    });
  });

  await t.step("it comes before TLS", async () => {
    await logs(secure, "203.0.113.7", async () => {
      using connection = openRaw(secure.port, PROXY);
      connection.send(proxyHeader("203.0.113.7"));
      const socket = connectTls({
        socket: connection.socket,
        ca: certificate.cert,
        servername: "localhost",
      });
      let text = "";
      socket.on("error", () => {});
      socket.on("data", (data) => text += data);
      socket.write(request());
      await until("the answer", () => text.startsWith("HTTP/1.1 403 "));
    });
  });

  await t.step("a trusted proxy's connection without a valid header is closed", async () => {
    for (const start of ["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", "\r\n\r\n\0"]) {
      using connection = openRaw(proxied.port, PROXY);
      if (start !== "") connection.send(start);
      await connection.ended();
      assert.equal(connection.text, "");
    }
    await proxied.process.line("refused a connection of a trusted proxy");
  });

  await t.step("others connect directly, and may not send such a header", async () => {
    using direct = openRaw(proxied.port);
    direct.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    await until("the answer", () => direct.text.startsWith("HTTP/1.1 200 "));
    using liar = openRaw(proxied.port);
    liar.send(Buffer.concat([proxyHeader("203.0.113.9"), Buffer.from(request())]));
    await liar.ended();
    assert.match(liar.text, /^HTTP\/1\.1 400 /);
  });

  await Deno.remove(folder, { recursive: true });
});
