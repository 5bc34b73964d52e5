/**
 * Who may publish and subscribe to a subject, in words. Made from the same rights as the configuration of
 * nats-server.
 *
 * @module
 */
import {
  BUS_RIGHTS,
  BUS_USERS,
  type BusRights,
  liveSubject,
  matchesRoom,
  NATS_TRACES,
  scheduleSubject,
  SERVICE_EXTRAS,
  serviceRights,
} from "../../../contract/mod.ts";

/** The name of a service of one's own, in examples of subjects. */
export const SERVICE = "dice";

/** Who uses a subject. */
export interface SubjectUsers {
  publishers: string[];
  subscribers: string[];
}

/**
 * The rights of a service of one's own: those that every one has, and those that are given beside.
 * Subjects of NATS itself (JetStream's API, inboxes, its traces) are left out.
 */
export function ownRights(): { words: string; rights: BusRights }[] {
  const every = serviceRights(SERVICE);
  const own = ({ publish, subscribe }: BusRights, beside?: BusRights): BusRights => ({
    publish: publish.filter((one) => isOurs(one) && !beside?.publish.includes(one)),
    subscribe: subscribe.filter((one) => isOurs(one) && !beside?.subscribe.includes(one)),
  });
  return [
    { words: "any service", rights: own(every) },
    ...SERVICE_EXTRAS.map((extra) => ({
      words: `a service with +${extra}`,
      rights: own(serviceRights(SERVICE, [extra]), every),
    })),
  ];
}

function isOurs(subject: string): boolean {
  // The server publishes there, and asks for the right of whoever sends a message that it reports on.
  if (subject === NATS_TRACES) return false;
  // The ticks of a service's schedules are between its own instances.
  if (subject === scheduleSubject(SERVICE, "*")) return false;
  return !subject.startsWith("$JS.") && !subject.startsWith("_INBOX.");
}

/** Whether a pattern of NATS matches a subject. */
export function matchesSubject(pattern: string, subject: string): boolean {
  return matchesRoom(pattern, subject);
}

/** Returns who may publish and who may subscribe to a subject without wildcards. */
export function usersOf(subject: string): SubjectUsers {
  const all = [
    ...BUS_USERS.map((user) => ({ words: user, rights: BUS_RIGHTS[user] })),
    ...ownRights(),
  ];
  const may = (side: "publish" | "subscribe") =>
    all.filter(({ rights }) => rights[side].some((one) => matchesSubject(one, subject)))
      .map(({ words }) => words);
  const publishers = may("publish");
  // Nobody has this right: see bus_rights.ts.
  if (subject === liveSubject("lobby")) publishers.push("nats-server");
  return { publishers, subscribers: may("subscribe") };
}
