/**
 * What the tests in this folder share: a connection, events, and the service running in the test's
 * process.
 *
 * @module
 */
import { headers as createHeaders } from "@nats-io/transport-node";
import {
  jetstream,
  type JetStreamManager,
  jetstreamManager,
  type PubAck,
} from "@nats-io/jetstream";
import { HEADERS, messageSubject, type RoomEvent } from "../contract/mod.ts";
import { type Bus, connectBus, createHealth, createLogger, type Health } from "../kit/mod.ts";
import type { NatsServer } from "../../tests/harness/nats.ts";
import { until } from "../../tests/harness/wait.ts";
import type { Archive } from "./archive/archive.ts";
import { type PersistenceOptions, runPersistence } from "./persistence.ts";

/** A connection that keeps its log lines. */
export interface TestBus extends Bus, AsyncDisposable {
  readonly lines: { level: string; message: string; [field: string]: unknown }[];
}

/** Connects to a server under test. */
export async function connectTestBus(server: Pick<NatsServer, "url">): Promise<TestBus> {
  const lines: TestBus["lines"] = [];
  const log = createLogger("test", {
    level: "debug",
    write: (line) => void lines.push(JSON.parse(line)),
  });
  const bus = await connectBus({ url: server.url, name: "test", log });
  return Object.defineProperties({} as TestBus, {
    ...Object.getOwnPropertyDescriptors(bus),
    lines: { value: lines },
    [Symbol.asyncDispose]: { value: () => bus.drain() },
  });
}

/** Returns the manager of a server's streams. */
export const managerOf = (bus: Bus) => jetstreamManager(bus.nats, { checkAPI: false });

/** Makes an event of a room. */
export function event(room: string, id: string, more: Partial<RoomEvent> = {}): RoomEvent {
  return { room, id, userId: "ann", username: "Ann", content: `text ${id}`, timestamp: 1, ...more };
}

/** Stores events in the log as a gateway does, in the given order. Returns their seqs. */
export async function store(bus: Bus, events: readonly RoomEvent[]): Promise<number[]> {
  const js = jetstream(bus.nats);
  const acks: PubAck[] = [];
  for (let i = 0; i < events.length; i += 200) {
    acks.push(
      ...await Promise.all(
        events.slice(i, i + 200).map((one) => {
          const headers = createHeaders();
          headers.set(HEADERS.checked, "1");
          return js.publish(messageSubject(one.room), JSON.stringify(one), { headers });
        }),
      ),
    );
  }
  return acks.map(({ seq }) => seq);
}

/** Limits that no test reaches unintentionally. */
export const LIMITS = { maxAge: 3_600, maxBytes: 64 * 1024 * 1024 };

/** The service running in this process. */
export interface TestPersistence extends AsyncDisposable {
  readonly health: Health;
}

/** Runs the service on an archive until it is disposed. The test keeps ownership of the archive. */
export async function startPersistence(
  bus: Bus,
  archive: Archive,
  options: Partial<PersistenceOptions> = {},
  manager?: JetStreamManager,
): Promise<TestPersistence> {
  const health = createHealth();
  const parts: (() => void | Promise<void>)[] = [];
  await runPersistence(
    { bus, log: bus.log, health, onDrain: (part) => void parts.push(part) },
    archive,
    {
      limits: LIMITS,
      batch: 500,
      batchMs: 5,
      retention: [],
      retentionMs: 60_000,
      auditMs: 60_000,
      ...options,
    },
    manager,
  );
  return {
    health,
    async [Symbol.asyncDispose]() {
      for (const part of parts.toReversed()) await part();
    },
  };
}

/** Waits until the service is ready. */
export async function ready({ health }: TestPersistence): Promise<void> {
  await until("persistence to be ready", () => health.missing().length === 0);
}
