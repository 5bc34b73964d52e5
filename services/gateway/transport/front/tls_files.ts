/**
 * The certificate and the key of TLS, from files. The files are read again and again, so that a renewed
 * certificate takes effect without a restart. Present connections keep theirs.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { errorText, type Logger } from "../../../kit/mod.ts";

/** How often the files are read, milliseconds. Two small files cost less than watching their folders. */
const CHECK_MS = 2_000;

/** A certificate with its key, both in PEM. */
export interface TlsPair {
  cert: string;
  key: string;
}

/** Where they are. */
export interface TlsFiles {
  certFile: string;
  keyFile: string;
}

/**
 * Reads and checks the files.
 *
 * @throws {Error} if one cannot be read or is no certificate or key, if the two do not belong together, or
 * if the certificate has expired. The message names the file and holds nothing of the key.
 */
export async function readTlsFiles({ certFile, keyFile }: TlsFiles): Promise<TlsPair> {
  const read = (file: string) =>
    Deno.readTextFile(file).catch((error) => {
      throw new Error(`cannot read ${file}: ${errorText(error)}`);
    });
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  const certificate = attempt(`${certFile} holds no certificate`, () => new X509Certificate(cert));
  const privateKey = attempt(`${keyFile} holds no private key`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`the key in ${keyFile} does not belong to the certificate in ${certFile}`);
  }
  if (Date.parse(certificate.validTo) <= Date.now()) {
    throw new Error(`the certificate in ${certFile} expired on ${certificate.validTo}`);
  }
  return { cert, key };
}

/**
 * Calls `changed` with a new pair whenever the files have changed. If they cannot be used, for example
 * because only one of them was replaced yet, this is logged once and the old pair stays. Returns a
 * function that stops it.
 */
export function followTlsFiles(
  files: TlsFiles,
  first: TlsPair,
  changed: (pair: TlsPair) => void,
  log: Logger,
): () => void {
  let current = first;
  let problem = "";
  let busy = false;
  const check = async () => {
    if (busy) return;
    busy = true;
    try {
      const pair = await readTlsFiles(files);
      problem = "";
      if (pair.cert === current.cert && pair.key === current.key) return;
      changed(pair);
      current = pair;
      const { subject, validTo } = new X509Certificate(pair.cert);
      log.info("loaded a new TLS certificate", { subject, validTo });
    } catch (error) {
      const text = errorText(error);
      if (text !== problem) log.error("kept the old TLS certificate", { error: text });
      problem = text;
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void check(), CHECK_MS);
  return () => clearInterval(timer);
}

/** Returns what `make` returns; throws `problem` if it throws. */
function attempt<T>(problem: string, make: () => T): T {
  try {
    return make();
  } catch {
    throw new Error(problem);
  }
}
