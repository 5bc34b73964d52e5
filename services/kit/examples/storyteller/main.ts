/**
 * A bot that answers as it thinks: who is in the room sees the text grow, by signals, and the room's history
 * gets the whole text once. Replace `words` with the stream of a language model.
 *
 * Its listener is durable: a question that is asked while the bot is down is answered later, and the id of
 * the answer makes sure that it is stored once.
 *
 * @module
 */
import * as z from "zod";
import { runApp } from "../../mod.ts";
import { declaration } from "./declaration.ts";

/** The answer to a question, word by word. */
async function* words(question: string, pauseMs: number, signal: AbortSignal) {
  for (const word of `You asked: ${question}. I do not know.`.split(" ")) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    signal.throwIfAborted();
    yield word;
  }
}

await runApp(declaration, {
  start(app, { STORYTELLER_PAUSE_MS }) {
    app.listen("story.*", async ({ room, id, seq, content, signal }) => {
      let text = "";
      for await (const word of words(content, STORYTELLER_PAUSE_MS, signal)) {
        text += text === "" ? word : ` ${word}`;
        app.signal(room, { answering: id, text });
      }
      await app.post(room, { answers: id, text }, { id: `story-${seq}` });
    }, { durable: true, content: z.string() });
  },
});
