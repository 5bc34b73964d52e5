/**
 * A backend that publishes prices: changes as signals, ten times a second, and all prices as a message
 * every five seconds. Run it beside the examples: `deno run -A client/examples/price-table/feed.ts`.
 *
 * @module
 */
import { Hopwire } from "@hopwire/client";
import { type AllPrices, type Changes, ROOM, ROWS } from "./prices.ts";

const CHANGES_MS = 100;
const CHANGES = 100;
const ALL_MS = 5_000;

/** Publishes prices until the client is closed. Returns the prices, which change. */
export function startFeed(hop: Hopwire): AllPrices {
  const room = hop.join<AllPrices, Changes>(ROOM, { presence: false });
  const prices = Array.from({ length: ROWS }, () => Math.floor(1_000 + Math.random() * 99_000));
  const sendAll = () => void room.send(prices).catch(() => {});
  const sendChanges = () => {
    const changes: Changes = Array.from({ length: CHANGES }, () => {
      const row = Math.floor(Math.random() * ROWS);
      prices[row] = Math.max(1, prices[row]! + Math.floor(Math.random() * 201) - 100);
      return [row, prices[row]!];
    });
    room.signal(changes);
  };
  sendAll();
  const timers = [setInterval(sendChanges, CHANGES_MS), setInterval(sendAll, ALL_MS)];
  room.on("left", () => timers.forEach((timer) => clearInterval(timer)));
  return prices;
}

if (import.meta.main) {
  const [server = "http://127.0.0.1:8080", tokens = "http://127.0.0.1:8081/token"] = Deno.args;
  startFeed(
    new Hopwire(server, {
      token: async () => {
        const body = JSON.stringify({ userId: "price-feed", username: "Prices" });
        return (await (await fetch(tokens, { method: "POST", body })).json()).token;
      },
    }),
  );
}
