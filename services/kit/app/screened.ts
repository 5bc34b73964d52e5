/**
 * Has messages screened before a service posts them.
 *
 * @module
 */
import type { RoomEvent } from "../../contract/mod.ts";
import type { Context } from "../hop.ts";
import { createScreener, type Passed } from "../screening.ts";
import { type AppParts, requireNeed } from "./app_parts.ts";

/** Has one message screened; see {@link createScreened}. */
type Screened = (event: RoomEvent, context: Context) => Promise<Passed | null>;

/**
 * Makes what has messages of one service screened. It returns null where nobody screens messages, or the
 * service itself does: it would ask itself, and so on.
 */
export function createScreened(parts: AppParts): Screened {
  const { bus, declaration: { name }, grants } = parts;
  const screener = createScreener(bus);
  return async ({ room, userId, username, content }, context) => {
    requireNeed(parts, "screened", "app.post with screen");
    // A claim that allows nothing: what holds for the room is asked for.
    const { screen, namespace } = await grants.of({ room, claim: [] });
    if (screen === undefined || screen.service === name) return null;
    const payload = JSON.stringify({ room, userId, username, content });
    return await screener.screen({ screen, room, payload, context, namespace });
  };
}
