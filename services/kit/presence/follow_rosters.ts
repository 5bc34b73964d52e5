/**
 * Who is in which room, as all gateways state it: the view that rooms and webhooks have. A new instance asks
 * every living gateway, and is ready once it has heard from all of them.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import {
  GATEWAY_PING,
  GatewayAlive,
  PRESENCE_CHANGES,
  roomOfPresenceSubject,
} from "../../contract/mod.ts";
import type { Bus } from "../bus.ts";
import { errorText } from "../log.ts";
import { PresenceFollower } from "./follower.ts";
import type { RoomListener } from "./view_host.ts";

/** How long gateways may take to answer that they are alive, milliseconds. */
const PING_MS = 500;

/**
 * How long the first states may take, milliseconds. A gateway that has not answered by then does not
 * keep this instance from serving: what it states comes with its next heartbeat.
 */
const FIRST_STATES_MS = 5_000;

/** How often it is checked whether all has come, milliseconds. */
const CHECK_MS = 25;

/** The view, and how it is stopped. */
export interface RosterService {
  /** Who is in which room. */
  readonly follower: PresenceFollower;
  /** Stops following. */
  stop(): void;
}

/**
 * Follows every gateway. Resolves once the view is complete. `changed` gets each change of who is in a room,
 * also while the view is not complete yet.
 */
export async function followRosters(bus: Bus, changed?: RoomListener): Promise<RosterService> {
  const follower = new PresenceFollower(bus, { all: true, changed });
  const changes = follower.listen(PRESENCE_CHANGES, roomOfPresenceSubject);
  const alive = await ping(bus);
  for (const one of alive) follower.heard(one);
  const end = performance.now() + FIRST_STATES_MS;
  // A gateway's facts change while they are read: that it was read once is what counts.
  const waiting = new Set(alive.filter(({ facts }) => facts !== 0).map(({ gateway }) => gateway));
  while (waiting.size > 0 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
    for (const gateway of waiting) if (follower.compared(gateway)) waiting.delete(gateway);
  }
  if (waiting.size > 0) {
    bus.log.warn("some gateways did not tell their state", { count: waiting.size });
  }
  return {
    follower,
    stop() {
      changes.unsubscribe();
      follower.stop();
    },
  };
}

/** The heartbeats of all living gateways. */
async function ping(bus: Bus): Promise<GatewayAlive[]> {
  const found: GatewayAlive[] = [];
  try {
    const replies = await bus.nats.requestMany(GATEWAY_PING, "", {
      strategy: "timer",
      maxWait: PING_MS,
    });
    for await (const reply of replies) {
      if (reply instanceof Error) break;
      const alive = aliveOf(reply);
      if (alive === undefined) bus.log.warn("ignored an invalid heartbeat");
      else found.push(alive);
    }
  } catch (error) {
    // Nobody answers: there is no gateway yet.
    bus.log.debug("no gateway answers", { error: errorText(error) });
  }
  return found;
}

/** The heartbeat in a reply; undefined if it is none. */
function aliveOf(reply: Msg): GatewayAlive | undefined {
  try {
    return GatewayAlive.parse(reply.json());
  } catch {
    return undefined;
  }
}
