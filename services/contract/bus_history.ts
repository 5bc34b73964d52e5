/**
 * History, the archive and the log on the bus: the schemas of what persistence serves and announces. No
 * I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { endpoint, RoomEvent } from "./bus.ts";
import { Epoch, Seq, UserId } from "./frame_fields.ts";
import * as limits from "./limits.ts";
import { RoomName } from "./rooms.ts";
import { ROOMS_STREAMS } from "./streams.ts";
import { ROOMS_STREAM } from "./subjects.ts";

/** The name of a stream of the log. */
const RoomsStream = z.enum(ROOMS_STREAMS as [string, ...string[]]);

/** A stored message as the archive returns it. */
export const ArchivedMessage = RoomEvent.extend({ seq: Seq, prev: Seq });
/** The parsed form of {@link ArchivedMessage}. */
export type ArchivedMessage = z.infer<typeof ArchivedMessage>;

/**
 * Reads one page of a room's history from the archive. Served by persistence. With `after`, the
 * page holds the oldest messages above it, in ascending order. Otherwise it holds the newest
 * messages (below `before`, if given), newest first. A page holds messages of one epoch, `epoch` in the
 * reply; the next page goes on in the epoch before or after. To get every message of every epoch, pass
 * it on with the next cursor. With `upTo`, persistence waits until it has
 * archived everything up to that seq. If that takes too long, it refuses with `unavailable`.
 */
export const HistoryRead = endpoint(
  "history.read",
  z.object({
    room: RoomName,
    before: Seq.optional(),
    after: Seq.optional(),
    limit: z.number().int().min(1).max(limits.MAX_HISTORY_LIMIT),
    upTo: Seq.optional(),
    epoch: Epoch.optional().describe(
      "The epoch that `before` or `after` belongs to; by default the newest that reaches so far.",
    ),
    repair: z.boolean().optional().describe(
      "True for a gateway that repairs or replays a room. If messages are missing and " +
        "nobody knows why, its page has what remains and a higher `trimmedTo`. Without it, " +
        "such a page is refused.",
    ),
  }),
  z.object({
    messages: z.array(ArchivedMessage),
    more: z.boolean(),
    epoch: z.string().describe("The epoch of the log that these seqs belong to."),
    trimmedTo: Seq.describe(
      "Retention deleted messages up to this seq; everything above it is complete. 0: nothing " +
        "was deleted.",
    ),
  }),
);
/** The parsed reply of {@link HistoryRead}. */
export type HistoryPage = z.infer<typeof HistoryRead["reply"]>;

/** A message in the archive. */
export const ArchivedPlace = z.object({ epoch: Epoch, room: z.string().max(256), seq: Seq });

/**
 * Erases one message, or the messages of a user, from the archive and the log. What remains is the
 * message's place in the order: its id, and `erased`. Gateways drop the content too, and tell members. A
 * request for a user looks at a limited number of messages: repeat it with `after` set to `next` until
 * the reply has none. Served by persistence.
 */
export const HistoryErase = endpoint(
  "history.erase",
  z.union([
    z.strictObject({ room: RoomName, seq: Seq, epoch: Epoch.optional() }),
    z.strictObject({ userId: UserId, after: ArchivedPlace.optional() }),
  ]),
  z.object({
    erased: z.number().int().min(0).describe(
      "How many messages were erased. Erasing again erases nothing.",
    ),
    next: ArchivedPlace.optional(),
  }),
);

/** The event that says that messages of a room were erased. Published by persistence. */
export const ROOM_ERASED = "room.erased";
/** The payload of {@link ROOM_ERASED}. */
export const RoomErased = z.object({
  room: RoomName,
  epoch: Epoch,
  seqs: z.array(Seq).min(1).max(limits.MAX_ERASED),
});

