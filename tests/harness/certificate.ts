/**
 * Self-signed certificates for tests, made by openssl.
 *
 * @module
 */

/** A certificate with its key, in files and as text. */
export interface Certificate {
  certFile: string;
  keyFile: string;
  cert: string;
  key: string;
}

/** Makes a certificate for `localhost` and 127.0.0.1 in a folder. `name` names its files and its subject. */
export async function makeCertificate(folder: string, name: string): Promise<Certificate> {
  const [certFile, keyFile] = [`${folder}/${name}-cert.pem`, `${folder}/${name}-key.pem`];
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", keyFile, "-out", certFile, "-days", "30", "-subj", `/CN=${name}`],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      // An authority's certificate is refused as that of a server.
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const [cert, key] = await Promise.all([certFile, keyFile].map((file) => Deno.readTextFile(file)));
  return { certFile, keyFile, cert: cert!, key: key! };
}
