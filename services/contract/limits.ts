/**
 * The sizes and times that both ends of the wire rely on. No I/O; imports nothing.
 * A number that only one service needs lives in that service's config instead.
 *
 * @module
 */

/**
 * Largest frame a client may send, bytes. Content is at most half of it, so that a frame with a
 * full content and every other field escaped still fits. Above it the socket is closed with 1009.
 */
export const MAX_FRAME_BYTES = 64 * 1024;

/** Largest body of a request over HTTP, bytes: it must fit into a NATS message. */
export const MAX_POST_BYTES = 512 * 1024;

/** Largest `content` of a message or signal, bytes of its JSON in UTF-8. */
export const MAX_CONTENT_BYTES = 32 * 1024;

/** Longest token accepted, characters. An RS256 token with a large `rooms` claim is about 2 KiB. */
export const MAX_TOKEN_LENGTH = 8 * 1024;

/** Longest client id of a frame, characters: a UUID is 36. */
export const MAX_ID_LENGTH = 64;

/** Longest user id and user name, characters. */
export const MAX_USER_LENGTH = 128;

/** Tokens (parts between dots) a room name may have. */
export const MAX_ROOM_TOKENS = 4;

/** Messages a `history` page holds when `limit` is not given, and at most. */
export const DEFAULT_HISTORY_LIMIT = 50;
export const MAX_HISTORY_LIMIT = 500;

/**
 * Bytes of events a history page holds at most: NATS refuses payloads over 1 MiB, and the page is
 * wrapped once more on its way. A page cut by this says `more: true`.
 */
export const MAX_PAGE_BYTES = 640 * 1024;

/** Members one `presence` answer lists at most; the rest is paged by `after`. */
export const MAX_PRESENCE_PAGE = 500;

/** Members above which a room tells how many there are, instead of each who comes and goes. */
export const MAX_ANNOUNCED_MEMBERS = 1_000;

/** How often it tells that at most, milliseconds. */
export const PRESENCE_COUNT_MS = 1_000;

/**
 * A join or leave older than this is refused, milliseconds. What shows that it was overtaken is kept
 * for three times as long.
 */
export const MAX_REQUEST_AGE_MS = 10_000;

/** Milliseconds a new connection has to show a token before it is closed with 4001. */
export const AUTH_DEADLINE_MS = 5_000;

/** Frames kept in order while the first token is being verified. One more is refused. */
export const MAX_FRAMES_BEFORE_AUTH = 32;

/**
 * Frames kept in order while the rooms they are for are being joined, over all rooms of a
 * connection. The socket is not read on while any wait, so only what one read carried can queue.
 */
export const MAX_FRAMES_BEFORE_JOIN = 2_048;

/** Time within which a resent `id` is recognised, milliseconds (the stream's duplicate window). */
export const DUPLICATE_WINDOW_MS = 120_000;

/** Room permission patterns one token may carry. */
export const MAX_ROOM_PATTERNS = 64;

/** Shortest and longest time a client may let a `call` take, milliseconds, and the default. */
export const MIN_CALL_TIMEOUT_MS = 1;
export const MAX_CALL_TIMEOUT_MS = 30_000;
export const DEFAULT_CALL_TIMEOUT_MS = 5_000;

/** Buckets the rooms are spread over; part of every subject, so it never changes. */
export const ROOM_BUCKETS = 64;