/** A difference between log and archive. Both ends are included. */
export const AuditFinding = z.object({
  /**
   * `missing`: the log has messages that the archive lacks. `changed`: the archive has another content.
   * `extra`: the archive has messages that the log never had. `unexplained`: neither has them, and
   * nobody knows why. `lost`: the log has lost messages that the archive has.
   */
  kind: z.enum(["missing", "changed", "extra", "unexplained", "lost"]),
  first: Seq,
  last: Seq,
  /** The room, unless the seqs may belong to several. */
  room: z.string().optional(),
});
/** The parsed form of {@link AuditFinding}. */
export type AuditFinding = z.infer<typeof AuditFinding>;

/**
 * Compares a part of the log with the archive, seq by seq. Repeat it with `from` set to `next` until the
 * reply has none. With `repair`, what the log has is archived again, and what nobody has is recorded as
 * lost. It compares one stream of the log; repeat it with each `stream`, from 0 to `streams` in the reply.
 * Served by persistence, by the instance that archives the first stream.
 */
export const ArchiveAudit = endpoint(
  "archive.audit",
  z.object({
    /** The number of the stream; 0 by default. */
    stream: z.number().int().min(0).max(ROOMS_STREAMS.length - 1).optional(),
    /** The first seq; by default the log's first. */
    from: Seq.optional(),
    repair: z.boolean().optional(),
  }),
  z.object({
    epoch: Epoch,
    from: Seq,
    /** The last seq that was compared. */
    to: Seq,
    /** How many messages of the log were compared. */
    messages: z.number().int().min(0),
    findings: z.array(AuditFinding),
    /** How many seqs were repaired. */
    repaired: z.number().int().min(0),
    next: Seq.optional(),
    /** How many streams the log has, if there are several. */
    streams: z.number().int().min(2).optional(),
  }),
);
/** The parsed reply of {@link ArchiveAudit}. */
export type AuditReport = z.infer<typeof ArchiveAudit["reply"]>;

/**
 * Asks the instance of persistence that archives whether a log is the one that it archives, and has
 * compared with the archive since its last connect to NATS. Until it says so, a log may have been
 * restored from an older copy, and no gateway may claim that a client has recovered. A gateway that has
 * received a message which the log no longer has names its seq as `lost`: then a new epoch begins.
 * Served by persistence; `unavailable` while no instance archives. Each stream of the log is confirmed by
 * itself: see {@link logConfirmOf}.
 */
export const LogConfirm = endpoint(
  "log.confirm",
  z.object({ epoch: Epoch, lost: Seq.optional() }),
  z.object({
    /** The log that is archived. */
    epoch: Epoch,
  }),
);

/** {@link LogConfirm} for one stream of the log: the instance that archives that stream answers. */
export function logConfirmOf(stream: string): typeof LogConfirm {
  if (stream === ROOMS_STREAM) return LogConfirm;
  return { ...LogConfirm, subject: `${LogConfirm.subject}.${stream}` };
}

/** The subjects of {@link logConfirmOf} for every stream but the first. */
export const LOG_CONFIRM_OTHERS = `${LogConfirm.subject}.*`;

/** The event that says that the log has another epoch now. Published by persistence. */
export const LOG_CHANGED = "log.changed";
/** The payload of {@link LOG_CHANGED}. */
export const LogChanged = z.object({
  epoch: Epoch,
  stream: RoomsStream.optional().describe("The stream of the log; by default the first."),
});

/**
 * Requests the seqs of the last archived messages of rooms, for gateways that open rooms whose messages
 * have left the log. Served by persistence. The reply's heads are in the order of `rooms`; 0 stands for a
 * room that never had a message.
 */
export const HistoryHeads = endpoint(
  "history.heads",
  z.object({ rooms: z.array(RoomName).min(1).max(limits.MAX_BATCH) }),
  z.object({
    /** The log that the seqs belong to; of several streams, that of the first room. */
    epoch: z.string(),
    heads: z.array(Seq),
    /** The log that each seq belongs to, if the log has several streams. */
    epochs: z.array(z.string()).optional(),
  }),
);
