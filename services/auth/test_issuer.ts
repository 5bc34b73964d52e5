/**
 * An issuer of key sets for tests: a real HTTP server whose keys change, fail, hang and recover.
 *
 * @module
 */
import { type CryptoKey, exportJWK } from "jose";
import { keySourceOf } from "./config.ts";
import { createKeyGetter, type JwksTimes } from "./keys.ts";
import { captureLog, NOW, testConfig } from "./test_tokens.ts";
import { createVerifier, type VerifyToken } from "./verify.ts";

/** No cooldown and no pause, so that no test waits for them. */
export const EAGER: JwksTimes = { cooldown: 0, pause: 0 };

/** A server of a key set, and a verifier that trusts it. */
export interface Issuer extends AsyncDisposable {
  /** Verifies a token with the keys of this issuer. */
  verify: VerifyToken;
  /** The log lines of the verifier. */
  lines: string[];
  /** The number of requests for the set. */
  readonly requests: number;
  /** Produces the response. */
  answer: (request: Request) => Response | Promise<Response>;
  /** Publishes keys by id, each with these further members. */
  publish(keys: Record<string, CryptoKey>, more?: Record<string, unknown>): Promise<void>;
  /** Stops the server. */
  stop(): Promise<void>;
  /** Starts the server again on the same port. */
  start(): void;
}

/** Starts an issuer with an empty set, and creates a verifier that trusts it. */
export async function startIssuer(times: JwksTimes = EAGER): Promise<Issuer> {
  let requests = 0;
  let port = 0;
  let server: Deno.HttpServer<Deno.NetAddr>;
  let ending: AbortController;
  // Not shutdown: it would wait for responses that a test holds back.
  const stop = async () => {
    ending.abort();
    await server.finished;
  };
  const { log, lines } = captureLog();
  const issuer: Omit<Issuer, "verify"> = {
    lines,
    get requests() {
      return requests;
    },
    answer: () => Response.json({ keys: [] }),
    async publish(keys, more = {}) {
      const jwks = await Promise.all(
        Object.entries(keys).map(async ([kid, key]) => ({ ...await exportJWK(key), kid, ...more })),
      );
      issuer.answer = () => Response.json({ keys: jwks });
    },
    stop,
    start() {
      ending = new AbortController();
      const { signal } = ending;
      server = Deno.serve(
        { hostname: "127.0.0.1", port, signal, onListen: () => {} },
        (request) => {
          requests++;
          return issuer.answer(request);
        },
      );
      port = server.addr.port;
    },
    [Symbol.asyncDispose]: stop,
  };
  issuer.start();
  const config = testConfig({
    AUTH_ALGORITHMS: "RS256,ES256,EdDSA",
    AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
  });
  const keys = await createKeyGetter(keySourceOf(config), log, times);
  const verify = createVerifier(config, keys, log, () => new Date(NOW * 1_000));
  return Object.assign(issuer, { verify });
}
