/**
 * What an operator may ask: `deno task webhooks`. The instance that delivers answers.
 *
 * @module
 */
import {
  HooksDead,
  HooksEnable,
  HooksList,
  HooksReplay,
  HooksTest,
  MAX_DEAD_LETTERS_PAGE,
  MAX_REPLAYED,
} from "../contract/mod.ts";
import { type Bus, FaultError, serve } from "../kit/mod.ts";
import { readLetters, replayLetter } from "./delivery/dead_letters.ts";
import type { Runners } from "./delivery/runners.ts";

const QUEUE = "hooks";

/** Characters of a reason in a list. */
const MAX_SHOWN = 500;

/** Serves the commands. Returns a function that stops. */
export function serveCommands(bus: Bus, runners: Runners): () => void {
  let replaying = false;
  const subscriptions = [
    serve(bus, HooksList, QUEUE, () => ({ endpoints: runners.all.map(({ state }) => state) })),
    serve(bus, HooksDead, QUEUE, async ({ after = 0, ...which }) => {
      const { letters, next } = await readLetters(bus, which, after, MAX_DEAD_LETTERS_PAGE);
      return {
        letters: letters.map(({ seq, letter: { event, ...letter } }) => ({
          ...letter,
          seq,
          id: event.id,
          type: event.type,
          reason: letter.reason.slice(0, MAX_SHOWN),
        })),
        next,
      };
    }),
    serve(bus, HooksReplay, QUEUE, async ({ after = 0, ...which }) => {
      if (which.endpoint !== undefined) runners.get(which.endpoint);
      if (replaying) throw new FaultError("unavailable", "another replay is in progress", 1_000);
      replaying = true;
      try {
        const { letters, next } = await readLetters(bus, which, after, MAX_REPLAYED);
        // The others stay: nobody would get their events.
        const wanted = letters.filter(({ letter }) => runners.has(letter.endpoint));
        for (const letter of wanted) await replayLetter(bus, letter);
        return { replayed: wanted.length, next };
      } finally {
        replaying = false;
      }
    }),
    serve(bus, HooksTest, QUEUE, async ({ endpoint }) => {
      const runner = runners.get(endpoint);
      const began = performance.now();
      const { ok, text } = await runner.test({
        id: `test_${crypto.randomUUID().replaceAll("-", "")}`,
        type: "webhook.test",
        timestamp: new Date().toISOString(),
        data: { endpoint },
      });
      return { ok, outcome: text, milliseconds: Math.round(performance.now() - began) };
    }),
    serve(bus, HooksEnable, QUEUE, async ({ endpoint }) => {
      if (!runners.get(endpoint).endpoint.enabled) {
        throw new FaultError("invalid_format", `the file has "enabled": false for ${endpoint}`);
      }
      await runners.enable(endpoint);
      return { enabled: true as const };
    }),
  ];
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}
