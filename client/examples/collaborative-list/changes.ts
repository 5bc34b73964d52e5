/**
 * A list as the sum of its changes. All members receive the changes in the same order, so all have the
 * same list.
 *
 * @module
 */
import * as z from "zod";

const id = z.string().min(1).max(64);

/** A change of the list: the content of a message. */
export const Change = z.discriminatedUnion("type", [
  z.object({ type: z.literal("add"), id, text: z.string().min(1).max(200) }),
  z.object({ type: z.literal("check"), id, done: z.boolean() }),
  z.object({ type: z.literal("rename"), id, text: z.string().min(1).max(200) }),
  z.object({ type: z.literal("move-up"), id }),
  z.object({ type: z.literal("remove"), id }),
]);
/** A change of the list. */
export type Change = z.infer<typeof Change>;

/** An entry of the list. */
export interface Item {
  id: string;
  text: string;
  done: boolean;
}

/**
 * Returns the list after a change. A change of an entry that another user has just removed does
 * nothing.
 */
export function apply(items: readonly Item[], change: Change): readonly Item[] {
  const index = items.findIndex((item) => item.id === change.id);
  if (change.type === "add") {
    return index < 0 ? [...items, { id: change.id, text: change.text, done: false }] : items;
  }
  if (index < 0) return items;
  switch (change.type) {
    case "check":
      return items.with(index, { ...items[index]!, done: change.done });
    case "rename":
      return items.with(index, { ...items[index]!, text: change.text });
    case "move-up":
      if (index === 0) return items;
      return items.with(index - 1, items[index]!).with(index, items[index - 1]!);
    case "remove":
      return items.toSpliced(index, 1);
  }
}
