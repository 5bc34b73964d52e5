/** The types of the packed client: they compile in every kind of application, and name nothing internal. */
import assert from "node:assert/strict";
import ts from "typescript";
import { areRuntimesInstalled } from "../harness/runtimes.ts";
import { compile, createApplication } from "./package.ts";

const ignore = !await areRuntimesInstalled();

const PROGRAM =
  `import { Hopwire, type Message, type PresenceState, type Schema } from "@hopwire/client";
const hop = new Hopwire("/", { token: async ({ signal }) => (signal.aborted ? "" : "t"), storage: null });
const room = hop.join("chat.lobby");
const off: () => void = room.on("message", ({ seq, content }) => { const n: number = seq; void n; void content; });
for await (const message of room.history({ before: 3 })) { const m: Message = message; void m; }
const { seq }: { seq: number } = await room.send({ text: "x" });
room.setPresence({ status: "away" });
room.on("member-updated", ({ presence }) => { const state: PresenceState | undefined = presence; void state; });
off();
void seq;

interface Line { text: string }
declare const schema: Schema<Line>;
const typed = hop.join("chat.typed", { schema });
typed.on("message", (message) => { if (!message.erased) message.content.text.trim(); });
typed.on("invalid", ({ received, error }) => { void received.content; error.code.trim(); });
for await (const { content } of typed) content?.text.trim();
await typed.send({ text: "x" });
typed.signal(1);
const both = hop.join<Line>("chat.both", { schema, signalSchema: schema });
both.on("message", ({ content }) => content?.text.trim());
const named = hop.join<Line>("chat.named");
await named.send({ text: "x" });
const answer = await hop.call("dice.roll", { sides: 6 }, { schema });
answer.text.trim();
const rolled = await hop.call<{ sides: number }, { eyes: number }>("dice.roll", { sides: 6 });
rolled.eyes.toFixed();
`;

const REACT_PROGRAM = `import { Hopwire, type Schema } from "@hopwire/client";
import { HopwireProvider, useCall, usePresence, useRoom } from "@hopwire/client/react";
const hop = new Hopwire("/", { token: "t" });
declare const schema: Schema<{ text: string }>;
function Chat() {
  const { messages, room, send } = useRoom("chat.lobby", { schema, history: 20 });
  const { members, setPresence } = usePresence(room);
  const { call, result, isPending } = useCall<{ sides: number }, { eyes: number }>("dice.roll");
  return (
    <main onClick={() => setPresence({ here: true })}>
      {messages.map((one) => <p key={one.seq}>{one.erased ? "(erased)" : one.content.text}</p>)}
      {members.map(({ userId, username }) => <b key={userId}>{username}</b>)}
      <button disabled={isPending} onClick={() => call({ sides: 6 })}>{result?.eyes}</button>
      <button onClick={() => void send({ text: "x" })}>send</button>
    </main>
  );
}
export const app = <HopwireProvider client={hop}><Chat /></HopwireProvider>;
`;

/** The kinds of applications: what their compiler knows of the platform. */
const PLATFORMS: Record<string, { lib: string[]; types?: string[] }> = {
  "a page": { lib: ["ES2022", "DOM", "DOM.Iterable"] },
  "a worker": { lib: ["ES2022", "WebWorker"] },
  "Node": { lib: ["ES2022"], types: ["node"] },
  "an unknown platform": { lib: ["ES2022"] },
};

/** What applications may import. A new name is a promise: add it here on purpose. */
const PUBLIC_NAMES: Record<string, string> = {
  "mod.d.ts": `Ack CallOptions ClientErrorCode Clock Emitter HistoryOptions Hopwire HopwireError
    HopwireEvents HopwireOptions InvalidContent JoinOptions Member Message MessageInfo
    PlatformAbortSignal PlatformFetch PresenceState Room RoomEvents Schema SchemaIssue SchemaResult
    SendOptions Signal State StateEvent TokenSource TraceOptions TransportName UserEvent
    WebSocketLike newTraceparent`,
  "react/mod.d.ts":
    `CallState HopwireProvider HopwireProviderProps PresenceView RoomSnapshot RoomView
    UseRoomOptions useCall useHopwire usePresence useRoom`,
};

Deno.test({
  name: "the package's types compile under tsc --strict, with and without the DOM",
  ignore,
  async fn(t) {
    await using application = await createApplication(["@types/node", "@types/react", "csstype"]);
    for (const [name, platform] of Object.entries(PLATFORMS)) {
      await t.step(name, async () => {
        assert.equal(await compile(application, { "main.ts": PROGRAM }, platform), "");
      });
    }
    const page = PLATFORMS["a page"]!;
    await t.step("React", async () => {
      assert.equal(await compile(application, { "main.tsx": REACT_PROGRAM }, page), "");
    });
    await t.step("wrong code is rejected", async () => {
      const changes: [from: string, to: string, error: RegExp][] = [
        ["before: 3", 'before: "3"', /TS2322/],
        ['{ status: "away" }', '"away"', /TS2345/],
        ["seq, content })", "seq, contents })", /TS2339/],
        ['typed.send({ text: "x" })', "typed.send({ text: 1 })", /TS2322/],
        ["if (!message.erased) message", "message", /TS18047/],
        ['named.send({ text: "x" })', 'named.send("x")', /TS2345/],
        ["answer.text", "answer.texts", /TS2551/],
        ["rolled.eyes", "rolled.eye", /TS2551/],
        ["{ sides: 6 });", "{ side: 6 });", /TS2561/],
        ["void seq;", 'new (await import("@hopwire/client")).Room();', /TS2339/],
      ];
      const programs = changes.map(([from, to], index) => {
        assert.ok(PROGRAM.includes(from), from);
        return [`wrong${index}.ts`, PROGRAM.replace(from, to)];
      });
      const output = await compile(application, Object.fromEntries(programs), page);
      for (const [index, [, to, error]] of changes.entries()) {
        const complaints = output.split("\n").filter((line) => line.startsWith(`wrong${index}.ts`));
        assert.match(complaints.join("\n"), error, to);
      }
    });
    await t.step("no other names are public", () => {
      const folder = `${application.packageFolder}/types`;
      for (const [file, names] of Object.entries(PUBLIC_NAMES)) {
        const program = ts.createProgram([`${folder}/${file}`], { noLib: true });
        const checker = program.getTypeChecker();
        const module = checker.getSymbolAtLocation(program.getSourceFile(`${folder}/${file}`)!)!;
        const found = checker.getExportsOfModule(module).map(({ name }) => name).sort();
        assert.deepEqual(found, names.split(/\s+/).sort(), file);
      }
    });
  },
});
