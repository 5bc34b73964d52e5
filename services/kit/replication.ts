/**
 * How many replicas the streams have, on which servers of a NATS cluster they are, and whose they are.
 *
 * @module
 */
import {
  JetStreamApiError,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import * as z from "zod";
import type { Bus } from "./bus.ts";
import { integer, list } from "./config.ts";
import { errorText } from "./log.ts";
import { metadataFor } from "./stream_metadata.ts";

/** The replicas of a stream in a cluster that has enough servers for them, unless they are configured. */
const DEFAULT_REPLICAS = 3;

/** JetStream allows no more. */
const MAX_REPLICAS = 5;

/**
 * JetStream's codes for more replicas than there are servers: in a cluster, as some releases say it, and
 * on a server that is in none.
 */
const TOO_FEW_SERVERS: readonly number[] = [10005, 10023, 10074];

/** The variables of services that create streams. */
export const REPLICATION_CONFIG = {
  STREAM_REPLICAS: integer(1, MAX_REPLICAS).optional().meta({
    description: "How many NATS servers keep a copy of each stream. By default 3 in a cluster of " +
      "three or more JetStream servers, else 1. The same for all services; a restart with another " +
      "number changes the existing streams.",
    range: `1 to ${MAX_REPLICAS}, better odd`,
  }),
  STREAM_PLACEMENT_TAGS: list().pipe(
    z.array(z.string().regex(/^[^\s"]+$/, "expected tags without spaces, separated by commas")),
  ).optional().meta({
    description: "The tags that a NATS server must have (`server_tags`) to get a copy. Without " +
      "them JetStream chooses among all servers.",
  }),
} as const;

/** What {@link REPLICATION_CONFIG} says. */
export interface ReplicationOptions {
  /** Undefined: as many as the cluster can have, up to three. */
  replicas?: number;
  /** The tags that servers must have. */
  tags?: readonly string[];
  /** The service whose streams they are, for their metadata; without it they have none. */
  owner?: string;
}

/** Returns the options that the variables say. */
export function replicationOf(
  config: z.infer<z.ZodObject<typeof REPLICATION_CONFIG>>,
): ReplicationOptions {
  return { replicas: config.STREAM_REPLICAS, tags: config.STREAM_PLACEMENT_TAGS };
}

/**
 * Creates streams with replicas, and gives them to existing ones. It asks JetStream for them and sees
 * whether it refuses: a user of NATS with the rights of a service cannot see the servers of a cluster.
 */
export class Replication {
  readonly #bus: Bus;
  readonly #replicas: number | undefined;
  readonly #tags: readonly string[];
  readonly #owner: string | undefined;
  #loggedError: string | undefined;

  /** `bus` is the connection of the service whose streams they are. */
  constructor(bus: Bus, { replicas, tags = [], owner }: ReplicationOptions = {}) {
    this.#bus = bus;
    this.#owner = owner;
    this.#replicas = replicas;
    this.#tags = tags;
  }

  /**
   * Creates a stream. Without a configured number it gets one replica while the cluster has too few
   * servers for three; see {@link Replication.apply}.
   *
   * @throws {Error} if the servers are too few for a configured number, or none has the tags
   * @throws {JetStreamApiError} if JetStream refuses for another reason
   */
  async create(
    manager: JetStreamManager,
    config: Partial<StreamConfig> & { name: string },
  ): Promise<StreamInfo> {
    const replicas = this.#wanted(1);
    try {
      return await this.#add(manager, config, replicas);
    } catch (error) {
      if (!isTooFew(error)) throw error;
      if (this.#replicas !== undefined || replicas === 1) {
        throw this.#refusal(config.name, replicas, error);
      }
      return await this.#add(manager, config, 1);
    }
  }

  /**
   * Gives a stream what is wanted: its metadata, and the configured number of replicas, or three as soon as there are
   * enough servers. Without a configured number it takes away none. If the servers are too few, that is
   * logged once, and the stream stays as it is.
   *
   * @returns the stream as it is now
   * @throws {JetStreamApiError} if JetStream refuses for another reason
   */
  async apply(manager: JetStreamManager, info: StreamInfo): Promise<StreamInfo> {
    const { name, num_replicas, placement } = info.config;
    const metadata = this.#metadata(info.config.metadata);
    if (metadata !== undefined) info = await manager.streams.update(name, { metadata });
    const replicas = this.#wanted(num_replicas);
    const placed = this.#tags.length === 0 ||
      JSON.stringify(placement?.tags ?? []) === JSON.stringify(this.#tags);
    if (replicas === num_replicas && placed) {
      this.#loggedError = undefined;
      return info;
    }
    try {
      const changed = await this.#update(manager, name, replicas);
      this.#bus.log.info("changed the replicas of a stream", {
        stream: name,
        from: num_replicas,
        to: replicas,
      });
      return changed;
    } catch (error) {
      if (!isTooFew(error)) throw error;
      const refusal = errorText(this.#refusal(name, replicas, error));
      // A cluster of two servers is nobody's mistake.
      const asked = this.#replicas !== undefined || this.#tags.length > 0;
      if (asked && refusal !== this.#loggedError) this.#bus.log.error(refusal);
      this.#loggedError = refusal;
      return info;
    }
  }

  /** The number of replicas for a stream that has `present` ones, or is about to be created with one. */
  #wanted(present: number): number {
    if (this.#replicas !== undefined) return this.#replicas;
    // A server that is in no cluster says so.
    return this.#bus.nats.info?.cluster === undefined
      ? present
      : Math.max(present, DEFAULT_REPLICAS);
  }

  #metadata(present?: Record<string, string>): Record<string, string> | undefined {
    const version = this.#bus.nats.info?.version;
    if (this.#owner === undefined || version === undefined) return undefined;
    return metadataFor(this.#owner, version, present);
  }

  #part(replicas: number): Partial<StreamConfig> {
    const placement = { cluster: "", tags: [...this.#tags] };
    return { num_replicas: replicas, ...this.#tags.length === 0 ? {} : { placement } };
  }

  async #update(manager: JetStreamManager, name: string, replicas: number): Promise<StreamInfo> {
    // 2.9 accepts any number on a server that is in no cluster.
    if (replicas > 1 && this.#bus.nats.info?.cluster === undefined) {
      throw new TooFewServers("the server is in no cluster");
    }
    return await manager.streams.update(name, this.#part(replicas));
  }

  #add(
    manager: JetStreamManager,
    config: Partial<StreamConfig> & { name: string },
    replicas: number,
  ): Promise<StreamInfo> {
    const metadata = this.#metadata();
    const described = metadata === undefined ? {} : { metadata };
    return manager.streams.add({ ...config, ...described, ...this.#part(replicas) });
  }

  #refusal(stream: string, replicas: number, cause: unknown): Error {
    const tags = this.#tags.length === 0 ? "" : ` with the tags ${this.#tags.join(", ")}`;
    return new Error(
      `STREAM_REPLICAS: the stream ${stream} cannot have ${replicas} ${
        replicas === 1 ? "replica" : "replicas"
      }, because fewer JetStream servers${tags} are up (NATS says: ${errorText(cause)})`,
      { cause },
    );
  }
}

class TooFewServers extends Error {}

/** Whether JetStream has too few servers for as many replicas. */
function isTooFew(error: unknown): boolean {
  if (error instanceof TooFewServers) return true;
  return error instanceof JetStreamApiError && TOO_FEW_SERVERS.includes(error.code);
}
