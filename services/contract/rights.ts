/**
 * What rights on the bus are made of. No I/O.
 *
 * @module
 */
import {
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  RoomsBan,
  RoomsBans,
  RoomsKick,
  RoomsUnban,
} from "./bus_denials.ts";

/** What one user of NATS may do. Subjects may have wildcards. */
export interface BusRights {
  /** The subjects that the user may publish to. */
  publish: readonly string[];
  /** The subjects that the user may subscribe to. */
  subscribe: readonly string[];
  /**
   * How long after a request the user may answer it once, wherever the request wants its reply,
   * seconds. Without it the user may answer only to subjects of `publish`.
   *
   * NATS remembers every message with a reply subject that it delivers to such a user, and gets slow
   * with more than 4,096 unanswered ones: 370 us for each further message on 2.9.10. So this is not for
   * readers of a stream, whose messages all have one.
   */
  answersWithin?: number;
}

/** The prefixes of JetStream's calls for streams and for consumers. */
export const STREAM_API = "$JS.API.STREAM";
/** See {@link STREAM_API}. */
export const CONSUMER_API = "$JS.API.CONSUMER";

/** The endpoints that revoke tokens. */
export const REVOCATION = [AuthRevoke.subject, AuthUnrevoke.subject, AuthRevocations.subject];
/** The endpoints that take users out of rooms. */
export const MODERATION = [
  RoomsKick.subject,
  RoomsBan.subject,
  RoomsUnban.subject,
  RoomsBans.subject,
];
