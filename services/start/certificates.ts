/**
 * The certificates of a cluster: an authority of its own signs one for each NATS server and one for the
 * balancer. The authority's key is never stored, so all are made together.
 *
 * @module
 */
import * as x509 from "@peculiar/x509";
import type { Certificate } from "./cluster.ts";
import { readKept, writePrivateFile } from "./private_files.ts";

/** How long certificates are valid, days. */
const VALID_DAYS = 3_650;
/** New ones are made when the old ones are valid for less than this, days. */
const RENEW_DAYS = 90;
const DAY_MS = 86_400_000;
/** Clocks of other machines may be behind, milliseconds. */
const EARLIER_MS = 3_600_000;

/** The name of the authority. */
const AUTHORITY = "CN=Hopwire cluster authority";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate with its key, both in PEM. */
interface KeyPair {
  cert: string;
  key: string;
}

/** Makes an authority and a certificate for each list of host names. */
async function issue(
  names: readonly (readonly string[])[],
): Promise<{ authority: string; issued: KeyPair[] }> {
  const [notBefore, notAfter] = [Date.now() - EARLIER_MS, Date.now() + VALID_DAYS * DAY_MS]
    .map((time) => new Date(time)) as [Date, Date];
  const keysOf = () => crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const serialNumber = () => crypto.getRandomValues(new Uint8Array(16)).toHex();
  const keys = await keysOf();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: AUTHORITY,
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const issued = await Promise.all(names.map(async (hosts) => {
    const { publicKey, privateKey } = await keysOf();
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${hosts[0]}`,
      issuer: authority.subject,
      notBefore,
      notAfter,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        // A NATS server is a client of the others.
        new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
        new x509.SubjectAlternativeNameExtension(
          hosts.map((value) => ({ type: /^[\d.]+$/.test(value) ? "ip" : "dns", value }) as const),
        ),
      ],
    });
    const key = await crypto.subtle.exportKey("pkcs8", privateKey);
    return { cert: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
  }));
  return { authority: authority.toString("pem"), issued };
}

/** Returns the certificate in a file; null if there is none. */
async function certificateIn(file: string): Promise<x509.X509Certificate | null> {
  const text = await readKept(file);
  // What follows is the key, or the rest of a chain.
  const [pem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text ?? "") ?? [];
  try {
    return pem === undefined ? null : new x509.X509Certificate(pem);
  } catch {
    return null;
  }
}

/** Whether somebody put a certificate of their own into the file. It is theirs to renew. */
async function isForeign(file: string): Promise<boolean> {
  const certificate = await certificateIn(file);
  return certificate !== null && certificate.issuer !== AUTHORITY;
}

/** Whether a file holds a certificate of an authority of ours that is valid for some time yet, or a foreign one. */
async function isCurrent(file: string): Promise<boolean> {
  const certificate = await certificateIn(file);
  if (certificate === null) return false;
  if (certificate.issuer !== AUTHORITY) return true;
  return certificate.notAfter.getTime() - Date.now() > RENEW_DAYS * DAY_MS;
}

/**
 * Makes the certificates of a cluster, unless all are there and valid for another 90 days. Writes the
 * authority's certificate to each file of `authorities`. A file with a certificate of somebody else stays as
 * it is. Returns whether it made any.
 */
export async function keepCertificates(
  certificates: readonly Certificate[],
  authorities: readonly string[],
): Promise<boolean> {
  x509.cryptoProvider.set(crypto);
  const files = [...authorities, ...certificates.map(({ certFile }) => certFile)];
  const current = await Promise.all(files.map(isCurrent));
  if (current.every(Boolean)) return false;
  const { authority, issued } = await issue(certificates.map(({ hosts }) => hosts));
  for (const [index, { certFile, keyFile }] of certificates.entries()) {
    const { cert, key } = issued[index]!;
    if (await isForeign(certFile)) continue;
    // HAProxy reads both from one file.
    if (certFile === keyFile) await writePrivateFile(certFile, `${cert}\n${key}\n`);
    else {
      await writePrivateFile(certFile, `${cert}\n`);
      await writePrivateFile(keyFile, `${key}\n`);
    }
  }
  for (const file of authorities) await writePrivateFile(file, `${authority}\n`);
  return true;
}
