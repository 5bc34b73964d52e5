/**
 * The gateway's HTTP server. It uses node:http, because npm ws needs its upgrade event. It sends the
 * paths of the HTTP transports to the transport and everything else to hono's routes.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import type { Server as TlsServer } from "node:https";
import { type Logger, LogThrottle } from "../../kit/mod.ts";
import { type DirectUpgrades, takeUpgrades } from "./direct/upgrades.ts";
import { addressTest, canonicalAddress } from "./front/address.ts";
import { type ClientAddresses, createClientAddresses } from "./front/client_address.ts";
import { checkFrontConfig, type FrontConfig } from "./front/front_config.ts";
import { requireProxyHeader } from "./front/proxy_header.ts";
import { createRedirectServer } from "./front/redirect.ts";
import { createSecureServer } from "./front/secure_server.ts";
import type { TlsFiles } from "./front/tls_files.ts";
import { type FileWatch, watchFiles } from "./file_watch.ts";
import { createHandshakeFailures, type HandshakeFailures } from "./handshake_failures.ts";
import { HTTP_PATHS, pathOf } from "./http_transport.ts";
import { listen } from "./listen.ts";
import { limitPipelines } from "./pipeline_limit.ts";

/** How often the deadlines of requests are checked, milliseconds. */
const DEADLINE_CHECK_MS = 1_000;

/**
 * How much longer than the ping interval a poll may be held open, with its socket idle, milliseconds: until
 * heartbeats are checked, or until another gateway has failed to answer.
 */
const HELD_POLL_MS = 6_000;

/** The policy of answers that are no pages: they load nothing, and no page may frame them. */
const CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** The HTTP server of one gateway. */
export interface HttpServer {
  readonly server: Server | TlsServer;
  readonly addresses: ClientAddresses;
  readonly failures: HandshakeFailures;
  /** Whether the process has files left for more connections. */
  readonly hasFiles: boolean;
  /** The direct way for WebSocket handshakes; null with TLS, or if the runtime lacks it. */
  readonly direct: DirectUpgrades | null;
  /** Answers {@link HTTP_PATHS}. Null until the gateway has started: until then they answer 503. */
  transport: { handle(request: IncomingMessage, response: ServerResponse): Promise<void> } | null;
  /** Starts listening. Rejects if the port is in use or may not be used. */
  listen(): Promise<void>;
  /** Stops listening. Open connections stay. */
  close(): void;
}

/** Where the server listens, and how; named as the gateway's variables are. */
export interface HttpServerOptions extends FrontConfig {
  HOST: string;
  PORT: number;
  /** Whether other gateways of the same user may share the port. Linux balances connections. */
  REUSE_PORT: boolean;
  /** How long the gateway holds a poll open, milliseconds. */
  PING_INTERVAL_MS: number;
}

/**
 * Creates the server. It does not listen yet. `app` answers everything but {@link HTTP_PATHS}.
 *
 * @throws {ConfigError} if the files of TLS cannot be used, or a variable misses another one
 */
