/**
 * The server of https and wss.
 *
 * @module
 */
import type { IncomingMessage, ServerOptions, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { ConfigError, errorText, type Logger } from "../../../kit/mod.ts";
import { followTlsFiles, readTlsFiles, type TlsFiles } from "./tls_files.ts";

/** What a server needs besides its files. */
export interface SecureServerOptions {
  /** How long a TLS handshake may take, milliseconds. */
  handshakeTimeout: number;
  /** The settings of HTTP. */
  settings: ServerOptions;
  /** Answers requests. */
  answer(request: IncomingMessage, response: ServerResponse): void;
  /** A TLS handshake failed. The address is undefined if its socket has closed. */
  onFailure(address: string | undefined, problem: string): void;
  log: Logger;
}

/**
 * Creates a server whose certificate follows its files. It does not listen yet. `stop` stops following.
 *
 * @throws {ConfigError} if the files cannot be used
 */
export async function createSecureServer(
  files: TlsFiles,
  { handshakeTimeout, settings, answer, onFailure, log }: SecureServerOptions,
): Promise<{ server: Server; stop: () => void }> {
  const first = await readTlsFiles(files).catch((error) => {
    throw new ConfigError(`TLS_CERT_FILE, TLS_KEY_FILE: ${errorText(error)}`);
  });
  const server = createServer({ ...settings, ...first, handshakeTimeout }, answer);
  server.on("tlsClientError", (error, socket) => {
    onFailure(socket.remoteAddress, errorText(error));
    socket.destroy();
  });
  const stop = followTlsFiles(files, first, (pair) => server.setSecureContext(pair), log);
  return { server, stop };
}
