/**
 * Connects an example to the server that the page names, with a development token.
 *
 * @module
 */
import { Hopwire } from "@hopwire/client";

/** The user's name, from `?name=` in the page's address. */
export const username = new URLSearchParams(location.search).get("name") || "Guest";

/** Returns a client. Each tab is a user of its own. In production your backend signs the tokens. */
export function connect(): Hopwire {
  const { server, tokens } = document.body.dataset;
  const userId = `guest-${Math.random().toString(36).slice(2)}`;
  return new Hopwire(server!, {
    token: async ({ signal }) => {
      const body = JSON.stringify({ userId, username });
      const response = await fetch(tokens!, { method: "POST", body, signal });
      if (!response.ok) throw new Error(await response.text());
      return (await response.json()).token;
    },
  });
}