export async function createHttpServer(
  app: Hono,
  options: HttpServerOptions,
  log: Logger,
): Promise<HttpServer> {
  checkFrontConfig(options);
  const { HOST: host, PORT: port, REUSE_PORT: reusePort } = options;
  const { REQUEST_TIMEOUT_MS: timeout, TLS_REDIRECT_PORT: redirectPort } = options;
  const files = tlsFilesOf(options);
  const failures = createHandshakeFailures();
  const throttle = new LogThrottle();
  const fail = (
    kind: "tls" | "proxy",
    message: string,
    socket: string | undefined,
    error: string,
  ) => {
    failures[kind]++;
    const address = canonicalAddress(socket ?? "") ?? undefined;
    throttle.run((suppressed) => log.warn(message, { address, error, suppressed }));
  };

  const pages = getRequestListener(app.fetch);
  const headers = secureHeaders(files === null ? 0 : options.HSTS_MAX_AGE);
  const mayCome = limitPipelines();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (!mayCome(request.socket)) return void request.socket.destroy();
    for (const [name, value] of headers) response.setHeader(name, value);
    // The rest of a body that nobody reads would be read and discarded, however long it is.
    if (hasBody(request) && !takesBody(request)) response.setHeader("connection", "close");
    if (!HTTP_PATHS.includes(pathOf(request))) return void pages(request, response);
    if (http.transport !== null) return void http.transport.handle(request, response);
    response.writeHead(503, { "retry-after": "1" }).end();
  };
  // The types of node:http do not have all of these.
  const settings = {
    headersTimeout: timeout,
    requestTimeout: timeout,
    connectionsCheckingInterval: Math.min(DEADLINE_CHECK_MS, timeout),
    shouldUpgradeCallback: offersWebSocket,
  } as ServerOptions;
  const { server, stop } = files === null
    ? { server: createServer(settings, answer), stop: () => {} }
    : await createSecureServer(files, {
      handshakeTimeout: timeout,
      settings,
      answer,
      onFailure: (socket, problem) => fail("tls", "a TLS handshake failed", socket, problem),
      log,
    });
  // A client that does not read its answers would keep a socket for ever.
  server.timeout = options.PING_INTERVAL_MS + Math.max(timeout, HELD_POLL_MS);

  // Before the PROXY header, which then comes first.
  const direct = files === null ? takeUpgrades(server as Server, timeout) : null;
  const isTrusted = addressTest(options.TRUSTED_PROXIES);
  const addresses = createClientAddresses(isTrusted, options.FORWARDED_HEADER);
  if (options.PROXY_PROTOCOL) {
    requireProxyHeader(server, {
      isTrusted,
      timeout,
      onSource: addresses.setSource,
      onRefused: ({ remoteAddress }, problem) =>
        fail("proxy", "refused a connection of a trusted proxy", remoteAddress, problem),
    });
  }
  const redirects = redirectPort === undefined ? null : createRedirectServer(port, timeout);
  let watch: FileWatch | undefined;
  const http: HttpServer = {
    server,
    addresses,
    failures,
    direct,
    transport: null,
    get hasFiles() {
      return watch?.hasFiles ?? true;
    },
    async listen() {
      await listen(server, { host, port, reusePort });
      watch = watchFiles(log);
      log.info("listening", {
        address: server.address(),
        tls: files !== null,
        direct: direct !== null,
      });
      if (redirects === null) return;
      await listen(redirects, { host, port: redirectPort!, reusePort });
      log.info("redirecting to https", { address: redirects.address() });
    },
    close() {
      watch?.stop();
      direct?.stop();
      stop();
      server.close();
      redirects?.close();
    },
  };
  return http;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

function takesBody(request: IncomingMessage): boolean {
  return request.method === "POST" && HTTP_PATHS.includes(pathOf(request));
}

/**
 * Whether a request asks for WebSocket. Other upgrades are offers that a server may ignore: the HTTP client of
 * Java, for example, offers HTTP/2 with its first request.
 */
function offersWebSocket({ headers }: IncomingMessage): boolean {
  return /websocket/i.test(headers.upgrade ?? "");
}

/** The headers of every answer. A page's own policy replaces the one here. */
function secureHeaders(hstsMaxAge: number): [string, string][] {
  const headers: [string, string][] = [
    ["x-content-type-options", "nosniff"],
    ["content-security-policy", CONTENT_POLICY],
    ["referrer-policy", "no-referrer"],
  ];
  if (hstsMaxAge > 0) headers.push(["strict-transport-security", `max-age=${hstsMaxAge}`]);
  return headers;
}

function tlsFilesOf({ TLS_CERT_FILE, TLS_KEY_FILE }: FrontConfig): TlsFiles | null {
  if (TLS_CERT_FILE === undefined || TLS_KEY_FILE === undefined) return null;
  return { certFile: TLS_CERT_FILE, keyFile: TLS_KEY_FILE };
}
