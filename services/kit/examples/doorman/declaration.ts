/**
 * Says what the example doorman is and needs.
 *
 * @module
 */
import * as z from "zod";
import { declareService, integer, list } from "../../mod.ts";

/** See main.ts. */
export const declaration = declareService({
  name: "doorman",
  description: "Tells users who came to a room and who left it.",
  needs: ["presence", "events"],
  config: {
    /** The rooms to watch. */
    DOORMAN_ROOMS: list().default(["lounge"]) as z.ZodType<string[]>,
    /** Who is told. */
    DOORMAN_TELLS: z.string().default("owner"),
    /** How often to look, milliseconds. */
    DOORMAN_MS: integer(100, 60_000).default(1_000),
  },
});
