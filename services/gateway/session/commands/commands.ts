/**
 * Dispatches the frames of authenticated clients.
 *
 * @module
 */
import { type ClientFrame, fault, type Identity } from "../../../contract/mod.ts";
import { faultOf } from "../../../kit/mod.ts";
import { createJoins, type JoinDeps, type Joins } from "./join.ts";
import { createMeasurements } from "./measurements.ts";
import { createPublish, type PublishDeps } from "./publish.ts";
import { isViolation, referenceOf } from "../refusals.ts";
import { createRequests, type RequestDeps } from "./requests.ts";
import type { Session, SessionCommands } from "../session.ts";

/** The commands of one gateway. */
export interface Commands extends SessionCommands {
  /** Takes a session out of a room, if it is in it, and says why. */
  expel: Joins["expel"];
}

/** Makes the commands of one gateway. */
export function createCommands(deps: PublishDeps & JoinDeps & RequestDeps): Commands {
  const publish = createPublish(deps);
  const joins = createJoins(deps);
  const requests = createRequests(deps);
  const measure = createMeasurements();

  const dispatch = (session: Session, identity: Identity, frame: ClientFrame): void => {
    switch (frame.type) {
      case "message":
        return publish.message(session, identity, frame);
      case "signal":
        return publish.signal(session, identity, frame);
      case "subscribe":
        session.allowance.require("joins");
        return void joins.subscribe(session, identity, frame);
      case "unsubscribe":
        return joins.unsubscribe(session, frame);
      case "history":
        return requests.history(session, frame);
      case "presence":
        return requests.presence(session, frame);
      case "update-presence":
        return joins.updatePresence(session, identity, frame);
      case "call":
        return requests.call(session, identity, frame);
      case "measurements":
        return measure(session, frame);
    }
  };

  return {
    run(session, identity, frame) {
      if ("room" in frame && session.joining.has(frame.room)) {
        if (session.joining.hold(frame.room, frame, session.frameBytes)) return;
        const refusal = fault("rate_limited", "too many frames wait", 100);
        return session.refuse(refusal, referenceOf(frame));
      }
      try {
        dispatch(session, identity, frame);
      } catch (error) {
        const refusal = faultOf(error);
        if (isViolation(refusal.code)) session.refuseViolation(refusal, referenceOf(frame));
        else session.refuse(refusal, referenceOf(frame));
      }
    },
    expel: joins.expel,
    identityRenewed: joins.identityRenewed,
    disconnected: (session, membership) => joins.leave(session, membership, true),
  };
}
