/**
 * Inboxes: the subjects on which users of NATS get replies, and what is no inbox. No I/O; imports nothing.
 *
 * @module
 */

/** The prefix of a user's inboxes, where it gets replies. Nobody else may subscribe to them. */
export function inboxPrefix(user: string): string {
  return `_INBOX.${user}`;
}

/**
 * Whether a subject is somebody's inbox. NATS lets a requester name any subject for the reply, also
 * one that only the answering service may publish to. So nothing is answered that is not an inbox.
 */
export function isInbox(subject: string | undefined): boolean {
  return subject !== undefined && subject.startsWith("_INBOX");
}

/**
 * Whether a message with this reply subject was delivered by a consumer of a stream. A consumer may
 * name any subject to deliver to, also one that only others may publish to. So what arrives on a
 * subject of ours by that way is nobody's message.
 */
export function isDelivery(reply: string | undefined): boolean {
  return reply !== undefined && reply.startsWith("$JS.");
}

/** All inboxes of a user. */
export const inboxes = (user: string): string => `${inboxPrefix(user)}.>`;
