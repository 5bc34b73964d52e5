/**
 * The table of rights in PROTOCOL.md: which user of NATS may publish and subscribe to what. Made from
 * the same rights as the configuration of nats-server.
 *
 * @module
 */
import {
  BUS_RIGHTS,
  BUS_USERS,
  type BusRights,
  ROOMS_STREAM,
  SERVICE_EXTRAS,
  serviceRights,
} from "../contract/mod.ts";
import { withGenerated } from "./generated_text.ts";

/** The file that holds the table. */
export const PROTOCOL = new URL("../contract/PROTOCOL.md", import.meta.url).pathname;

/** Stands for the name of a service of one's own. */
const NAME = "<name>";

/**
 * Returns the text of the file with a current table.
 *
 * @throws {Error} when the text does not have both markers
 */
export async function withRights(text: string): Promise<string> {
  const own = serviceRights(NAME);
  const columns: [title: string, rights: BusRights][] = [
    ...BUS_USERS.map((user): [string, BusRights] => [user, BUS_RIGHTS[user]]),
    ["`<name>`", own],
    ...SERVICE_EXTRAS.map((extra): [string, BusRights] => {
      const { publish, subscribe } = serviceRights(NAME, [extra]);
      return [`+${extra}`, {
        publish: publish.filter((subject) => !own.publish.includes(subject)),
        subscribe: subscribe.filter((subject) => !own.subscribe.includes(subject)),
      }];
    }),
  ];
  const subjects = new Set(
    columns.flatMap(([, rights]) => [...rights.publish, ...rights.subscribe]).map(withoutNumber),
  );
  const rows = [...subjects].toSorted(inOrder).map((subject) =>
    row(`\`${subject}\``, columns.map(([, rights]) => rightTo(subject, rights)))
  );
  const answers = columns.map(([, { answersWithin }]) =>
    answersWithin === undefined ? "" : `once, within ${answersWithin} s`
  );
  const table = [
    row("subject", columns.map(([title]) => title)),
    row("---", columns.map(() => "---")),
    ...rows,
    row("the reply of a request that it got", answers),
  ];
  return await withGenerated(text, "rights", table.join("\n"));
}

/** The streams of the log but the first: they are one row, with N in place of their number. */
const OTHER_STREAMS = new RegExp(`\\b${ROOMS_STREAM}_\\d+\\b`);

function withoutNumber(subject: string): string {
  return subject.replace(OTHER_STREAMS, `${ROOMS_STREAM}_N`);
}

function rightTo(subject: string, { publish, subscribe }: BusRights): string {
  const has = (subjects: readonly string[]) =>
    subjects.some((one) => withoutNumber(one) === subject);
  const [out, into] = [has(publish), has(subscribe)];
  return out && into ? "both" : out ? "publish" : into ? "subscribe" : "";
}

function row(first: string, cells: string[]): string {
  return `| ${[first, ...cells].join(" | ")} |`;
}

/** Our own subjects first, then inboxes, then JetStream's. */
function inOrder(a: string, b: string): number {
  const kind = (subject: string) => ["$", "_"].indexOf(subject[0]!);
  const group = (subject: string) => [0, 2, 1][kind(subject) + 1]!;
  return group(a) - group(b) || (a < b ? -1 : 1);
}
