/**
 * What the feed sends and the page shows.
 *
 * @module
 */
import * as z from "zod";

/** The room. In production only the token of the feed has the right to publish in it. */
export const ROOM = "prices.demo";

/** How many prices there are. */
export const ROWS = 1_000;

const Price = z.number().int().nonnegative();

/** All prices, in cents. The feed sends them as messages: the room's history has the latest. */
export const AllPrices = z.array(Price).length(ROWS);

/** Changed prices, by row. The feed sends them as signals. */
export const Changes = z.array(z.tuple([z.number().int().min(0).max(ROWS - 1), Price])).max(ROWS);

/** All prices. */
export type AllPrices = z.infer<typeof AllPrices>;
/** Changed prices. */
export type Changes = z.infer<typeof Changes>;
