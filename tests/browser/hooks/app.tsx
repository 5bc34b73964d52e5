/**
 * Components that use every hook. The page (page.tsx) mounts them in a browser; the test renders them
 * on a server, too.
 *
 * @module
 */
// @ts-types="@types/react"
import { StrictMode, useEffect, useState } from "react";
import * as z from "zod";
import type { Hopwire } from "@hopwire/client";
import { HopwireProvider, useCall, usePresence, useRoom } from "@hopwire/client/react";
import type { View } from "./scope.ts";

const Line = z.object({ text: z.string() });

/** All components. */
export function App({ client, view }: { client: Hopwire | null; view: View }) {
  return (
    <StrictMode>
      <HopwireProvider client={client}>
        {view.rooms.map((name, index) => <Chat key={index} name={name} />)}
        <Dice />
      </HopwireProvider>
    </StrictMode>
  );
}

function Chat({ name }: { name: string }) {
  const chat = useRoom(name, { schema: Line, history: 10, limit: 20 });
  const { room, state, messages, hasOlder, error, send, signal, loadOlder } = chat;
  const { members, count, setPresence } = usePresence(room);
  const [signals, setSignals] = useState(0);
  useEffect(() => room?.on("signal", () => setSignals((before) => before + 1)), [room]);
  return (
    <section aria-label={name}>
      <output>{`${state} ${hasOlder ? "more" : "all"} ${signals} ${error?.code ?? "fine"}`}</output>
      <ol>
        {messages.map((one) => <li key={one.seq}>{one.erased ? "erased" : one.content.text}</li>)}
      </ol>
      <ul>
        {members.map(({ userId, presence }) => <li key={userId}>{`${userId} ${presence?.mood}`}
        </li>)}
      </ul>
      <p>{`members: ${count}`}</p>
      <button type="button" onClick={() => void send({ text: "hello" })}>say</button>
      <button type="button" onClick={() => signal("wave")}>wave</button>
      <button type="button" onClick={() => setPresence({ mood: "glad" })}>smile</button>
      <button type="button" onClick={() => void loadOlder(10)}>older</button>
    </section>
  );
}

function Dice() {
  const { call, result, error, isPending } = useCall<{ sides: number }, number>("dice.roll", {
    schema: z.number(),
  });
  const code = (error as { code?: string } | undefined)?.code ?? "fine";
  return (
    <aside>
      <output>{`${isPending ? "pending" : "idle"} ${result} ${code}`}</output>
      {[0, 1, 6, 20].map((sides) => (
        <button
          key={sides}
          type="button"
          onClick={() => void call({ sides })}
        >
          {sides}
        </button>
      ))}
    </aside>
  );
}
