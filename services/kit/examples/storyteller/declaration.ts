/**
 * Says what the example storyteller is and needs.
 *
 * @module
 */
import { declareService, integer } from "../../mod.ts";

/** See main.ts. */
export const declaration = declareService({
  name: "storyteller",
  description: "Answers messages word by word, and then with the whole text.",
  needs: ["log", "post", "signal"],
  config: {
    /** The pause between two words, milliseconds. */
    STORYTELLER_PAUSE_MS: integer(0, 1_000).default(60),
  },
});
