import assert from "node:assert/strict";
import { hashOf, type View, viewOf, viewOfSearch } from "./location.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

Deno.test("addresses and views belong together", () => {
  const views: View[] = [
    { name: "overview" },
    { name: "trace", traceId },
    { name: "message", room: "chat.team", seq: 813 },
    { name: "room", room: "a/b c" },
  ];
  for (const view of views) assert.deepEqual(viewOf(hashOf(view)), view);
});

Deno.test("anything else is the overview", () => {
  for (
    const hash of ["", "#", "#/x", "#/trace/123", "#/message/chat", "#/message/chat/x", "#/room/"]
  ) assert.deepEqual(viewOf(hash), { name: "overview" }, hash);
  assert.deepEqual(viewOf("#/room/%"), { name: "room", room: "%" });
});

Deno.test("the search field takes a trace id, a room, or a room and a seq", () => {
  assert.deepEqual(viewOfSearch(` ${traceId.toUpperCase()} `), { name: "trace", traceId });
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  assert.deepEqual(viewOfSearch(traceparent), { name: "trace", traceId });
  for (const text of ["chat.team 813", "chat.team/813", "chat.team #813"]) {
    assert.deepEqual(viewOfSearch(text), { name: "message", room: "chat.team", seq: 813 });
  }
  assert.deepEqual(viewOfSearch("chat.team"), { name: "room", room: "chat.team" });
  assert.deepEqual(viewOfSearch(" "), { name: "overview" });
});
