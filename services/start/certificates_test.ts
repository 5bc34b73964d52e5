import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { makeCertificate } from "../../tests/harness/certificate.ts";
import { keepCertificates } from "./certificates.ts";

Deno.test("an authority signs the certificates of a cluster once, and keeps those of others", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-certificates-" });
  try {
    const file = (name: string) => `${folder}/${name}.pem`;
    const node = { hosts: ["nats-1"], certFile: file("cert"), keyFile: file("key") };
    const balancer = {
      hosts: ["localhost", "127.0.0.1"],
      certFile: file("tls"),
      keyFile: file("tls"),
    };
    const authorities = [file("authority"), file("authority-2")];
    const keep = () => keepCertificates([node, balancer], authorities);
    const read = (name: string) => Deno.readTextFile(file(name));
    assert.equal(await keep(), true);
    const authority = new X509Certificate(await read("authority"));
    assert.equal(await read("authority"), await read("authority-2"));
    assert.ok(authority.ca);
    for (const [name, host] of [["cert", "nats-1"], ["tls", "localhost"]] as const) {
      const certificate = new X509Certificate(await read(name));
      assert.ok(certificate.verify(authority.publicKey), name);
      assert.equal(certificate.checkHost(host), host);
      assert.equal(certificate.checkHost("nats-2"), undefined);
    }
    assert.match(await read("tls"), /BEGIN CERTIFICATE[^]+BEGIN PRIVATE KEY/);
    assert.equal((await Deno.stat(file("key"))).mode! & 0o777, 0o600);

    const before = await read("cert");
    assert.equal(await keep(), false);
    assert.equal(await read("cert"), before);

    const { cert, key } = await makeCertificate(folder, "own");
    await Deno.writeTextFile(file("tls"), cert + key);
    assert.equal(await keep(), false);
    // One that is missing means a new authority, and so new certificates.
    await Deno.remove(file("cert"));
    assert.equal(await keep(), true);
    assert.notEqual(await read("authority"), authority.toString());
    assert.equal(await read("tls"), cert + key);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
