/**
 * Puts webhooks together. One instance works at a time, the others wait for its lease.
 *
 * @module
 */
import type { WebhookEndpoint } from "../contract/mod.ts";
import { errorText, type ServiceContext } from "../kit/mod.ts";
import { serveCommands } from "./commands.ts";
import type { HooksConfig } from "./config.ts";
import { Runners } from "./delivery/runners.ts";
import type { EndpointsFile } from "./endpoints_file.ts";
import { warnOfGateways } from "./presence/gateways.ts";
import { PresenceEvents } from "./presence/presence_events.ts";
import { keepLease, type LeaseKeeper } from "./state/lease.ts";
import { createStateStore, type StateStore } from "./state/state_store.ts";
import { ensureStreams } from "./state/streams.ts";

/** The delay before JetStream is tried again, milliseconds. */
const RETRY_MS = 500;

/** What an instance does while it has the lease. */
interface Work {
  set(endpoints: readonly WebhookEndpoint[]): void;
  ready(): boolean;
  stop(): Promise<void>;
}

/** Webhooks of one process. */
export interface Hooks {
  /** The file has changed. */
  changed(endpoints: readonly WebhookEndpoint[]): void;
}

/** Starts webhooks. Resolves when the streams are there. */
export async function startHooks(
  context: ServiceContext,
  config: HooksConfig,
  file: EndpointsFile,
): Promise<Hooks> {
  const { bus, log, health, onDrain } = context;
  const store = createStateStore(bus);
  for (let reported = "";;) {
    try {
      await ensureStreams(bus, config);
      break;
    } catch (error) {
      const text = errorText(error);
      if (text !== reported) log.warn("waiting for JetStream", { error: text });
      reported = text;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  let work: Work | undefined;
  let lease: LeaseKeeper | undefined = undefined;
  const begin = () => {
    log.info("this instance delivers webhooks", { endpoints: file.endpoints.length });
    const runners = new Runners(bus, store, () => lease?.held === true);
    const stopServing = serveCommands(bus, runners);
    let placed = false;
    // The first time it tells of everybody who is present: each endpoint has its place before that.
    const mayTell = () => lease?.held === true && (placed ||= runners.placed);
    const presence = followWhenWanted(
      context,
      store,
      () => new PresenceEvents(bus, mayTell, config.HOOKS_MAX_WAITING),
    );
    const warnings = warnOfGateways(bus);
    work = {
      set(endpoints) {
        runners.set(endpoints);
        presence.set(endpoints);
        warnings.set(endpoints);
      },
      ready: () => runners.attached && presence.ready,
      async stop() {
        stopServing();
        warnings.stop();
        presence.stop();
        await runners.stop();
      },
    };
    work.set(file.endpoints);
  };
  const end = async () => {
    const ending = work;
    work = undefined;
    await ending?.stop();
  };
  let answered = false;
  lease = keepLease(bus, store, {
    taken: begin,
    lost() {
      log.warn("another instance delivers webhooks, or JetStream is out of reach");
      void end();
    },
    looked: () => answered = true,
  });
  health.require("lease", () => answered);
  health.require("events", () => work === undefined || work.ready());
  onDrain(async () => {
    file.close();
    await end();
    await lease!.release();
  });
  return { changed: (endpoints) => work?.set(endpoints) };
}

/** Follows presence while an endpoint wants events of it. */
function followWhenWanted(
  { log }: ServiceContext,
  store: StateStore,
  create: () => PresenceEvents,
) {
  let presence: PresenceEvents | undefined;
  let ready = true;
  let stopped = false;
  const begin = async () => {
    const beginning = create();
    presence = beginning;
    try {
      await beginning.start(store);
      if (presence === beginning) ready = true;
    } catch (error) {
      log.warn("cannot read what webhooks have told, trying again", { error: errorText(error) });
      beginning.stop();
      if (presence !== beginning) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (presence === beginning && !stopped) await begin();
    }
  };
  const end = () => {
    presence?.stop();
    presence = undefined;
    ready = true;
  };
  return {
    /** Whether it is known who is present. */
    get ready() {
      return ready;
    },
    set(endpoints: readonly WebhookEndpoint[]) {
      const wanted = endpoints.some(({ events }) => events.some((type) => type !== "room.message"));
      if (!wanted) return end();
      if (presence !== undefined) return;
      ready = false;
      void begin();
    },
    stop() {
      stopped = true;
      end();
    },
  };
}
