import assert from "node:assert/strict";
import * as z from "zod";
import type { Message, Room } from "./mod.ts";
import type { Schema } from "./schema.ts";
import { connectedClient, joinedRoom, messageFrame } from "./test_client.ts";

const Line = z.object({ text: z.string(), style: z.object({ bold: z.boolean() }).optional() });
const Cursor = z.object({ x: z.number() });

/** What a room reports of contents. */
function record(room: Room<z.infer<typeof Line>, z.infer<typeof Cursor>>) {
  const reports: unknown[] = [];
  room.on("message", ({ content }) => reports.push(content?.text ?? null));
  room.on("signal", ({ content }) => reports.push(content.x));
  room.on("invalid", ({ error: { code, message } }) => reports.push(`${code}: ${message}`));
  return reports;
}

Deno.test("what does not match the schema raises invalid and reaches no listener", async () => {
  const { hop, room, socket, received } = await joinedRoom({}, {
    schema: Line,
    signalSchema: Cursor,
  });
  const reports = record(room as Parameters<typeof record>[0]);
  const receive = (seq: number, content: unknown, more = {}) =>
    socket().receive({ ...messageFrame(seq), content, ...more });
  receive(11, { text: "one", other: 1 });
  receive(12, { text: 2, style: { bold: "no" } });
  receive(13, null, { erased: true });
  receive(14, { text: "four" });
  const sender = { type: "room-signal", room: "lobby", userId: "bob", username: "Bob" };
  socket().receive({ ...sender, content: { x: 1 } });
  socket().receive({ ...sender, content: { x: "left" } });
  assert.deepEqual(reports, [
    "one",
    "invalid_content: text: Invalid input: expected string, received number; " +
    "style: bold: Invalid input: expected boolean, received string",
    null,
    "four",
    1,
    "invalid_content: x: Invalid input: expected number, received string",
  ]);
  assert.deepEqual(received, [11, 13, 14]);
  assert.equal(room.since?.seq, 14, "an invalid message is not requested again");
  hop.close();
});

Deno.test("a schema that throws or answers later makes contents invalid, and ends nothing", async () => {
  const schemas: Record<string, () => never> = {
    "Error: out of order": () => {
      throw new Error("out of order");
    },
    "the schema is asynchronous, which is not supported": () =>
      Promise.resolve({ value: 1 }) as never,
  };
  for (const [expected, validate] of Object.entries(schemas)) {
    const schema: Schema<number> = { "~standard": { version: 1, vendor: "test", validate } };
    const { hop, room, socket, received } = await joinedRoom({}, { schema });
    const text = `invalid_content: ${expected}`;
    const errors: string[] = [];
    const contents: unknown[] = [];
    room.on("invalid", ({ received, error }) => {
      contents.push((received as Message).content);
      errors.push(`${error.code}: ${error.message}`);
    });
    socket().receive(messageFrame(11));
    socket().receive(messageFrame(12));
    assert.deepEqual([received, contents, errors], [[], [11, 12], [text, text]]);
    hop.close();
  }
});

Deno.test("a call rejects if the answer does not match its schema", async () => {
  const { hop, sockets } = await connectedClient();
  const answer = async (data: unknown) => {
    const result = hop.call("text.make", { length: 3 }, { schema: Line });
    sockets[0]!.receive({ type: "result", id: sockets[0]!.sentOf("call").at(-1)!.id, data });
    return (await result).text;
  };
  assert.equal(await answer({ text: "abc" }), "abc");
  await assert.rejects(answer({}), { name: "HopwireError", code: "invalid_content" });
  hop.close();
});

Deno.test("only schemas with one type for both directions are accepted", () => {
  const accepted: Schema<{ text: string }> = z.object({ text: z.string() });
  // @ts-expect-error: a room would receive dates and send strings.
  const refused: Schema<Date> = z.string().transform((text) => new Date(text));
  assert.ok(accepted !== refused as unknown);
});
