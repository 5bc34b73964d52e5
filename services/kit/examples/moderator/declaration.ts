/**
 * Says what the example moderator is and needs.
 *
 * @module
 */
import * as z from "zod";
import { declareService, integer, list } from "../../mod.ts";

/** See main.ts. */
export const declaration = declareService({
  name: "moderator",
  description: "Screens messages: refuses what is rude, and hides numbers of cards.",
  needs: ["screen", "events"],
  config: {
    /** Words that nobody may use. */
    MODERATOR_WORDS: list().default(["darn", "heck"]) as z.ZodType<string[]>,
    /** A sender is warned after so many refused messages. */
    MODERATOR_WARN_AFTER: integer(1, 100).default(3),
  },
});
