/** A service that uses everything the kit offers; see kit_app_scenario_test.ts. */
import * as z from "zod";
import { FaultError, runApp } from "../../../services/kit/mod.ts";
import { declaration } from "./parrot_declaration.ts";

const Anything = z.unknown();

await runApp(declaration, {
  start(app, config) {
    const note = (line: string) =>
      Deno.writeTextFileSync(config.PARROT_FILE, `${line}\n`, { append: true });
    const never = new Promise<never>(() => {});

    app.answer("echo", {
      data: z.object({ text: z.string() }).optional(),
      result: z.object({ text: z.string(), by: z.string() }),
    }, ({ data, caller }) => ({ text: data?.text ?? "nothing", by: caller.userId }));
    app.answer("refuse", { data: Anything, result: Anything }, () => {
      throw new FaultError("forbidden", "no crackers");
    });
    app.answer("throw", { data: Anything, result: Anything }, () => {
      throw new Error("a secret of the service");
    });
    app.answer("wrong", { data: Anything, result: z.number() }, () => "four" as unknown as number);
    app.answer("huge", { data: Anything, result: z.string() }, () => "x".repeat(2_000_000));
    app.answer("hang", { data: Anything, result: Anything, concurrency: 2, timeoutMs: 300 }, () => {
      note("hang");
      return never;
    });
    app.answer("post", {
      data: z.object({ room: z.string(), content: Anything, id: z.string().optional() }),
      result: z.object({ seq: z.number(), duplicate: z.boolean() }),
    }, async ({ data: { room, content, id } }) => await app.post(room, content, { id }));
    app.answer("say", { data: z.string(), result: z.null() }, ({ data: room, caller }) => {
      app.signal(room, "squawk");
      app.event(caller.userId, "parrot.said", { room });
      return null;
    });
    app.answer("read", { data: z.string(), result: Anything }, async ({ data: room }) => ({
      messages: (await app.history(room, { limit: 10 })).messages.map(({ content }) => content),
      count: (await app.presence(room)).count,
    }));

    app.listen("chat.*", async ({ room, content, userId }) => {
      if (content === "throw") throw new Error("a live handler failed");
      if (content === "hang") await never;
      await app.post(room, `${userId} said ${content}`);
    }, { content: z.string(), timeoutMs: 1_000 });

    let failures = 0;
    app.listen("work.*", async ({ room, content, seq }) => {
      note(`began ${content}`);
      if (config.PARROT_HOLD && content !== "before") await never;
      if (content === "fails twice" && ++failures <= 2) throw new Error("not yet");
      if (content === "hangs") await never;
      if (content === "fails always") throw new Error("never");
      await app.post(room.replace("work", "done"), content, { id: `done-${seq}` });
      note(`done ${content}`);
    }, { durable: true, content: z.string(), attempts: 3 });

    app.every(200, "beat", ({ due }) => note(`tick ${due}`));
  },
});
