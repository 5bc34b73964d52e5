/**
 * A moderator: refuses messages with words of a list, hides what looks like the number of a card, and warns
 * those who do not stop. A namespace names it: `"screen": { "service": "moderator" }`.
 *
 * @module
 */
import { runApp } from "../../mod.ts";
import { declaration } from "./declaration.ts";

/** Senders whose refusals are counted; the one who was refused longest ago is forgotten. */
const MAX_SENDERS = 10_000;

/** 13 to 19 digits, perhaps in groups. */
const CARD = /\b\d(?:[ -]?\d){12,18}\b/g;

await runApp(declaration, {
  start(app, { MODERATOR_WORDS, MODERATOR_WARN_AFTER }) {
    const words = new Set(MODERATOR_WORDS.map((word) => word.toLowerCase()));
    const refused = new Map<string, number>();

    app.screen(({ content, userId }) => {
      if (typeof content !== "string") return { verdict: "accept" };
      const rude = content.toLowerCase().match(/\p{L}+/gu)?.find((word) => words.has(word));
      if (rude === undefined) {
        const safe = content.replace(CARD, "[hidden]");
        return safe === content ? { verdict: "accept" } : { verdict: "replace", content: safe };
      }
      const count = (refused.get(userId) ?? 0) + 1;
      refused.delete(userId);
      refused.set(userId, count);
      if (refused.size > MAX_SENDERS) refused.delete(refused.keys().next().value!);
      if (count === MODERATOR_WARN_AFTER) {
        app.event(userId, "moderator.warning", { refused: count });
      }
      return { verdict: "refuse", reason: `please do not say "${rude}"` };
    });
  },
});
