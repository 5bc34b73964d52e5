/**
 * Sizes and times that both client and server rely on. No I/O; imports nothing. A limit that only
 * one service needs belongs in that service's config.
 *
 * @module
 */

/**
 * Largest frame a client may send, bytes. Content may be at most half of it, so a frame with full
 * content still fits when every other field is escaped. The gateway closes the socket with 1009
 * above this size.
 */
export const MAX_FRAME_BYTES = 64 * 1024;

/**
 * Largest body of an HTTP request, bytes. A forwarded body must fit into one NATS message (1 MiB).
 */
export const MAX_POST_BYTES = 512 * 1024;

/** Largest `content` of a message or signal, in bytes of UTF-8 encoded JSON. */
export const MAX_CONTENT_BYTES = 32 * 1024;

/** Longest token accepted, characters. An RS256 token with a large `rooms` claim is about 2 KiB. */
export const MAX_TOKEN_LENGTH = 8 * 1024;

/** Longest frame id a client may choose, characters. A UUID takes 36. */
export const MAX_ID_LENGTH = 64;

/** Longest user id and longest username, characters. */
export const MAX_USER_LENGTH = 128;

/** Maximum number of tokens (the parts between dots) in a room name. */
export const MAX_ROOM_TOKENS = 4;

/** Messages in a `history` page if the client gives no `limit`. */
export const DEFAULT_HISTORY_LIMIT = 50;
/** Most messages a client may request in one `history` page. */
export const MAX_HISTORY_LIMIT = 500;

/**
 * Most bytes of events in one history page. NATS refuses payloads over 1 MiB by default, and the
 * gateway wraps the page once more. A page cut at this limit says `more: true`.
 */
export const MAX_PAGE_BYTES = 640 * 1024;

/** Most members listed in one `presence` frame. The client requests the next page with `after`. */
export const MAX_PRESENCE_PAGE = 500;

/**
 * Above this number of members, a room announces only its member count instead of each join and
 * leave.
 */
export const MAX_ANNOUNCED_MEMBERS = 1_000;

/** Shortest time between two announcements of a member count, milliseconds. */
export const PRESENCE_COUNT_MS = 1_000;

/** The largest presence state of a user in a room, bytes of its JSON in UTF-8. */
export const MAX_PRESENCE_BYTES = 1_024;

/** The most joins, tokens or rooms in one request that carries many: it takes tens of kilobytes. */
export const MAX_BATCH = 256;

/** The most rooms whose rosters one request compares: such a request takes about 50 KB. */
export const MAX_VERIFIED_ROOMS = 500;

/** How often a gateway publishes its heartbeat, milliseconds. */
export const ALIVE_MS = 1_000;

/**
 * How long a gateway's facts hold without another word from it, milliseconds. Two heartbeats may be
 * lost. Members of a killed gateway are gone within 5 s.
 */
export const GATEWAY_LEASE_MS = 3_500;

/**
 * Time within which a new connection must present a token, milliseconds. The gateway then closes it
 * with 4001.
 */
export const AUTH_DEADLINE_MS = 5_000;

/**
 * Frames queued in order while a connection's joins are pending, over all its rooms. The gateway
 * stops reading the socket while any frame is queued, so only the contents of one read can queue
 * up.
 */
export const MAX_FRAMES_BEFORE_JOIN = 2_048;

/**
 * The stream's deduplication window, milliseconds: a message resent with the same `id` within this
 * time is recognised as a duplicate.
 */
export const DUPLICATE_WINDOW_MS = 120_000;

/** Most room patterns that the `rooms` claim of one token may contain. */
export const MAX_ROOM_PATTERNS = 64;

/** Most patterns that the `calls` claim of one token may contain. */
export const MAX_CALL_PATTERNS = 64;

/** Longest id of a token (`jti`), characters. A UUID takes 36. */
export const MAX_TOKEN_ID_LENGTH = 128;

/** Longest reason of a kick, a ban or a revocation, characters. */
export const MAX_REASON_LENGTH = 200;

/** Most revocations or bans in one page of their list: at most about 500 KB. */
export const MAX_DENIALS_PAGE = 500;

/** Longest cursor of such a list, characters: a subject with a user id and a room. */
export const MAX_DENIAL_KEY_LENGTH = 1_024;

/**
 * How long a gateway may be unable to read the revocations and bans before it trusts no token any more,
 * milliseconds.
 */
export const DENIALS_STALE_MS = 60_000;

/** Shortest timeout a client may set for a `call`, milliseconds. */
export const MIN_CALL_TIMEOUT_MS = 1;
/** Longest timeout a client may set for a `call`, milliseconds. */
export const MAX_CALL_TIMEOUT_MS = 30_000;
/** Timeout of a `call` that sets none, milliseconds. */
export const DEFAULT_CALL_TIMEOUT_MS = 5_000;

/** Most entries in one `measurements` frame, and in each {@link MEASUREMENTS_MS}. */
export const MAX_MEASUREMENTS = 100;

/** How often a client may send a full `measurements` frame, milliseconds. */
export const MEASUREMENTS_MS = 5_000;

/** The longest hop that a client may report, and the longest time ago, milliseconds. */
export const MAX_MEASURED_MS = 60_000;

/**
 * Number of buckets that rooms are hashed into. The bucket is part of every subject, so this number
 * must never change.
 */
export const ROOM_BUCKETS = 64;

/** Most connections of a user that one gateway lists, and rooms that it lists of each: about 500 KB. */
export const MAX_LISTED_CONNECTIONS = 100;
/** See {@link MAX_LISTED_CONNECTIONS}. */
export const MAX_CONNECTION_ROOMS = 20;

/** Most seqs in one `room.erased` event. */
export const MAX_ERASED = 1_000;

/** Most dead letters of webhooks in one page of their list: about 300 KB with long reasons. */
export const MAX_DEAD_LETTERS_PAGE = 200;
/** Most dead letters that one request sends again: their payloads take a second or so. */
export const MAX_REPLAYED = 200;
