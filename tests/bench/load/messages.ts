/**
 * What the bench and a load process say to each other.
 *
 * @module
 */

/** The work of one load process, in its first argument as JSON. */
export interface LoadOrder {
  ports: number[];
  /** The name of the wire protocol. */
  wire: string;
  /** Users and rooms are numbered from here. */
  first: number;
  clients: number;
  rooms: number;
  /** Clients that start per second. */
  rate: number;
  /** How long clients may try, seconds. */
  limit: number;
  /** The last bytes of its source addresses. */
  sources: number[];
}

/** What a load process reports once its clients have joined or the limit has passed. */
export interface LoadReport {
  /** When each client joined, milliseconds after the start. */
  joinedAt: number[];
  /** How long each client took, milliseconds since it was due. */
  took: number[];
  refused: Record<string, number>;
  /** How late the last client started, milliseconds: the load process itself fell behind. */
  late: number;
}
