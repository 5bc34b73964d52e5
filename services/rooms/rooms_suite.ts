/**
 * What the tests in this folder share: connections, and gateways that state facts as real ones do.
 *
 * @module
 */
import {
  GATEWAY_ALIVE,
  GATEWAY_PING,
  type GatewayAlive,
  presenceChangeSubject,
  PresenceStatePage,
  PresenceStateRequest,
  presenceStateSubject,
} from "../contract/mod.ts";
import { type Bus, connectBus, createLogger, LocalFacts, serve } from "../kit/mod.ts";
import type { NatsServer } from "../../tests/harness/nats.ts";

/** A connection that keeps its log lines. */
export interface TestBus extends Bus, AsyncDisposable {
  readonly lines: string[];
}

/** Connects to a server under test. */
export async function connectTestBus(server: Pick<NatsServer, "url">): Promise<TestBus> {
  const lines: string[] = [];
  const log = createLogger("test", { level: "debug", write: (line) => void lines.push(line) });
  const bus = await connectBus({ url: server.url, name: "test", log });
  return Object.defineProperties({} as TestBus, {
    ...Object.getOwnPropertyDescriptors(bus),
    lines: { value: lines },
    [Symbol.asyncDispose]: { value: () => bus.drain() },
  });
}

/** A gateway without clients: the test says who is there. */
export interface StatingGateway {
  readonly facts: LocalFacts;
  /** How many requests for its state it has answered. */
  readonly answered: number;
  /** While it is set, requests for the state get no answer. */
  silent: boolean;
  /** Publishes what has changed. */
  state(): void;
  /** Publishes a heartbeat. */
  beat(): void;
  /** A user enters a room. */
  enter(room: string, ...users: string[]): void;
}

/** Starts such a gateway. It ends with its connection. */
export function startGateway(bus: Bus, gateway: string): StatingGateway {
  const facts = new LocalFacts(gateway, {
    held() {},
    released() {},
    pending() {},
    versionOf: () => 0,
  });
  const alive = (): GatewayAlive => {
    const { facts: count, total: digest } = facts.digest;
    return { gateway, lease: 60_000, facts: count, digest };
  };
  let answered = 0;
  const held = Promise.withResolvers<never>();
  const one: StatingGateway = {
    facts,
    get answered() {
      return answered;
    },
    silent: false,
    state() {
      for (const { room, change } of facts.statements()) {
        bus.nats.publish(presenceChangeSubject(room), JSON.stringify(change));
      }
    },
    beat: () => bus.nats.publish(GATEWAY_ALIVE, JSON.stringify(alive())),
    enter(room, ...users) {
      for (const user of users) facts.enter(room, user, user.toUpperCase());
    },
  };
  const endpoint = {
    subject: presenceStateSubject(gateway),
    request: PresenceStateRequest,
    reply: PresenceStatePage,
  };
  serve(bus, endpoint, gateway, (query) => {
    if (one.silent) return held.promise;
    answered++;
    return facts.page(query);
  });
  bus.nats.subscribe(GATEWAY_PING, {
    callback: (_, message) => void message.respond(JSON.stringify(alive())),
  });
  return one;
}
