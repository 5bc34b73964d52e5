/**
 * A list that several people change at once, with React. Messages are the changes; presence tells who
 * is here.
 *
 * @module
 */
import { type FormEvent, StrictMode, useEffect, useMemo } from "react";
// @ts-types="@types/react-dom/client"
import { createRoot } from "react-dom/client";
import { HopwireProvider, usePresence, useRoom } from "@hopwire/client/react";
import { connect } from "../connect.ts";
import { apply, Change, type Item } from "./changes.ts";

/** How many changes a page of history has. */
const PAGE = 500;

function List() {
  const { room, state, messages, hasOlder, error, send, loadOlder } = useRoom("list.demo", {
    schema: Change,
    history: PAGE,
    // Every change counts. A list that lives longer needs a service that sums them up.
    limit: 100_000,
  });
  const { members } = usePresence(room);
  const items = useMemo(
    () =>
      messages.reduce<readonly Item[]>(
        (items, { content }) => content === null ? items : apply(items, content),
        [],
      ),
    [messages],
  );
  useEffect(() => {
    if (hasOlder) void loadOlder(PAGE);
  }, [hasOlder, messages]);

  // A message that waits for the connection is sent later; one that is refused is shown as `error`.
  const change = (content: Change) => void send(content).catch(() => {});
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = String(new FormData(form).get("text")).trim();
    if (text === "") return;
    change({ type: "add", id: Math.random().toString(36).slice(2), text });
    form.reset();
  };
  return (
    <main>
      <output>{state}</output>
      {error && <p role="alert">{error.message}</p>}
      <ul aria-label="Members">
        {members.map(({ userId, username }) => <li key={userId}>{username}</li>)}
      </ul>
      <ol aria-label="List">
        {items.map((item) => <Row key={item.id} item={item} change={change} />)}
      </ol>
      <form onSubmit={add}>
        <input name="text" aria-label="New entry" maxLength={200} autoComplete="off" />
        <button type="submit">Add</button>
      </form>
    </main>
  );
}

function Row({ item: { id, text, done }, change }: {
  item: Item;
  change: (change: Change) => void;
}) {
  return (
    <li>
      <label className={done ? "done" : undefined}>
        <input
          type="checkbox"
          checked={done}
          onChange={() => change({ type: "check", id, done: !done })}
        />
        {text}
      </label>
      <button
        type="button"
        aria-label={`Move ${text} up`}
        onClick={() => change({ type: "move-up", id })}
      >
        ↑
      </button>
      <button
        type="button"
        aria-label={`Remove ${text}`}
        onClick={() => change({ type: "remove", id })}
      >
        ×
      </button>
    </li>
  );
}

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <HopwireProvider client={connect()}>
      <List />
    </HopwireProvider>
  </StrictMode>,
);
