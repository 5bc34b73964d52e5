/**
 * How messages stand in the list: which continue the one before them, and where a new day begins. No DOM.
 *
 * @module
 */

/** A message of the same user within this time continues the one before, milliseconds. */
const GROUP_MS = 5 * 60_000;

/** What arranging needs to know of a line. */
export interface Line {
  /** The author; null for a note of the page, which ends a group. */
  userId: string | null;
  /** When it was sent, milliseconds since 1970. */
  timestamp: number;
}

/** How a line stands below the one before it. */
export interface Place {
  /** Whether it continues the line before: without the author's name and avatar. */
  continues: boolean;
  /** Whether a new day begins with it. */
  newDay: boolean;
}

/** Returns how `line` stands below `before`, in the time zone of this machine. */
export function placeOf(line: Line, before: Line | undefined): Place {
  if (before === undefined) return { continues: false, newDay: true };
  const newDay = !isSameDay(line.timestamp, before.timestamp);
  const continues = !newDay && line.userId !== null && line.userId === before.userId &&
    Math.abs(line.timestamp - before.timestamp) <= GROUP_MS;
  return { continues, newDay };
}

/** Names a day as people do: `Today`, `Yesterday`, or the date, with the year if it is another one. */
export function dayName(timestamp: number, now: number, locale?: string): string {
  if (isSameDay(timestamp, now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (isSameDay(timestamp, yesterday.getTime())) return "Yesterday";
  const date = new Date(timestamp);
  const year = date.getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(locale, { weekday: "long", day: "numeric", month: "long", year });
}

function isSameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
