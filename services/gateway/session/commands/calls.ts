/**
 * Calls of services on the bus, with a queue for each service: a slow one keeps nobody else waiting.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import { callSubject } from "../../../contract/mod.ts";
import { Batcher, type Bus, type Context, FaultError, requestRaw } from "../../../kit/mod.ts";

/** Calls that one service may have from this gateway: under way, at first and at most, and waiting. */
const WINDOW = { first: 256, max: 1_024 };
const MAX_QUEUE = 4_096;

/** Services whose queues are kept. Clients invent names; the queue that was idle for longest goes. */
const MAX_SERVICES = 256;

/** One call. */
export interface Call {
  service: string;
  method: string;
  /** The request's JSON. */
  payload: string;
  /** How long the call may take in all, milliseconds. */
  timeout: number;
  context: Context;
}

/** Calls services. */
export interface Calls {
  /**
   * Calls a method and returns the reply. `wanted` tells whether the caller still waits.
   *
   * @throws {FaultError} `service_not_found`, `timeout`, the service's own refusal, or `unavailable` if
   * too many calls of this service wait
   */
  call(call: Call, wanted: () => boolean): Promise<Msg>;
  /** Refuses what waits. */
  close(): void;
}

/** Makes the calls of one gateway. */
export function createCalls(bus: Bus): Calls {
  const lanes = new Map<string, Batcher<Call, Msg>>();

  const laneOf = (service: string): Batcher<Call, Msg> => {
    const known = lanes.get(service);
    // The last used stands last.
    if (known !== undefined) lanes.delete(service);
    else if (lanes.size >= MAX_SERVICES) evict();
    const lane = known ?? createLane(bus);
    lanes.set(service, lane);
    return lane;
  };
  const evict = () => {
    for (const [name, lane] of lanes) {
      const { waiting, underWay } = lane.size;
      if (waiting + underWay > 0) continue;
      lanes.delete(name);
      return;
    }
    throw new FaultError("unavailable", "too many services are being called", 1_000);
  };
  return {
    call: async (call, wanted) => await laneOf(call.service).submit(call, wanted),
    close() {
      for (const lane of lanes.values()) lane.close();
    },
  };
}

function createLane(bus: Bus): Batcher<Call, Msg> {
  return new Batcher<Call, Msg>({
    maxBatch: 1,
    maxQueue: MAX_QUEUE,
    deadlineMs: 0,
    deadlineOf: ({ timeout }) => timeout,
    window: WINDOW,
    // A call may have had its effect.
    retry: false,
    send: async ([call], timeout) => {
      const { service, method, payload, context } = call!;
      const options = {
        timeout,
        context,
        missing: "service_not_found" as const,
        late: "timeout" as const,
      };
      return [await requestRaw(bus, callSubject(service, method), payload, options)];
    },
  });
}
