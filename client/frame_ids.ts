/**
 * Ids that the client puts on its own frames, so that it recognizes the replies. They begin with `~`
 * to keep them apart from the ids that an application chooses for its messages.
 *
 * @module
 */

/** Frames of the connection itself: `auth` and `ping`. */
export const CONNECTION_ID = "~";

/** Every signal: the server answers one only to refuse it. */
export const SIGNAL_ID = "~signal";

/** Every report of measurements: the server answers one only to refuse it. */
export const MEASUREMENTS_ID = "~measure";

/** Prefix of a `subscribe` frame's id. The rest names the room object that sent it. */
export const SUBSCRIBE_ID_PREFIX = "~join-";

/** Prefix of an `update-presence` frame's id. The rest names the room object that sent it. */
export const PRESENCE_ID_PREFIX = "~state-";

/** Prefix of the ids of `history`, `presence` and `call` requests. */
export const REQUEST_ID_PREFIX = "~q";
