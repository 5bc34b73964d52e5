/**
 * Puts the API together.
 *
 * @module
 */
import type { Hono } from "hono";
import type { ApiScope, Namespace } from "../contract/mod.ts";
import {
  createScreener,
  type Logger,
  observeValue,
  prepareHtml,
  type ServiceContext,
  StreamPublisher,
} from "../kit/mod.ts";
import type { ApiConfig } from "./config.ts";
import { followGateways } from "./gateways.ts";
import { addDocuments } from "./http/documents.ts";
import { createRepetitions } from "./http/idempotency.ts";
import { createLimits } from "./http/limits.ts";
import { addRoutes } from "./http/routes.ts";
import { createSharedAnswers, type SharedAnswers } from "./http/shared_answers.ts";
import { createKeyring } from "./keys/keyring.ts";
import type { Backend } from "./operations/operation.ts";
import { createRecentSeqs } from "./recent_seqs.ts";

/** Scopes whose operations are logged: what they do cannot be seen in a room. */
const LOGGED: readonly ApiScope[] = ["moderate", "revoke", "tokens", "erase", "connections"];

/** How long a drain waits for requests in progress, milliseconds. */
const DRAIN_MS = 8_500;
const DRAIN_CHECK_MS = 20;

/** The API, before and after it is connected to NATS. */
export interface Api {
  /** Adds the HTTP routes. */
  addRoutes(app: Hono): void;
  /** Starts what needs NATS. */
  connect(context: ServiceContext, namespaces: readonly Namespace[]): Promise<void>;
}

/** Creates the API. Throws a ConfigError if the keys cannot be read. */
export function createApi(config: ApiConfig, log: Logger): Api {
  const keyring = createKeyring(config.API_KEYS_FILE, log);
  if (keyring.size === 0) {
    log.warn("there are no API keys, so every request is refused: see deno task api-key", {
      file: config.API_KEYS_FILE,
    });
  }
  const limits = createLimits({
    rate: config.API_KEY_RATE,
    perKey: config.API_KEY_CONCURRENT,
    all: config.API_MAX_CONCURRENT,
  });
  observeValue("hopwire.api.requests", () => limits.active);
  let backend: Backend | undefined;
  let answers: SharedAnswers | undefined;
  observeValue("hopwire.api.answers.fullness", () => answers?.fullness ?? 0);

  return {
    addRoutes(app) {
      addDocuments(app);
      addRoutes(app, {
        keyring,
        limits,
        repetitions: createRepetitions(),
        maxBodyBytes: config.API_MAX_BODY_BYTES,
        deadlineMs: config.API_DEADLINE_MS,
        log,
        backend: () => backend,
        answers: () => answers,
      });
    },
    async connect({ bus, onDrain }, namespaces) {
      if (namespaces.some(({ content }) => content === "html")) await prepareHtml();
      const publisher = new StreamPublisher(bus);
      const gateways = await followGateways(bus);
      answers = createSharedAnswers(bus);
      backend = {
        bus,
        publisher,
        screener: createScreener(bus),
        namespaces,
        gateways,
        recent: createRecentSeqs(),
        used({ name, scope }, { key, context }, refusal) {
          if (scope === null || !LOGGED.includes(scope)) return;
          log.info("used the API", { operation: name, key: key.id, refusal }, context);
        },
      };
      onDrain(async () => {
        backend = undefined;
        const end = performance.now() + DRAIN_MS;
        while (limits.active > 0 && performance.now() < end) {
          await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
        }
        gateways.close();
        publisher.close();
        keyring.close();
      });
    },
  };
}
