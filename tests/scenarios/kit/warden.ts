/** The service of kit_rights_, kit_flood_ and screening_backends_scenario_test.ts. */
import * as z from "zod";
import { faultOf, runApp } from "../../../services/kit/mod.ts";
import { declaration } from "./warden_declaration.ts";

await runApp(declaration, {
  start(app) {
    app.answer("rights", { data: z.string(), result: z.array(z.string()) }, async (call) => {
      return (await call.caller.grant(call.data)).rights;
    });
    app.answer("may", {
      data: z.object({ room: z.string(), method: z.string() }),
      result: z.object({ publish: z.boolean(), call: z.boolean() }),
    }, async ({ data: { room, method }, caller }) => ({
      publish: await caller.may("publish", room),
      call: caller.mayCall("warden", method),
    }));

    app.answer("post", {
      data: z.object({ room: z.string(), content: z.unknown(), screen: z.boolean() }),
      result: z.number(),
    }, async ({ data: { room, content, screen }, caller }) => {
      return (await app.post(room, content, { as: caller, screen })).seq;
    });

    app.answer("flood", {
      data: z.object({ room: z.string(), userId: z.string(), count: z.number() }),
      result: z.object({ stored: z.number(), refused: z.record(z.string(), z.number()) }),
    }, async ({ data: { room, userId, count } }) => {
      const refused: Record<string, number> = {};
      let stored = 0;
      const attempts = Array.from({ length: count }, async (_, n) => {
        try {
          app.signal(room, n);
          app.event(userId, "flood", n);
          await app.post(room, n);
          stored++;
        } catch (error) {
          const { code } = faultOf(error);
          refused[code] = (refused[code] ?? 0) + 1;
        }
      });
      await Promise.all(attempts);
      return { stored, refused };
    });

    app.screen(async ({ room, content }) => {
      // Would it ask itself about this, it would never end.
      if (room === "own.a") await app.post(room, `heard ${content}`, { screen: true });
      return { verdict: "accept" };
    });
  },
});
